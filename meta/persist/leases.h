#pragma once

// The state of the embedded persist queue that is in memory only: which entries are leased, which
// wait, and which UFS keys are being changed. A restart ends all steps, so it may forget this
// state. Thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "meta/store/key_changes.h"
#include "role/persist_queue.h"

namespace tarn::meta {

class Leases {
 public:
  explicit Leases(KeyChanges& changes) : changes_(changes) {}
  // False: the entry is leased or waits.
  bool Take(const std::string& id);
  // Leases an entry even if it waits. False: it is leased.
  bool TakeIfIdle(const std::string& id);
  // Leases up to `limit` entries whose wait is over.
  std::vector<std::string> TakeWaiting(role::TaskClass task_class, MonotonicTime now, size_t limit);
  // Ends the lease; the entry is not handed out before `until`.
  void Park(const std::string& id, MonotonicTime until);
  // Ends the lease; the entry waits for 50 ms at first, and up to 1 s after more calls in a row.
  void ParkBriefly(const std::string& id, MonotonicTime now, std::string reason = "");
  void MadeProgress(const std::string& id);
  // Call it when the entry is gone from the store or has another key there.
  void End(const std::string& id);
  // Ends the wait of all entries.
  void UnparkAll();
  struct Waiting {
    MonotonicTime until;
    std::string reason;
  };
  std::optional<Waiting> WaitOf(const std::string& id) const;

  // Locks these UFS keys for the entry until Unlock, and unlocks those that it had locked before.
  // False: another entry has one of them, and no lock changes.
  bool Lock(const std::string& id, const std::vector<std::string>& keys);
  void Unlock(const std::string& id);

 private:
  struct Entry {
    bool leased = false;
    MonotonicTime until;
    uint32_t waits = 0;
    std::string reason;
    std::vector<std::string> locks;
  };
  void ParkLocked(const std::string& id, MonotonicTime until) REQUIRES(mutex_);
  void UnparkLocked(const std::string& id, Entry& entry) REQUIRES(mutex_);
  void UnlockLocked(Entry& entry) REQUIRES(mutex_);

  KeyChanges& changes_;  // Records each lock and unlock.
  mutable Mutex mutex_;  // Lock order: before the mutex in `changes_`.
  std::unordered_map<std::string, Entry> entries_ GUARDED_BY(mutex_);
  std::set<std::pair<MonotonicTime, std::string>> waiting_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::string> locks_ GUARDED_BY(mutex_);  // Key -> entry.
};

}  // namespace tarn::meta
