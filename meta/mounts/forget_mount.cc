// Forgets the records of an unmounted mount, from the leaves up, a few hundred names in a
// transaction. After a crash in between, the record of the mount still has the root of the
// remaining tree.

#include <optional>
#include <span>

#include "meta/ledger/paths.h"
#include "meta/mounts/mount_table.h"
#include "meta/store/change.h"
#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

constexpr size_t kNamesAtOnce = 200;

// Deletes the record of the inode with its xattrs, further names, places and queue entry.
void EraseWhole(kv::Transaction& txn, const InodeRecord& inode) {
  if (!inode.queue_key.empty()) txn.Delete(inode.queue_key);
  const std::string places = keys::ClaimPrefix(inode.ino);
  txn.DeleteRange(places, kv::PrefixEnd(places));
  const std::string names = keys::ExtraNamePrefix(inode.ino);
  if (inode.nlink > 1) txn.DeleteRange(names, kv::PrefixEnd(names));
  EraseInode(txn, inode);
}

struct Name {
  std::string name;
  DentryRecord dentry;
};

class Forgetting {
 public:
  Forgetting(const Context& context, MountId mount, const role::MountTable::Before& before)
      : context_(context), mount_(mount), before_(before) {}

  Status Run() {
    std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
    ASSIGN_OR_RETURN(std::optional<MountRecord> record,
                     GetMount(*txn, mount_, kv::Reads::kSnapshot));
    txn.reset();
    if (!record) return OkStatus();
    if (!record->unmounting) return Status(Code::kInvalid, "forget of a mount that is still there");
    RETURN_IF_ERROR(ForgetTree(record->root));
    RETURN_IF_ERROR(ForgetOrphans());
    RETURN_IF_ERROR(ForgetLedger());
    ChangeOptions last = options_;
    last.durability = kv::Durability::kDurable;
    return CommitChange(context_, last, [&](ChangeRun& run) {
      run.txn.Delete(keys::Mount(mount_));
      return OkStatus();
    });
  }

 private:
  // A directory on the path from the root, with its subdirectories that are still to be forgotten.
  struct Level {
    InodeId dir;
    std::optional<Name> name;  // Its name in the level above; the root has no name any more.
    std::vector<Name> directories = {};
  };

  Status ForgetTree(InodeId root) {
    std::vector<Level> levels;
    levels.push_back({root, std::nullopt});
    while (!levels.empty()) {
      Level& level = levels.back();
      if (!level.directories.empty()) {
        Name next = std::move(level.directories.back());
        level.directories.pop_back();
        const InodeId ino = next.dentry.ino;
        levels.push_back({ino, std::move(next)});
        continue;
      }
      ASSIGN_OR_RETURN(bool empty, ForgetNames(level));
      if (!empty) continue;
      const InodeId above = levels.size() > 1 ? levels[levels.size() - 2].dir : InodeId();
      ASSIGN_OR_RETURN(bool gone, ForgetDirectory(level, above));
      if (gone) levels.pop_back();
    }
    return OkStatus();
  }

  // Forgets some files of the directory, and adds its subdirectories to `level`. True: no names are
  // left.
  Result<bool> ForgetNames(Level& level) {
    std::vector<Name> files;
    std::vector<InodeId> inodes;
    const std::string prefix = keys::DentryPrefix(level.dir);
    std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
    kv::ScanOptions options;
    options.limit = kNamesAtOnce;
    options.reads = kv::Reads::kSnapshot;
    ASSIGN_OR_RETURN(kv::ScanPage page, txn->Scan(prefix, kv::PrefixEnd(prefix), options));
    txn.reset();
    for (const kv::Pair& pair : page.pairs) {
      Name name{std::string(keys::NameOfDentry(pair.key)), {}};
      ASSIGN_OR_RETURN(name.dentry, DentryRecord::Decode(pair.value));
      if (name.dentry.type == role::FileType::kDirectory) {
        level.directories.push_back(std::move(name));
      } else {
        inodes.push_back(name.dentry.ino);
        files.push_back(std::move(name));
      }
    }
    if (!files.empty()) RETURN_IF_ERROR(ForgetFiles(level.dir, files, inodes));
    return page.pairs.empty();
  }

  Status ForgetFiles(InodeId dir, const std::vector<Name>& files,
                     const std::vector<InodeId>& inodes) {
    RETURN_IF_ERROR(before_(inodes));
    const auto forget = [&](ChangeRun& run, BatchPart part) -> Status {
      for (const Name& file : std::span(files).subspan(part.begin, part.end - part.begin)) {
        RemoveName(run.txn, dir, file.name, file.dentry);
        ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                         GetInode(run.txn, file.dentry.ino, kv::Reads::kSerializable));
        if (inode) EraseWhole(run.txn, *inode);  // Otherwise another of its names deleted it.
      }
      return OkStatus();
    };
    return CommitBatch(context_, options_, files.size(), forget);
  }

  // False: a name was made in the directory meanwhile.
  Result<bool> ForgetDirectory(const Level& level, InodeId above) {
    bool gone = false;
    RETURN_IF_ERROR(CommitChange(context_, options_, [&](ChangeRun& run) -> Status {
      kv::Transaction& txn = run.txn;
      ASSIGN_OR_RETURN(bool has_names, HasNames(txn, level.dir));
      gone = !has_names;
      if (has_names) return OkStatus();
      if (level.name) {
        ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry,
                         GetDentry(txn, above, level.name->name, kv::Reads::kSerializable));
        if (dentry) RemoveName(txn, above, level.name->name, *dentry);
      }
      ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                       GetInode(txn, level.dir, kv::Reads::kSerializable));
      if (inode) EraseWhole(txn, *inode);
      return OkStatus();
    }));
    return gone;
  }

  Status ForgetOrphans() {
    std::string begin = keys::OrphanPrefix();
    const std::string end = kv::PrefixEnd(begin);
    for (bool more = true; more;) {
      std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
      kv::ScanOptions options;
      options.limit = kNamesAtOnce;
      options.reads = kv::Reads::kSnapshot;
      ASSIGN_OR_RETURN(kv::ScanPage page, txn->Scan(begin, end, options));
      more = page.more;
      std::vector<InodeRecord> orphans;
      std::vector<InodeId> inodes;
      for (const kv::Pair& pair : page.pairs) {
        begin = pair.key + '\0';
        ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                         GetInode(*txn, keys::InodeOfOrphan(pair.key), kv::Reads::kSnapshot));
        if (!inode || inode->mount != mount_) continue;
        inodes.push_back(inode->ino);
        orphans.push_back(*std::move(inode));
      }
      txn.reset();
      RETURN_IF_ERROR(EraseOrphans(orphans, inodes));
    }
    return OkStatus();
  }

  Status EraseOrphans(const std::vector<InodeRecord>& orphans, const std::vector<InodeId>& inodes) {
    if (orphans.empty()) return OkStatus();
    RETURN_IF_ERROR(before_(inodes));
    const auto erase = [&](ChangeRun& run, BatchPart part) {
      for (size_t i = part.begin; i < part.end; ++i) EraseWhole(run.txn, orphans[i]);
      return OkStatus();
    };
    return CommitBatch(context_, options_, orphans.size(), erase);
  }

  // Drops the intended changes of UFS keys of the mount.
  Status ForgetLedger() {
    const std::string prefix = keys::LedgerPrefix(mount_, "");
    for (bool more = true; more;) {
      RETURN_IF_ERROR(CommitChange(context_, options_, [&](ChangeRun& run) -> Status {
        kv::ScanOptions options;
        options.limit = kNamesAtOnce;
        ASSIGN_OR_RETURN(kv::ScanPage page, run.txn.Scan(prefix, kv::PrefixEnd(prefix), options));
        more = page.more;
        for (const kv::Pair& pair : page.pairs) {
          ASSIGN_OR_RETURN(LedgerRecord record, LedgerRecord::Decode(pair.value));
          if (!record.queue_key.empty()) run.txn.Delete(record.queue_key);
          run.txn.Delete(pair.key);
        }
        return OkStatus();
      }));
    }
    return OkStatus();
  }

  const Context& context_;
  const MountId mount_;
  const role::MountTable::Before& before_;
  const ChangeOptions options_{.what = "forget the records of an unmounted source"};
};

}  // namespace

Status ForgetMount(const Context& context, MountId mount, const role::MountTable::Before& before) {
  return Forgetting(context, mount, before).Run();
}

}  // namespace tarn::meta
