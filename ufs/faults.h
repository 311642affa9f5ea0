#pragma once

// An under file system whose calls fail on demand, for tests.

#include <cstddef>
#include <memory>

#include "base/clock.h"
#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// The faults, which a test may change at any time. Thread-safe.
class UfsFaults {
 public:
  virtual ~UfsFaults() = default;
  // The n-th call from now (1 is the next) answers `status`. kAfterEffect: the change is made
  // first.
  enum class When { kBeforeEffect, kAfterEffect };
  virtual void FailNth(int n, Status status, When when) = 0;
  virtual void FailAll(Status status) = 0;  // All calls fail until Heal.
  virtual void DelayEach(Nanos delay) = 0;
  virtual void ShortenReads(size_t max_bytes) = 0;
  virtual void Heal() = 0;
  virtual int Calls() const = 0;  // How many were made so far.
};

struct FaultyUfs {
  std::unique_ptr<UnderFileSystem> ufs;  // Wraps `base`, which must outlive it.
  UfsFaults* faults;                     // Owned by ufs.
};
FaultyUfs NewFaultyUfs(UnderFileSystem& base, Clock& clock);

}  // namespace tarn::ufs
