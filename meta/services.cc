#include "meta/services.h"

#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "meta/ops/learn.h"
#include "meta/ops/learn_ahead.h"
#include "meta/ops/operations.h"
#include "meta/store/changes.h"

namespace tarn::meta {
namespace {

using role::Caller;
using role::FileInfo;

class OperationNames final : public role::Names {
 public:
  explicit OperationNames(const Env& env) : env_(env) {}

  Result<FileInfo> Lookup(const Caller&, InodeId parent, std::string_view name) override {
    return ops::Lookup(env_, parent, name);
  }
  Result<FileInfo> Create(const Caller& caller, InodeId parent, std::string_view name,
                          const role::CreateSpec& spec) override {
    return Fresh(parent, name, ops::Create(env_, caller, parent, name, spec));
  }
  Result<FileInfo> CreateUnnamed(const Caller& caller, InodeId parent,
                                 const role::CreateSpec& spec) override {
    return ops::CreateUnnamed(env_, caller, parent, spec);
  }
  Result<FileInfo> Link(const Caller&, InodeId ino, InodeId parent,
                        std::string_view name) override {
    return Fresh(parent, name, ops::Link(env_, ino, parent, name));
  }
  Result<FileInfo> Unlink(const Caller&, InodeId parent, std::string_view name) override {
    Result<FileInfo> removed = ops::Unlink(env_, parent, name);
    if (removed.ok() && IsAside(removed->attr.persist)) Uncover(parent, name);
    return removed;
  }
  Result<FileInfo> Rmdir(const Caller&, InodeId parent, std::string_view name) override {
    return ops::Rmdir(env_, parent, name);
  }
  Result<Renamed> Rename(const Caller& caller, InodeId parent, std::string_view name,
                         InodeId new_parent, std::string_view new_name,
                         role::RenameMode mode) override {
    Result<Renamed> renamed =
        ops::Rename(env_, caller, {parent, name}, {new_parent, new_name}, mode);
    if (renamed.ok() && renamed->uncovers) Uncover(parent, name);
    return renamed;
  }
  Result<Listing> ReadDir(const Caller&, InodeId dir, uint64_t cursor, size_t limit,
                          WithAttrs attrs) override {
    return ops::ReadDir(env_, dir, cursor, limit, attrs);
  }
  Result<InodeId> ParentOf(InodeId dir) override { return ops::ParentOf(env_, dir); }

 private:
  Result<FileInfo> Fresh(InodeId parent, std::string_view name, Result<FileInfo> info) const {
    if (info.ok()) info->attr.fresh_ns = env_.loader.FreshFor(parent, name).count();
    return info;
  }
  static bool IsAside(role::PersistState state) {
    return state == role::PersistState::kConflict || state == role::PersistState::kLost;
  }
  // A file in CONFLICT or LOST hid the object of another client until now.
  void Uncover(InodeId parent, std::string_view name) const {
    const Status looked = env_.loader.LookAgain(parent, name);
    if (!looked.ok()) LogInfo("look at '", name, "': ", looked);
  }
  const Env env_;
};

// Remembers for a moment how full the UFS is: programs ask for it far more often than it changes.
class UsageCache {
 public:
  std::optional<role::StatFs> Get(MonotonicTime now) const {
    MutexLock lock(mutex_);
    return now < fresh_until_ ? std::optional(usage_) : std::nullopt;
  }
  void Set(const role::StatFs& usage, MonotonicTime now) {
    MutexLock lock(mutex_);
    usage_ = usage;
    fresh_until_ = now + kFresh;
  }

 private:
  static constexpr Nanos kFresh = std::chrono::seconds(3);
  mutable Mutex mutex_;
  role::StatFs usage_ GUARDED_BY(mutex_);
  MonotonicTime fresh_until_ GUARDED_BY(mutex_) = MonotonicTime::min();
};

class OperationFiles final : public role::Files {
 public:
  OperationFiles(const Env& env, MountId root_mount) : env_(env), root_mount_(root_mount) {}

  Result<FileInfo> GetAttr(InodeId ino) override { return ops::GetAttr(env_, ino); }
  Result<FileInfo> SetAttr(const Caller& caller, InodeId ino,
                           const role::AttrChange& change) override {
    return ops::SetAttr(env_, caller, ino, change);
  }
  Result<std::string> ReadLink(InodeId ino) override { return ops::ReadLink(env_, ino); }
  Result<std::string> GetXattr(InodeId ino, std::string_view name) override {
    return ops::GetXattr(env_, ino, name);
  }
  Result<std::vector<std::string>> ListXattrs(InodeId ino) override {
    return ops::ListXattrs(env_, ino);
  }
  Status SetXattr(const Caller&, InodeId ino, std::string_view name, std::string_view value,
                  role::XattrMode mode) override {
    return ops::SetXattr(env_, ino, name, value, mode);
  }
  Status RemoveXattr(const Caller&, InodeId ino, std::string_view name) override {
    return ops::RemoveXattr(env_, ino, name);
  }
  Result<FileInfo> CommitWrite(const Caller&, InodeId ino,
                               const role::WriteCommit& commit) override {
    return ops::CommitWrite(env_, ino, commit);
  }
  Result<FileInfo> GetKnownAttr(InodeId ino) override { return ops::GetKnownAttr(env_, ino); }
  Status Forget(std::span<const InodeId> inos) override { return ops::Forget(env_, inos); }

  Status SyncLog() override { return env_.context.store.Sync(); }

  Result<role::StatFs> GetStatFs() override {
    const MonotonicTime now = env_.context.clock.Now();
    if (std::optional<role::StatFs> known = usage_.Get(now)) return *known;
    ASSIGN_OR_RETURN(role::StatFs usage, ops::ReadStatFs(env_, root_mount_));
    usage_.Set(usage, now);
    return usage;
  }

 private:
  const Env env_;
  const MountId root_mount_;
  UsageCache usage_;
};

class OperationWriters final : public role::Writers {
 public:
  explicit OperationWriters(const Env& env) : env_(env) {}

  Result<FileInfo> OpenForWrite(InodeId ino) override { return ops::OpenForWrite(env_, ino); }
  void OpenMade(InodeId ino) override { env_.context.writers.Begin(ino); }
  void CloseForWrite(InodeId ino) override { env_.context.writers.End(ino); }

 private:
  const Env env_;
};

class OperationMaintenance final : public role::Maintenance {
 public:
  explicit OperationMaintenance(const Env& env) : env_(env), ahead_(NewLearnAhead(env)) {}

  Status Revalidate(InodeId dir) override { return env_.loader.Revalidate(dir); }
  Status Recheck(InodeId ino) override { return ops::Recheck(env_, ino); }
  Status RecheckName(InodeId dir, std::string_view name) override {
    return env_.loader.LookAgain(dir, name);
  }
  void DeliverChanges() override { env_.context.changes.Drain(); }
  Status LearnAttributes(InodeId ino) override {
    ASSIGN_OR_RETURN(const Asked asked, meta::LearnAttributes(env_, ino));
    if (asked == Asked::kYes) ahead_->Note(ino);
    return OkStatus();
  }
  Status TakeAttributes(InodeId ino, const role::ToldAttributes& told) override {
    return meta::TakeAttributes(env_, ino, told);
  }
  Result<std::string> PathOf(InodeId ino) override { return ops::PathOf(env_, ino); }
  Result<FileInfo> ContentLost(InodeId ino, Generation generation, Loss loss) override {
    return ops::ContentLost(env_, ino, generation, loss);
  }
  Status ListOrphans(const std::function<Status(InodeId)>& each) override {
    return ops::ListOrphans(env_, each);
  }
  Status ListNeverCommitted(const std::function<Status(InodeId)>& each) override {
    return ops::ListNeverCommitted(env_, each);
  }
  void SetChangeSink(std::function<void(const role::Change&)> sink) override {
    env_.context.changes.SetSink(std::move(sink));
  }

 private:
  const Env env_;
  const std::unique_ptr<LearnAhead> ahead_;
};

}  // namespace

std::unique_ptr<role::Names> NewNames(const Env& env) {
  return std::make_unique<OperationNames>(env);
}
std::unique_ptr<role::Files> NewFiles(const Env& env, MountId root_mount) {
  return std::make_unique<OperationFiles>(env, root_mount);
}
std::unique_ptr<role::Writers> NewWriters(const Env& env) {
  return std::make_unique<OperationWriters>(env);
}
std::unique_ptr<role::Maintenance> NewMaintenance(const Env& env) {
  return std::make_unique<OperationMaintenance>(env);
}

}  // namespace tarn::meta
