#pragma once

// Which inodes lost their last writer lately. Attributes that were read before that moment must not
// be cached, since a writer that the daemon does not see may have changed them after the read.
// Thread-safe, lock-free.

#include <array>
#include <atomic>
#include <cstdint>

#include "base/ids.h"

namespace tarn::host {

class SettledLog {
 public:
  uint64_t Now() const { return sequence_; }
  // Call it after the last commit of the inode.
  void Add(InodeId ino) { SlotOf(ino) = ++sequence_; }
  // Whether `ino`, or an inode that shares its slot, was added after `since`, an earlier Now.
  bool AddedSince(InodeId ino, uint64_t since) const { return SlotOf(ino) > since; }

 private:
  static constexpr size_t kSlots = 4096;
  std::atomic<uint64_t>& SlotOf(InodeId ino) { return slots_[ino.value % kSlots]; }
  const std::atomic<uint64_t>& SlotOf(InodeId ino) const { return slots_[ino.value % kSlots]; }

  std::atomic<uint64_t> sequence_{0};
  std::array<std::atomic<uint64_t>, kSlots> slots_{};
};

}  // namespace tarn::host
