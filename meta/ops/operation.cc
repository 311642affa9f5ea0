#include "meta/ops/operation.h"

#include <utility>

#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

Status NotLoaded() {
  return Status(Code::kUnavailable, "to be loaded from the under file system first");
}

Status NotDirectory(InodeId ino) {
  return Status(Code::kNotDirectory, "inode " + std::to_string(ino.value) + " is not a directory");
}

Result<InodeRecord> DecodeDirectory(const std::optional<std::string>& bytes, InodeId ino) {
  if (!bytes) return Status(Code::kStale, "inode " + std::to_string(ino.value) + " is gone");
  ASSIGN_OR_RETURN(InodeRecord inode, InodeRecord::Decode(*bytes));
  if (inode.type != role::FileType::kDirectory) return NotDirectory(ino);
  return inode;
}

Status ReadOnce(const Env& env, const Body& body, Wants& wants) {
  std::unique_ptr<kv::Transaction> txn = env.context.store.Begin();
  Operation operation(env, *txn, wants);
  return body(operation);
}

Status ReadUntilYoungEnough(const Env& env, const Body& body, Wants& wants, Deadline deadline) {
  for (;;) {
    Status status = ReadOnce(env, body, wants);
    const bool again = kv::MayRunAgain(status.code());
    if (!again || deadline.PassedBy(env.context.clock.Now())) return status;
  }
}

// Repeats `run` until it needs no further names from the UFS.
Status RunLoading(const Env& env, Deadline deadline, Wants& wants,
                  const std::function<Status()>& run) {
  for (;;) {
    Status status = run();
    std::optional<Status> loaded = wants.Load(env.loader);
    if (!loaded) return status;
    RETURN_IF_ERROR(*loaded);
    if (deadline.PassedBy(env.context.clock.Now())) {
      return Status(Code::kDeadlineExceeded, "load names");
    }
  }
}

}  // namespace

bool Wants::Name(InodeId dir, std::string_view name) { return Add({dir, std::string(name)}); }
bool Wants::Whole(InodeId dir) { return Add({dir, std::nullopt}); }

bool Wants::Add(Want want) {
  if (loaded_.contains(want)) return false;
  pending_ = std::move(want);
  return true;
}

std::optional<Status> Wants::Load(Loader& loader) {
  if (!pending_) return std::nullopt;
  const Want want = *std::exchange(pending_, std::nullopt);
  loaded_.insert(want);
  return want.name ? loader.LoadName(want.dir, *want.name) : loader.LoadAll(want.dir);
}

Result<role::FileInfo> Operation::Info(const InodeRecord& inode) {
  ASSIGN_OR_RETURN(role::FileInfo info, InfoOf(txn, inode, reads));
  info.read_only = context.mounts.CheckWritable(inode.mount).code() == Code::kReadOnly;
  return info;
}

Result<InodeRecord> Operation::Inode(InodeId ino) {
  Result<InodeRecord> inode = ReadInode(txn, ino, reads);
  if (inode.ok()) context.parents.Note(*inode);
  return inode;
}

Result<InodeRecord> Operation::Directory(InodeId ino) {
  ASSIGN_OR_RETURN(InodeRecord inode, Inode(ino));
  if (inode.type != role::FileType::kDirectory) return NotDirectory(ino);
  return inode;
}

void Operation::WantAround(InodeId dir) {
  constexpr size_t kMostAreFewer = 8;
  std::vector<std::string> wanted;
  wanted.reserve(kMostAreFewer);
  wanted.push_back(keys::Listing(dir));
  context.parents.AddAbove(dir, wanted);
  txn.Want(wanted, {});
}

void Operation::WantPlace(InodeId dir, std::string_view name) {
  const std::string both[] = {keys::Inode(dir), keys::Dentry(dir, name)};
  txn.Want(both, {});
  WantAround(dir);
}

Result<Operation::Place> Operation::FindPlace(InodeId dir, std::string_view name) {
  WantAround(dir);
  const std::string both[] = {keys::Inode(dir), keys::Dentry(dir, name)};
  ASSIGN_OR_RETURN(std::vector<std::optional<std::string>> found, txn.GetMany(both, reads));
  Place place;
  ASSIGN_OR_RETURN(place.dir, DecodeDirectory(found[0], dir));
  context.parents.Note(place.dir);
  if (place.dir.nlink == 0) {
    return Status(Code::kNotFound, "directory " + std::to_string(dir.value) + " was removed");
  }
  if (found[1]) {
    ASSIGN_OR_RETURN(place.dentry, DentryRecord::Decode(*found[1]));
  } else {
    RETURN_IF_ERROR(Missing(dir, name));
  }
  return place;
}

Result<std::optional<DentryRecord>> Operation::FindName(InodeId dir, std::string_view name) {
  ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry, GetDentry(txn, dir, name, reads));
  if (dentry) return dentry;
  ASSIGN_OR_RETURN(const InodeRecord inode, Directory(dir));
  if (inode.nlink > 0) RETURN_IF_ERROR(Missing(dir, name));
  return dentry;
}

Result<DentryRecord> Operation::ExistingName(InodeId dir, std::string_view name) {
  ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry, FindName(dir, name));
  if (!dentry) return Status(Code::kNotFound, "no name '" + std::string(name) + "'");
  return *dentry;
}

// A snapshot read is enough: a directory that is complete in the snapshot stays complete for this
// transaction.
Status Operation::Missing(InodeId dir, std::string_view name) {
  ASSIGN_OR_RETURN(bool complete, IsComplete(txn, dir, kv::Reads::kSnapshot));
  return !complete && wants_.Name(dir, name) ? NotLoaded() : OkStatus();
}

Status Operation::NeedWhole(InodeId dir) {
  ASSIGN_OR_RETURN(bool complete, IsComplete(txn, dir, kv::Reads::kSnapshot));
  return !complete && wants_.Whole(dir) ? NotLoaded() : OkStatus();
}

Status RunRead(const Env& env, const Body& body) {
  const Deadline deadline =
      Deadline::After(env.context.clock, env.context.options.operation_deadline);
  Wants wants;
  return RunLoading(env, deadline, wants,
                    [&] { return ReadUntilYoungEnough(env, body, wants, deadline); });
}

Status RunChange(const Env& env, kv::Durability durability, const Body& body) {
  const Context& context = env.context;
  if (context.options.read_only) return Status(Code::kReadOnly, "the file system is read-only");
  ChangeOptions options{.what = "change the namespace", .durability = durability};
  options.deadline = Deadline::After(context.clock, context.options.operation_deadline);
  Wants wants;
  return RunLoading(env, *options.deadline, wants, [&] {
    return CommitChange(context, options, [&](ChangeRun& run) {
      Operation operation(env, run, wants);
      return body(operation);
    });
  });
}

}  // namespace tarn::meta
