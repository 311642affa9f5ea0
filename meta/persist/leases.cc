#include "meta/persist/leases.h"

#include <algorithm>

#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

constexpr Nanos kFirstWait = std::chrono::milliseconds(50);
constexpr uint32_t kMostDoublings = 4;

bool IsOfClass(const std::string& id, role::TaskClass task_class) {
  return id.starts_with(keys::QueuePrefix(static_cast<uint8_t>(task_class)));
}

}  // namespace

bool Leases::Take(const std::string& id) {
  MutexLock lock(mutex_);
  auto [found, fresh] = entries_.try_emplace(id);
  if (fresh) found->second.leased = true;
  return fresh;
}

bool Leases::TakeIfIdle(const std::string& id) {
  MutexLock lock(mutex_);
  auto [found, fresh] = entries_.try_emplace(id);
  if (!fresh && found->second.leased) return false;
  if (!fresh) UnparkLocked(id, found->second);
  found->second.leased = true;
  return true;
}

std::vector<std::string> Leases::TakeWaiting(role::TaskClass task_class, MonotonicTime now,
                                             size_t limit) {
  MutexLock lock(mutex_);
  std::vector<std::string> taken;
  for (auto it = waiting_.begin();
       it != waiting_.end() && it->first <= now && taken.size() < limit;) {
    if (!IsOfClass(it->second, task_class)) {
      ++it;
      continue;
    }
    entries_[it->second].leased = true;
    taken.push_back(it->second);
    it = waiting_.erase(it);
  }
  return taken;
}

void Leases::UnparkLocked(const std::string& id, Entry& entry) {
  if (!entry.leased) waiting_.erase({entry.until, id});
}

void Leases::ParkLocked(const std::string& id, MonotonicTime until) {
  Entry& entry = entries_[id];
  UnparkLocked(id, entry);
  entry.leased = false;
  entry.until = until;
  waiting_.insert({until, id});
}

void Leases::Park(const std::string& id, MonotonicTime until) {
  MutexLock lock(mutex_);
  ParkLocked(id, until);
}

void Leases::ParkBriefly(const std::string& id, MonotonicTime now, std::string reason) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[id];
  entry.reason = std::move(reason);
  const uint32_t doublings = std::min(entry.waits++, kMostDoublings);
  ParkLocked(id, now + kFirstWait * (1 << doublings));
}

void Leases::MadeProgress(const std::string& id) {
  MutexLock lock(mutex_);
  if (auto found = entries_.find(id); found != entries_.end()) found->second.waits = 0;
}

void Leases::End(const std::string& id) {
  MutexLock lock(mutex_);
  auto found = entries_.find(id);
  if (found == entries_.end()) return;
  UnparkLocked(id, found->second);
  UnlockLocked(found->second);
  entries_.erase(found);
}

void Leases::UnparkAll() {
  MutexLock lock(mutex_);
  std::set<std::pair<MonotonicTime, std::string>> all;
  all.swap(waiting_);
  for (const auto& [until, id] : all) {
    Entry& entry = entries_[id];
    entry.until = MonotonicTime::min();
    entry.waits = 0;
    waiting_.insert({entry.until, id});
  }
}

std::optional<Leases::Waiting> Leases::WaitOf(const std::string& id) const {
  MutexLock lock(mutex_);
  auto found = entries_.find(id);
  if (found == entries_.end() || found->second.leased) return std::nullopt;
  return Waiting{found->second.until, found->second.reason};
}

bool Leases::Lock(const std::string& id, const std::vector<std::string>& keys) {
  MutexLock lock(mutex_);
  for (const std::string& key : keys) {
    auto found = locks_.find(key);
    if (found != locks_.end() && found->second != id) return false;
  }
  for (const std::string& key : keys) changes_.Locked(key);
  Entry& entry = entries_[id];
  UnlockLocked(entry);
  entry.locks = keys;
  for (const std::string& key : keys) locks_[key] = id;
  return true;
}

void Leases::Unlock(const std::string& id) {
  MutexLock lock(mutex_);
  if (auto found = entries_.find(id); found != entries_.end()) UnlockLocked(found->second);
}

void Leases::UnlockLocked(Entry& entry) {
  for (const std::string& key : entry.locks) {
    locks_.erase(key);
    changes_.Unlocked(key);
  }
  entry.locks.clear();
}

}  // namespace tarn::meta
