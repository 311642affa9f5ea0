#pragma once

// Which keys of the UFS the steps of the persist queue change, now or while a look at the UFS was
// under way. No transaction stays open while the UFS is asked, so the answer is applied to records
// that may be newer than it. It is wrong for them only if a step changed the key meanwhile: every
// other change is noted in the records themselves, which keep the answer out
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
  // A step locks a key before its intent is committed and unlocks it after its outcome is. The name
  // is keys::Ledger's.
  void Locked(const std::string& name);
  void Unlocked(const std::string& name);

  // From before the UFS is asked until the answer is applied.
  class Look {
   public:
    explicit Look(KeyChanges& changes);
    ~Look();
    Look(const Look&) = delete;
    Look& operator=(const Look&) = delete;
    // A step has changed `key` since the look began, or is changing it. Ask after the first read of
    // the transaction that applies the answer: what a later step commits conflicts with that
    // transaction. kBelow: or a key below it, which makes a directory appear that is no object.
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
  // When each key was unlocked last, as far as a look still needs it.
  std::map<std::string, uint64_t, std::less<>> unlocked_ GUARDED_BY(mutex_);
  size_t trim_at_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn::meta
