#pragma once

// Runs a program and takes its output, within limits of time and size. Thread-safe; blocks.

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

struct ProgramOutput {
  int exit_status = 0;     // 128 plus the number of a signal that ended it.
  std::string text;        // Standard output.
  std::string error_text;  // Standard error.
  bool cut = false;        // An output was longer than 64 KiB.
};

// `words`: the program, found by PATH, and its arguments. It gets an empty input and a process
// group of its own. The whole group is killed when the call's deadline passes or its stop token
// fires. kNotFound, kPermission, ...: it cannot be started; kDeadlineExceeded, kCancelled.
Result<ProgramOutput> RunProgram(const std::vector<std::string>& words, const CallOptions& call,
                                 const Clock& clock);

}  // namespace tarn::ufs::s3
