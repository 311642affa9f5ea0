#pragma once

// Which keys of the UFS the steps of the persist queue change now, or changed during a look. No
// transaction stays open while the UFS is asked, so the answer is applied to records that may be
// newer than the answer. The answer is wrong for them only if a step changed the key meanwhile: all
// other changes are noted in the records themselves, and meta/loading/import.h then ignores the
// answer. Thread-safe. In memory only: a restart ends all steps and all looks.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::meta {

class KeyChanges {
 public:
  // A step locks a key before it commits its intent, and unlocks the key after it commits its
  // outcome. `name` is keys::Ledger of the key.
  void Locked(const std::string& name);
  void Unlocked(const std::string& name);

  // Begin it before asking the UFS, and destroy it after the answer is applied.
  class Look {
   public:
    explicit Look(KeyChanges& changes);
    ~Look();
    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;
    // True if a step is changing `key`, or changed it since the look began. Call it after the first
    // read of the transaction that applies the answer: the commit of a later step conflicts with
    // that transaction. kBelow: also true for a key below `key`, because such a key makes a
    // directory appear that is no object.
    enum class Reach { kKey, kBelow };
    bool Disturbed(MountId mount, std::string_view key, Reach reach = Reach::kKey) const;

   private:
    KeyChanges& changes_;
    uint64_t began_ = 0;
  };
  std::unique_ptr<Look> Begin() { return std::make_unique<Look>(*this); }

 private:
  void Trim() REQUIRES(mutex_);

  Mutex mutex_;  // After that of Leases; a leaf. Held over no I/O.
  uint64_t now_ GUARDED_BY(mutex_) = 0;
  std::multiset<uint64_t> looks_ GUARDED_BY(mutex_);  // When each look began.
  std::map<std::string, int, std::less<>> locked_ GUARDED_BY(mutex_);
  // When each key was unlocked last, if a look still needs it.
  std::map<std::string, uint64_t, std::less<>> unlocked_ GUARDED_BY(mutex_);
  size_t trim_at_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn::meta
