#pragma once

// Who uses how much of each place: clean contents, which can be evicted, by the eviction policy;
// pinned ones (staging, dirty, erased but open) as sums. Thread-safe, no I/O. A content is charged
// in one of the two ways at a time, and its owner says so with every change.

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_set>
#include <vector>

#include "base/mutex.h"
#include "cache/cache_store.h"
#include "cache/room/eviction.h"

namespace tarn::cache {

class Space {
 public:
  // One policy and one capacity a place.
  Space(std::vector<uint64_t> capacities_bytes,
        std::vector<std::unique_ptr<EvictionPolicy>> policies, double pinned_ratio);

  size_t EmptiestPlace() const;
  bool PinnedRoom(uint64_t bytes) const;
  // Pinned bytes and contents of a place change by these.
  void Pin(size_t place, int64_t bytes, int64_t contents);
  // A clean content has this size now.
  void SetClean(size_t place, InodeId ino, uint64_t bytes, int64_t now_ns);
  void DropClean(size_t place, InodeId ino);
  void Touch(size_t place, InodeId ino, int64_t now_ns);

  // While contents of earlier runs are read from the index, each is added unless it was changed
  // since LoadBegins.
  void LoadBegins();
  void AddLoaded(size_t place, InodeId ino, uint64_t bytes, int64_t last_use_ns);
  void LoadEnds();

  // How much is to be evicted from a place so that `more_bytes` fit.
  uint64_t Excess(size_t place, uint64_t more_bytes) const;
  // The victim is in limbo until SetClean or DropClean is called for it, or one of these: GiveBack
  // charges it again, unless it was meanwhile, Forget does not.
  std::optional<Victim> TakeVictim(size_t place);
  void GiveBack(size_t place, const Victim& victim, int64_t now_ns);
  void Forget(InodeId ino);
  uint64_t CleanCount(size_t place) const;
  Usage GetUsage() const;

 private:
  struct Place {
    uint64_t capacity_bytes = 0;
    std::unique_ptr<EvictionPolicy> policy;
    int64_t pinned_bytes = 0;
    int64_t pinned_contents = 0;
    uint64_t used_bytes() const { return policy->bytes() + static_cast<uint64_t>(pinned_bytes); }
  };
  void Note(InodeId ino) REQUIRES(mutex_);

  mutable Mutex mutex_;  // Innermost but for page maps.
  std::vector<Place> places_ GUARDED_BY(mutex_);
  uint64_t pinned_limit_bytes_ = 0;
  bool loading_ GUARDED_BY(mutex_) = false;
  std::unordered_set<InodeId> limbo_ GUARDED_BY(mutex_);
  std::unordered_set<InodeId> changed_ GUARDED_BY(mutex_);  // Since loading began.
};

}  // namespace tarn::cache
