#pragma once

// The state that the embedded persist queue keeps only in memory: the leased entries, the entries
// that wait for a moment, and the UFS keys that steps are changing. A restart drops it, and ends
// all work under way. Thread-safe.

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
  // False: a worker has it, or it waits.
  bool Take(const std::string& id);
  // Like Take, but takes an entry that waits too. False: a worker has it.
  bool TakeIfIdle(const std::string& id);
  // Leases up to `limit` entries whose wait is over.
  std::vector<std::string> TakeWaiting(role::TaskClass task_class, MonotonicTime now, size_t limit);
  // Ends the lease. The entry is not leased again before `until`.
  void Park(const std::string& id, MonotonicTime until);
  // Like Park, for a time that grows with each call in a row, from 50 ms to 1 s.
  void ParkBriefly(const std::string& id, MonotonicTime now, std::string reason = "");
  void MadeProgress(const std::string& id);
  // The entry is gone from the store, or has another key there.
  void End(const std::string& id);
  // Ends the wait of all entries.
  void UnparkAll();
  struct Waiting {
    MonotonicTime until;
    std::string reason;
  };
  std::optional<Waiting> WaitOf(const std::string& id) const;

  // Locks these keys of the UFS for the entry, until Unlock. False: another entry has one of them,
  // and none is locked.
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

  KeyChanges& changes_;  // Each lock is reported to it.
  mutable Mutex mutex_;  // Lock order: before the mutex of `changes_`.
  std::unordered_map<std::string, Entry> entries_ GUARDED_BY(mutex_);
  std::set<std::pair<MonotonicTime, std::string>> waiting_ GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::string> locks_ GUARDED_BY(mutex_);  // Key -> entry.
};

}  // namespace tarn::meta
