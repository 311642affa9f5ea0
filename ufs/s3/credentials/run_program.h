#pragma once

// Runs a program and takes what it prints, bounded in time and bytes. Internal to ufs/s3.
// Thread-safe; blocks.

#include <string>
#include <vector>

#include "base/status.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

struct ProgramOutput {
  int exit_status = 0;     // 128 and the signal's number, if a signal ended it.
  std::string text;        // Standard output.
  std::string error_text;  // Standard error.
  bool cut = false;        // One of them was longer than it may be.
};

// `words`: the program, found by PATH, and its arguments. It reads nothing, has its own process
// group, and is killed with that when the call's deadline passes or its stop token fires.
// kNotFound, kPermission, ...: it cannot be started; kDeadlineExceeded, kCancelled.
Result<ProgramOutput> RunProgram(const std::vector<std::string>& words, const CallOptions& call);

}  // namespace tarn::ufs::s3
