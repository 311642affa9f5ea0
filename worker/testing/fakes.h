#pragma once

// For the tests of worker/: functions that make and read objects, and a persist queue that follows
// a script.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "cache/cache_store.h"
#include "role/persist_queue.h"
#include "ufs/under_file_system.h"

namespace tarn::worker {

inline constexpr MountId kMount{1};

inline std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string PutObject(ufs::UnderFileSystem& ufs, const std::string& key,
                             std::string_view text) {
  ufs::CreateOptions options;
  options.size_bytes = text.size();
  Result<std::unique_ptr<ufs::Upload>> upload = ufs.Create(key, options, {});
  EXPECT_TRUE(upload.ok() && (*upload)->WritePart(0, Bytes(text), {}).ok());
  Result<ufs::ObjectInfo> info = (*upload)->Commit({});
  EXPECT_TRUE(info.ok()) << info.status().ToString();
  return info->etag;
}

inline std::string GetObject(ufs::UnderFileSystem& ufs, const std::string& key) {
  Result<ufs::ObjectInfo> info = ufs.Stat(key, {});
  if (!info.ok()) return "<" + info.status().ToString() + ">";
  std::string text(info->size_bytes, '\0');
  Result<size_t> got = ufs.Read(key, "", 0, std::as_writable_bytes(std::span(text)), {});
  EXPECT_TRUE(got.ok()) << got.status().ToString();
  return text;
}

inline std::string ReadLive(cache::LiveFile& file) {
  std::string text(file.CurrentSize(), '\0');
  Result<size_t> got = file.Read(0, std::as_writable_bytes(std::span(text)));
  return got.ok() ? text : got.status().ToString();
}

// Each inode has a list of actions. An action that fails is tried again; the task is finished when
// all are settled.
class ScriptedQueue final : public role::PersistQueue {
 public:
  void Add(role::Action action) {
    MutexLock lock(mutex_);
    const uint64_t ino = action.ino.value;
    actions_[ino].push_back(std::move(action));
    Offer(ino, 0);
  }
  // Errors of a task before the queue gives it up.
  void SetTries(uint32_t tries) {
    MutexLock lock(mutex_);
    tries_ = tries;
  }
  // False if a task is unfinished after a minute.
  bool WaitFinished() {
    MutexLock lock(mutex_);
    for (int i = 0; i < 600 && (!due_.empty() || leased_ > 0); ++i) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(100));
    }
    return due_.empty() && leased_ == 0;
  }
  std::vector<Settled> settled() {
    MutexLock lock(mutex_);
    return settled_;
  }
  int released() {
    MutexLock lock(mutex_);
    return released_;
  }
  int leased() {
    MutexLock lock(mutex_);
    return leased_;
  }

  Result<std::vector<role::Task>> Lease(role::TaskClass task_class, size_t limit,
                                        Nanos wait) override {
    MutexLock lock(mutex_);
    if (task_class == role::TaskClass::kLarge) limit = 0;
    if (due_.empty() || limit == 0) changed_.WaitFor(mutex_, wait / 50);
    std::vector<role::Task> tasks;
    while (tasks.size() < limit && !due_.empty()) {
      tasks.push_back(due_.front());
      due_.pop_front();
      ++leased_;
    }
    return tasks;
  }
  Result<role::Action> Prepare(const role::Task& task) override {
    MutexLock lock(mutex_);
    std::deque<role::Action>& actions = actions_[task.ino.value];
    if (!actions.empty()) return actions.front();
    Return();
    return role::Action{};
  }
  bool IsWanted(const role::Action& action) override {
    MutexLock lock(mutex_);
    return !unwanted_.contains(action.ino.value);
  }
  Status NoteFile(const role::Action&, const std::string&) override { return OkStatus(); }
  // From now on uploads of the inode are superseded.
  void Supersede(InodeId ino) {
    MutexLock lock(mutex_);
    unwanted_.insert(ino.value);
  }
  // Settling the n-th item from now fails.
  void FailSettling(int n) {
    MutexLock lock(mutex_);
    fail_settling_ = n;
  }

  std::vector<Result<bool>> Settle(std::span<const Settled> items) override {
    MutexLock lock(mutex_);
    std::vector<Result<bool>> persisted;
    for (const Settled& item : items) {
      if (fail_settling_ > 0 && --fail_settling_ == 0) {
        persisted.emplace_back(Status(Code::kNoSpace, "the disk is full"));
        Offer(item.action.ino.value, item.task.attempts);
        continue;
      }
      settled_.push_back(item);
      const bool ok = item.outcome.status.ok();
      persisted.emplace_back(ok && item.action.kind == role::Action::Kind::kUpload);
      if (ok) {
        actions_[item.action.ino.value].pop_front();
        continue;
      }
      Return();
      if (item.task.attempts + 1 < tries_) Offer(item.action.ino.value, item.task.attempts + 1);
    }
    return persisted;
  }
  Status Release(std::span<const role::Task> tasks) override {
    MutexLock lock(mutex_);
    for (size_t i = 0; i < tasks.size(); ++i) Return();
    released_ += static_cast<int>(tasks.size());
    return OkStatus();
  }

  Result<role::QueuePage> List(const std::string&, size_t) override { return Unasked(); }
  Result<std::optional<role::QueueEntry>> Find(InodeId) override { return Unasked(); }
  Result<role::QueueTotals> Totals() override { return Unasked(); }
  Status RetryNow(std::optional<InodeId>) override { return Unasked(); }
  Status Resolve(InodeId, role::Take) override { return Unasked(); }

 private:
  static Status Unasked() { return Status(Code::kUnsupported, "no worker asks for it"); }
  void Offer(uint64_t ino, uint32_t attempts) REQUIRES(mutex_) {
    const bool there = std::any_of(due_.begin(), due_.end(),
                                   [&](const role::Task& t) { return t.ino.value == ino; });
    if (!there) due_.push_back({std::to_string(ino), InodeId(ino), "task", attempts});
    changed_.NotifyAll();
  }
  void Return() REQUIRES(mutex_) {
    --leased_;
    changed_.NotifyAll();
  }

  Mutex mutex_;
  CondVar changed_;
  uint32_t tries_ GUARDED_BY(mutex_) = 1;
  std::map<uint64_t, std::deque<role::Action>> actions_ GUARDED_BY(mutex_);
  std::deque<role::Task> due_ GUARDED_BY(mutex_);
  std::vector<Settled> settled_ GUARDED_BY(mutex_);
  std::set<uint64_t> unwanted_ GUARDED_BY(mutex_);
  int leased_ GUARDED_BY(mutex_) = 0;
  int fail_settling_ GUARDED_BY(mutex_) = 0;
  int released_ GUARDED_BY(mutex_) = 0;
};

}  // namespace tarn::worker
