#pragma once

// How much of each place is used. Clean contents, which can be evicted, are known to the eviction
// policy one by one; pinned contents (staging, dirty, erased but open) are counted as sums. A
// content is charged in one of these two ways at a time, and the caller reports every change.
// Thread-safe, no I/O.

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
  // Adds to the pinned bytes and contents of a place; both may be negative.
  void Pin(size_t place, int64_t bytes, int64_t contents);
  // A clean content has `bytes` now.
  void SetClean(size_t place, InodeId ino, uint64_t bytes, int64_t now_ns);
  void DropClean(size_t place, InodeId ino);
  void Touch(size_t place, InodeId ino, int64_t now_ns);

  // Between LoadBegins and LoadEnds, contents of earlier runs are read from the index. AddLoaded
  // adds one unless it was charged in another way since LoadBegins.
  void LoadBegins();
  void AddLoaded(size_t place, InodeId ino, uint64_t bytes, int64_t last_use_ns);
  void LoadEnds();

  // How much must be evicted from a place so that `more_bytes` fit.
  uint64_t Excess(size_t place, uint64_t more_bytes) const;
  // Takes a victim out of its place. It is in limbo until SetClean, DropClean, GiveBack or Forget
  // is called for it. GiveBack charges it again, unless another thread has meanwhile; Forget does
  // not.
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

  mutable Mutex mutex_;  // After all but the mutex of a PageMap.
  std::vector<Place> places_ GUARDED_BY(mutex_);
  uint64_t pinned_limit_bytes_ = 0;
  bool loading_ GUARDED_BY(mutex_) = false;
  std::unordered_set<InodeId> limbo_ GUARDED_BY(mutex_);    // Victims that were taken.
  std::unordered_set<InodeId> changed_ GUARDED_BY(mutex_);  // Charged since loading began.
};

}  // namespace tarn::cache
