#include "meta/mounts/mount_table.h"

#include <algorithm>

#include "base/strings.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/paths.h"
#include "meta/mounts/root.h"
#include "meta/ops/names.h"
#include "meta/persist/report.h"
#include "meta/store/change.h"
#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

using role::MountInfo;
using role::MountSpec;

constexpr uint32_t kParentMode = 0755;
constexpr size_t kPage = 500;
constexpr int64_t kFirstFurtherMount = 2;

// The parts of an absolute path. kInvalid: a relative path, "/", or a path with "." or "..".
Result<std::vector<std::string_view>> PartsOf(std::string_view path) {
  std::vector<std::string_view> parts;
  if (!path.starts_with('/')) {
    return Status(Code::kInvalid, Concat("\"", path, "\" is not an absolute path"));
  }
  for (size_t begin = 1; begin < path.size();) {
    const size_t end = std::min(path.find('/', begin), path.size());
    if (end > begin) parts.push_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  if (parts.empty()) {
    return Status(Code::kInvalid,
                  "\"/\" is the source of the mount itself; name a directory in it");
  }
  for (std::string_view part : parts) RETURN_IF_ERROR(CheckName(part));
  return parts;
}

MountInfo InfoOf(MountId mount, const MountRecord& record, std::string path) {
  MountInfo info;
  info.mount = mount;
  info.root = record.root;
  info.path = std::move(path);
  info.uri = record.uri;
  info.identity = record.identity;
  info.read_only = record.read_only;
  info.unmounting = record.unmounting;
  info.options = record.options;
  return info;
}

struct StoredMount {
  MountId mount;
  MountRecord record;
};

Result<std::vector<StoredMount>> ReadMounts(kv::Transaction& txn, kv::Reads reads) {
  std::vector<StoredMount> mounts;
  const std::string prefix = keys::MountPrefix();
  kv::ScanOptions options;
  options.reads = reads;
  ASSIGN_OR_RETURN(kv::ScanPage page, txn.Scan(prefix, kv::PrefixEnd(prefix), options));
  for (const kv::Pair& pair : page.pairs) {
    ASSIGN_OR_RETURN(MountRecord record, MountRecord::Decode(pair.value));
    mounts.push_back({keys::MountOf(pair.key), std::move(record)});
  }
  return mounts;
}

// One try of Mount, in one transaction.
class Mounting {
 public:
  Mounting(Operation& operation, const role::Caller& caller, const MountSpec& spec,
           std::span<const InodeId> ids)
      : attempt_(operation), caller_(caller), spec_(spec), ids_(ids) {}

  Status Run(const std::vector<std::string_view>& parts, InodeRecord root) {
    ASSIGN_OR_RETURN(std::optional<MountRecord> taken,
                     GetMount(attempt_.txn, spec_.mount, kv::Reads::kSerializable));
    if (taken) return Status(Code::kExists, Concat("UFS mount ", spec_.mount.value));
    InodeId above = kRootInode;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      ASSIGN_OR_RETURN(above, Enter({above, parts[i]}, ids_[i]));
    }
    return Place({above, parts.back()}, std::move(root));
  }
  // One for each new name.
  const std::vector<role::Change>& Changed() const { return changed_; }

 private:
  // Finds a directory on the way, or makes it.
  Result<InodeId> Enter(const ops::Path& path, InodeId id) {
    ASSIGN_OR_RETURN(Operation::Place place, attempt_.FindPlace(path.parent, path.name));
    if (!place.dentry) {
      RETURN_IF_ERROR(ops::MakeDirectory(attempt_, caller_, path, kParentMode, id));
      Note(path);
      return id;
    }
    if (place.dentry->type == role::FileType::kDirectory) return place.dentry->ino;
    return Status(Code::kNotDirectory,
                  Concat("\"", path.name, "\" in ", spec_.path, " is not a directory"));
  }

  Status Place(const ops::Path& path, InodeRecord root) {
    ASSIGN_OR_RETURN(Operation::Place place, attempt_.FindPlace(path.parent, path.name));
    RETURN_IF_ERROR(attempt_.MayChange(place.dir));
    if (place.dentry) RETURN_IF_ERROR(Clear(path, *place.dentry));
    const InodeId cleared = place.dentry ? place.dentry->ino : InodeId();
    root.ino = ids_.back();
    root.parent = path.parent;
    root.name = path.name;
    AddName(attempt_.txn, path.parent, path.name, {root.ino, root.type, root.ino.value});
    TouchDirectory(attempt_.txn, path.parent, attempt_.now_ns);
    PutInode(attempt_.txn, root);
    MountRecord record;
    record.path = spec_.path;
    record.uri = spec_.uri;
    record.identity = spec_.identity;
    record.root = root.ino;
    record.read_only = spec_.read_only;
    record.options = spec_.options;
    attempt_.txn.Put(keys::Mount(spec_.mount), record.Encode());
    Note(path, cleared);
    return OkStatus();
  }

  // Removes the empty directory at the mount point, here and in its UFS.
  Status Clear(const ops::Path& path, const DentryRecord& dentry) {
    if (dentry.type != role::FileType::kDirectory) {
      return Status(Code::kExists, Concat(spec_.path, " is there and not a directory"));
    }
    ASSIGN_OR_RETURN(InodeRecord dir, attempt_.Inode(dentry.ino));
    if (IsMountRoot(dir)) {
      return Status(Code::kBusy, Concat(spec_.path, " is a mount point already"));
    }
    Status empty = ops::CheckEmpty(attempt_, dir.ino);
    if (empty.code() == Code::kNotEmpty) {
      return Status(Code::kNotEmpty,
                    Concat(spec_.path, " is not empty; name an empty or absent directory"));
    }
    RETURN_IF_ERROR(empty);
    RemoveName(attempt_.txn, path.parent, path.name, dentry);
    return ops::LoseDirectory(attempt_, dir);
  }

  void Note(const ops::Path& path, InodeId removed = {}) {
    changed_.push_back({role::Change::Kind::kEntry, removed, path.parent, std::string(path.name)});
    attempt_.Report(changed_.back());
  }

  Operation& attempt_;
  const role::Caller& caller_;
  const MountSpec& spec_;
  const std::span<const InodeId> ids_;
  std::vector<role::Change> changed_;
};

class StoredMountTable final : public role::MountTable {
 public:
  explicit StoredMountTable(const Env& env) : env_(env), context_(env.context) {}

  Result<MountId> NewId() override;
  Result<MountInfo> Mount(const role::Caller& caller, const MountSpec& spec) override;
  Result<std::vector<MountInfo>> List() override;
  Result<role::Unpersisted> Waiting(MountId mount, size_t subjects) override;
  void StopChanges(MountId mount) override;
  void AllowChanges(const MountInfo& mount) override {
    context_.mounts.SetAccess(mount.mount,
                              mount.read_only ? ufs::Access::kReadOnly : ufs::Access::kReadWrite);
  }
  Result<uint64_t> CountIn(MountId mount, std::span<const InodeId> inodes) override;
  Status Detach(MountId mount) override;
  Status Forget(MountId mount, const Before& before) override {
    return ForgetMount(context_, mount, before);
  }

 private:
  Status CountQueue(MountId mount, size_t subjects, role::Unpersisted& unpersisted);
  Status CountOrphans(MountId mount, role::Unpersisted& unpersisted);
  Status CheckNothingBelow(kv::Transaction& txn, MountId mount, const MountRecord& record);

  const Env env_;
  const Context& context_;
};

Result<MountId> StoredMountTable::NewId() {
  const std::string key = keys::System("next-mount");
  int64_t id = 0;
  const ChangeOptions options{.what = "number a mount", .durability = kv::Durability::kDurable};
  RETURN_IF_ERROR(CommitChange(context_, options, [&](ChangeRun& run) -> Status {
    ASSIGN_OR_RETURN(std::optional<std::string> bytes, run.txn.Get(key));
    id = kFirstFurtherMount;
    if (bytes) {
      ASSIGN_OR_RETURN(id, kv::DecodeCounter(*bytes));
    }
    run.txn.Put(key, kv::EncodeCounter(id + 1));
    return OkStatus();
  }));
  return MountId(static_cast<uint32_t>(id));
}

Result<MountInfo> StoredMountTable::Mount(const role::Caller& caller, const MountSpec& spec) {
  ASSIGN_OR_RETURN(const std::vector<std::string_view> parts, PartsOf(spec.path));
  std::vector<InodeId> ids;
  for (size_t i = 0; i < parts.size(); ++i) {
    ASSIGN_OR_RETURN(uint64_t id, context_.ids.Next());
    ids.emplace_back(id);
  }
  RootMount as_root;
  as_root.mount = spec.mount;
  as_root.root_mode = spec.root_mode;
  as_root.root_uid = spec.root_uid;
  as_root.root_gid = spec.root_gid;
  ASSIGN_OR_RETURN(const InodeRecord root, NewMountRoot(context_, as_root));
  std::vector<role::Change> changed;
  const Status mounted = RunChange(env_, kv::Durability::kDurable, [&](Operation& operation) {
    Mounting mounting(operation, caller, spec, ids);
    Status run = mounting.Run(parts, root);
    changed = mounting.Changed();
    return run;
  });
  if (!mounted.ok()) return mounted;
  for (const role::Change& change : changed) {
    env_.loader.NameCreated(change.parent, change.name);
  }
  ASSIGN_OR_RETURN(const std::vector<MountInfo> all, List());
  const auto mine = std::find_if(all.begin(), all.end(),
                                 [&](const MountInfo& info) { return info.mount == spec.mount; });
  if (mine == all.end()) return Status(Code::kStale, Concat(spec.path, " was unmounted again"));
  return *mine;
}

Result<std::vector<MountInfo>> StoredMountTable::List() {
  return ReadValue<std::vector<MountInfo>>(
      env_, [](Operation& operation) -> Result<std::vector<MountInfo>> {
        std::vector<MountInfo> infos;
        ASSIGN_OR_RETURN(const std::vector<StoredMount> mounts,
                         ReadMounts(operation.txn, operation.reads));
        for (const StoredMount& stored : mounts) {
          Result<std::string> path = PathTo(operation.txn, stored.record.root, operation.reads);
          if (!path.ok() && path.code() != Code::kNotFound) return path.status();
          infos.push_back(
              InfoOf(stored.mount, stored.record, path.ok() ? *path : stored.record.path));
          if (stored.record.root == kRootInode) {
            infos.back().read_only = operation.context.options.read_only;
          }
        }
        return infos;
      });
}

void StoredMountTable::StopChanges(MountId mount) {
  context_.mounts.SetAccess(mount, ufs::Access::kClosing);
  context_.gate.Drain();
}

Result<role::Unpersisted> StoredMountTable::Waiting(MountId mount, size_t subjects) {
  role::Unpersisted unpersisted;
  // The order matters: an orphan that is forgotten between the two counts is in the queue by then.
  RETURN_IF_ERROR(CountOrphans(mount, unpersisted));
  RETURN_IF_ERROR(CountQueue(mount, subjects, unpersisted));
  return unpersisted;
}

Status StoredMountTable::CountQueue(MountId mount, size_t subjects,
                                    role::Unpersisted& unpersisted) {
  std::string begin = keys::QueuePrefix(0).substr(0, 1);
  const std::string end = kv::PrefixEnd(begin);
  for (bool more = true; more;) {
    std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
    kv::ScanOptions options;
    options.limit = kPage;
    options.reads = kv::Reads::kSnapshot;
    ASSIGN_OR_RETURN(kv::ScanPage page, txn->Scan(begin, end, options));
    more = page.more;
    for (const kv::Pair& pair : page.pairs) {
      begin = pair.key + '\0';
      ASSIGN_OR_RETURN(QueueRecord entry, QueueRecord::Decode(pair.value));
      MountId in = entry.mount;
      if (entry.what == QueueRecord::What::kInode) {
        ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                         GetInode(*txn, entry.ino, kv::Reads::kSnapshot));
        in = inode && inode->queue_key == pair.key ? inode->mount : MountId();
      }
      if (in != mount) continue;
      ++unpersisted.entries;
      if (unpersisted.subjects.size() < subjects) {
        unpersisted.subjects.push_back(SubjectOf(*txn, entry));
      }
    }
  }
  return OkStatus();
}

Status StoredMountTable::CountOrphans(MountId mount, role::Unpersisted& unpersisted) {
  std::vector<InodeId> orphans;
  RETURN_IF_ERROR(ops::ListOrphans(env_, [&](InodeId ino) {
    orphans.push_back(ino);
    return OkStatus();
  }));
  ASSIGN_OR_RETURN(unpersisted.unlinked, CountIn(mount, orphans));
  return OkStatus();
}

Result<uint64_t> StoredMountTable::CountIn(MountId mount, std::span<const InodeId> inodes) {
  uint64_t count = 0;
  for (size_t begin = 0; begin < inodes.size(); begin += kPage) {
    const std::span<const InodeId> some =
        inodes.subspan(begin, std::min(kPage, inodes.size() - begin));
    std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
    for (InodeId ino : some) {
      ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, GetInode(*txn, ino, kv::Reads::kSnapshot));
      if (inode && inode->mount == mount) ++count;
    }
  }
  return count;
}

Status StoredMountTable::CheckNothingBelow(kv::Transaction& txn, MountId mount,
                                           const MountRecord& record) {
  ASSIGN_OR_RETURN(const std::vector<StoredMount> mounts,
                   ReadMounts(txn, kv::Reads::kSerializable));
  for (const StoredMount& other : mounts) {
    if (other.mount == mount || other.record.unmounting) continue;
    for (InodeId ino = other.record.root; ino != kRootInode;) {
      ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, ino, kv::Reads::kSerializable));
      ino = inode.parent;
      if (ino != record.root) continue;
      ASSIGN_OR_RETURN(std::string path, PathTo(txn, other.record.root, kv::Reads::kSerializable));
      return Status(Code::kBusy, Concat(other.record.uri, " is mounted below it on ", path,
                                        "; unmount that first"));
    }
  }
  return OkStatus();
}

Status StoredMountTable::Detach(MountId mount) {
  const auto detach = [&](Operation& operation) -> Status {
    ASSIGN_OR_RETURN(std::optional<MountRecord> record,
                     GetMount(operation.txn, mount, kv::Reads::kSerializable));
    if (!record) return Status(Code::kNotFound, Concat("UFS mount ", mount.value));
    if (record->root == kRootInode) {
      return Status(Code::kInvalid, "the root's source goes with the whole mount");
    }
    if (record->unmounting) return OkStatus();
    RETURN_IF_ERROR(CheckNothingBelow(operation.txn, mount, *record));
    ASSIGN_OR_RETURN(InodeRecord root, operation.Inode(record->root));
    ASSIGN_OR_RETURN(DentryRecord dentry, operation.ExistingName(root.parent, root.name));
    if (dentry.ino != root.ino) {
      return Status(Code::kCorruption, Concat("the name of mount ", mount.value, " is another's"));
    }
    RemoveName(operation.txn, root.parent, root.name, dentry);
    TouchDirectory(operation.txn, root.parent, operation.now_ns);
    root.nlink = 0;
    PutInode(operation.txn, root);
    record->unmounting = true;
    operation.txn.Put(keys::Mount(mount), record->Encode());
    operation.Report({role::Change::Kind::kEntry, InodeId(), root.parent, root.name});
    return OkStatus();
  };
  return RunChange(env_, kv::Durability::kDurable, detach);
}

}  // namespace

std::unique_ptr<role::MountTable> NewMountTable(const Env& env) {
  return std::make_unique<StoredMountTable>(env);
}

}  // namespace tarn::meta
