#pragma once

// How far a copy is. For one thread at a time.

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace tarn {

struct CopyTotals {
  uint64_t files = 0;
  uint64_t bytes = 0;
};

// "[###...] 3 of 12 files, 1.0 MiB of 4.0 MiB, 2.0 MiB/s, 1 s to go". Pure.
std::string CopyProgressText(const CopyTotals& done, const CopyTotals& all, Nanos elapsed);

// A line that overwrites itself. Prints nothing if standard error is no terminal, nor for a copy
// that ends soon.
class CopyProgress {
 public:
  explicit CopyProgress(Clock& clock);
  // Clears the line.
  ~CopyProgress();
  CopyProgress(const CopyProgress&) = delete;
  CopyProgress& operator=(const CopyProgress&) = delete;

  bool IsShown() const { return shown_; }
  // What all copies of the command will be.
  void Expect(const CopyTotals& more);
  void AddBytes(uint64_t bytes);
  void AddFile();
  const CopyTotals& done() const { return done_; }

 private:
  void DrawIfDue();

  Clock& clock_;
  const bool shown_;
  const MonotonicTime start_;
  MonotonicTime last_;
  bool drawn_ = false;
  CopyTotals all_;
  CopyTotals done_;
};

}  // namespace tarn
