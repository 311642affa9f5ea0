#pragma once

// The keys of the UFS that steps of the persist queue change, now or while a look at the UFS was
// under way. No transaction stays open while the UFS is asked, so its answer is applied to records
// that may be newer. The answer is wrong for these records only if a step changed the key
// meanwhile: every other change is noted in the records themselves, which then refuse the answer
// (meta/loading/import.h). Thread-safe. In memory only: a restart ends all steps and all looks.

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
  // A step locks a key before it commits its intent, and unlocks it after it has committed its
  // outcome. `name` is the key's name in the store (keys::Ledger).
  void Locked(const std::string& name);
  void Unlocked(const std::string& name);

  // Lives from before the UFS is asked until the answer is applied.
  class Look {
   public:
    explicit Look(KeyChanges& changes);
    ~Look();
    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;
    // Whether a step has changed `key` since the look began, or is changing it. kBelow: or a key
    // below it, which makes a directory appear that is no object. Ask after the first read of the
    // transaction that applies the answer: the commit of a later step conflicts with that
    // transaction.
    enum class Reach { kKey, kBelow };
    bool Disturbed(MountId mount, std::string_view key, Reach reach = Reach::kKey) const;

   private:
    KeyChanges& changes_;
    uint64_t began_ = 0;
  };
  std::unique_ptr<Look> Begin() { return std::make_unique<Look>(*this); }

 private:
  void Trim() REQUIRES(mutex_);

  Mutex mutex_;  // Held over no I/O.
  uint64_t now_ GUARDED_BY(mutex_) = 0;
  std::multiset<uint64_t> looks_ GUARDED_BY(mutex_);  // When each began.
  std::map<std::string, int, std::less<>> locked_ GUARDED_BY(mutex_);
  // When each key was last unlocked, while a look still needs it.
  std::map<std::string, uint64_t, std::less<>> unlocked_ GUARDED_BY(mutex_);
  size_t trim_at_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn::meta
