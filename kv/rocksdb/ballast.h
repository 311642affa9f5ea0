#pragma once

// Disk space held in reserve as a preallocated file, given up when the disk is full, so that the
// store can finish what it must, and taken back once there is room. Thread-safe.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"

namespace tarn::kv {

class Ballast {
 public:
  // Takes the space if there is room for twice as much; `bytes` of 0 holds nothing.
  Ballast(std::string path, size_t bytes, const Clock& clock);
  // False: no space was freed.
  bool GiveUp();
  // True if the disk has room for `bytes` beside the ballast, or has it after the ballast is given
  // up.
  bool MakeRoomFor(uint64_t bytes);
  // Takes the space back if it was given up, the disk has plenty of room, and the last try is a
  // while ago.
  void TakeBack();

 private:
  bool Allocate() REQUIRES(mutex_);

  const std::string path_;
  const size_t bytes_;
  const Clock& clock_;
  Mutex mutex_;  // A leaf; held over the allocation, which is one call on metadata.
  bool held_ GUARDED_BY(mutex_) = false;
  MonotonicTime next_try_ GUARDED_BY(mutex_);
};

}  // namespace tarn::kv
