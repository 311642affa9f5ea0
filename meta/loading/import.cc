#include "meta/loading/import.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "meta/ledger/detach.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/occupants.h"
#include "meta/ledger/paths.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

using Reach = KeyChanges::Look::Reach;

constexpr uint32_t kSymlinkMode = 0777;
// Half of what a transaction may have, because an entry that replaces another needs up to twice the
// bytes that are estimated.
constexpr size_t kPartBytes = kv::kMaxTransactionBytes / 2;
// Fields, ranges, and keys without their names.
constexpr size_t kEntryBytes = 1000;
constexpr size_t kXattrBytes = 200;

std::optional<role::FileType> TypeOf(ufs::ObjectType type) {
  switch (type) {
    case ufs::ObjectType::kFile:
      return role::FileType::kRegular;
    case ufs::ObjectType::kDirectory:
      return role::FileType::kDirectory;
    case ufs::ObjectType::kSymlink:
      return role::FileType::kSymlink;
    case ufs::ObjectType::kOther:
      break;
  }
  return std::nullopt;  // Fifos, sockets and devices of the UFS's own machine.
}

// The attributes seen of a directory, which has no ETag.
std::string SeenOf(const ufs::ObjectInfo& info) {
  return Concat(info.mode, "-", info.uid, "-", info.gid);
}

Result<const ufs::UfsTraits*> TraitsOf(const Context& context, MountId mount) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(mount));
  return &ufs->Traits();
}

uint32_t DefaultMode(role::FileType type, const ufs::UfsTraits& traits) {
  if (type == role::FileType::kSymlink) return kSymlinkMode;
  return type == role::FileType::kDirectory ? traits.default_directory_mode
                                            : traits.default_file_mode;
}

void TakeAttributes(const ufs::ObjectInfo& info, const ufs::UfsTraits& traits,
                    const InodeRecord& dir, InodeRecord& inode) {
  const bool all = traits.attributes;
  inode.mode = all || info.mode_kept ? info.mode : DefaultMode(inode.type, traits);
  inode.uid = all || info.uid_kept ? info.uid : traits.default_uid.value_or(dir.uid);
  inode.gid = all || info.gid_kept ? info.gid : traits.default_gid.value_or(dir.gid);
  inode.mtime_ns = info.mtime_ns;
  inode.atime_ns = all ? info.atime_ns : info.mtime_ns;
  inode.guessed = info.attributes_untold;
  inode.stored_s = info.stored_s;
}

// Replaces guesses by the attributes that the object keeps.
void FillIn(const ufs::ObjectInfo& info, InodeRecord& inode) {
  if (info.mode_kept) inode.mode = info.mode;
  if (info.uid_kept) inode.uid = info.uid;
  if (info.gid_kept) inode.gid = info.gid;
  // The time of another version is not that of this one. The time of a directory follows its names.
  if (inode.type != role::FileType::kDirectory && info.etag == inode.etag) {
    inode.mtime_ns = inode.atime_ns = info.mtime_ns;
  }
  inode.guessed = false;
}

void TakeBinding(const ufs::ObjectInfo& info, InodeRecord& inode) {
  const bool directory = inode.type == role::FileType::kDirectory;
  inode.etag = directory ? info.identity : info.etag;
  inode.identity = directory ? SeenOf(info) : info.identity;
  inode.size_bytes = inode.bound_size_bytes = info.size_bytes;
  inode.symlink_target = info.symlink_target;
}

void PutXattrs(kv::Transaction& txn, InodeRecord& inode, const ufs::ObjectInfo& info) {
  inode.xattrs = !info.xattrs.empty();
  for (const auto& [name, value] : info.xattrs) txn.Put(keys::Xattr(inode.ino, name), value);
}

Result<InodeRecord> NewInode(const Context& context, const InodeRecord& dir, std::string_view name,
                             const ufs::ObjectInfo& info, role::FileType type) {
  ASSIGN_OR_RETURN(uint64_t id, context.ids.Next());
  ASSIGN_OR_RETURN(const ufs::UfsTraits* traits, TraitsOf(context, dir.mount));
  InodeRecord inode;
  inode.ino = InodeId(id);
  inode.type = type;
  inode.nlink = 1;
  inode.parent = dir.ino;
  inode.name = name;
  inode.mount = dir.mount;
  inode.key = JoinKey(dir.key, name);
  inode.bound = true;
  inode.attr_version = inode.persisted_attr_version = 1;
  if (type == role::FileType::kRegular) {
    inode.generation = inode.persisted_generation = Generation(1);
  }
  TakeAttributes(info, *traits, dir, inode);
  inode.ctime_ns = inode.btime_ns = info.mtime_ns;
  TakeBinding(info, inode);
  if (type == role::FileType::kRegular) inode.allocated_bytes = WithoutHoles(info.size_bytes);
  if (type != role::FileType::kDirectory) return inode;
  inode.size_bytes = inode.bound_size_bytes = 0;
  inode.made = true;
  inode.made_key = inode.key;
  return inode;
}

// What reading the ledger records of a prefix and of all prefixes above it counts.
size_t BytesOfPrefixes(std::string_view prefix) {
  size_t bytes = 0;
  for (size_t end = prefix.size(); end > 0 && end != prefix.npos;
       end = prefix.rfind('/', end - 1)) {
    bytes += kv::kRangeBytes + 2 * (end + sizeof("U") + sizeof(MountId));
  }
  return bytes;
}

// What an entry counts besides the prefixes. The key is in a record and in the range of its ledger
// record, the name in the dentry, the cursor and the inode.
size_t EstimateBytes(const ufs::ObjectInfo& info, size_t name_bytes) {
  size_t bytes = kEntryBytes + 4 * info.key.size() + 7 * name_bytes + info.etag.size() +
                 info.identity.size() + info.symlink_target.size();
  for (const auto& [name, value] : info.xattrs) {
    bytes += kXattrBytes + 3 * name.size() + value.size();
  }
  return bytes;
}

Status Import(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
              std::string_view name, const ufs::ObjectInfo& info, std::optional<uint64_t> cursor,
              Imported& imported) {
  const std::optional<role::FileType> type = TypeOf(info.type);
  if (!type || !CheckName(name).ok()) return OkStatus();
  ASSIGN_OR_RETURN(InodeRecord inode, NewInode(context, dir, name, info, *type));
  PutXattrs(txn, inode, info);
  AddName(txn, dir.ino, name, {inode.ino, inode.type, cursor.value_or(inode.ino.value)});
  PutInode(txn, inode);
  imported.wrote = true;
  imported.changes.push_back({role::Change::Kind::kEntry, InodeId(), dir.ino, std::string(name)});
  return OkStatus();
}

// The version that the UFS is known to have under a name.
struct Known {
  std::string etag;
  std::string identity;
};

// Nullopt: a change of the inode waits to be persisted, or its object is not at the key of the
// name.
Result<std::optional<Known>> KnownAt(kv::Transaction& txn, const InodeRecord& inode,
                                     const InodeRecord& dir, std::string_view name) {
  std::optional<Known> unsettled;
  if (IsMountRoot(inode)) return unsettled;
  const bool clean = inode.bound && inode.queue_key.empty() && inode.attempt_key.empty() &&
                     inode.generation == inode.persisted_generation &&
                     inode.attr_version == inode.persisted_attr_version;
  if (!clean) return unsettled;
  const std::string key = JoinKey(dir.key, name);
  Known known{inode.etag, inode.identity};
  if (inode.key != key) {
    ASSIGN_OR_RETURN(const std::optional<PlaceRecord> link, GetLinkPlace(txn, inode, key));
    if (!link || link->generation != inode.persisted_generation) return unsettled;
    if (inode.identity.empty()) known.etag = link->etag;  // The link is a copy.
  }
  ASSIGN_OR_RETURN(std::optional<LedgerRecord> record, GetLedger(txn, inode.mount, key));
  // With a record, the object there may belong to another inode.
  return record ? unsettled : std::optional<Known>(std::move(known));
}

// Whether a step changed the key since the look began; if so, notes the name. Call it before
// writing.
bool IsTooOld(const InodeRecord& dir, std::string_view name, Imported& imported,
              Reach reach = Reach::kKey) {
  if (!imported.look.Disturbed(dir.mount, JoinKey(dir.key, name), reach)) return false;
  imported.disturbed.emplace_back(name);
  return true;
}

// Takes a name from an inode; its dentry is already removed. Returns the inode if that was its last
// name. The bytes of a file that are not cached are lost with its object.
Result<InodeId> LoseInode(const Context& context, kv::Transaction& txn, InodeRecord& inode,
                          const InodeRecord& dir, std::string_view name) {
  const bool file = inode.type == role::FileType::kRegular;
  if (inode.type != role::FileType::kDirectory && inode.nlink > 1) {
    RETURN_IF_ERROR(DetachName(context, txn, inode, dir.ino, name));
    return InodeId();
  }
  inode.lost = file;
  MakeOrphan(txn, inode);
  if (file) txn.Put(keys::Orphan(inode.ino), kReplacedOutside);
  return inode.ino;
}

Status Replace(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
               std::string_view name, const DentryRecord& dentry, InodeRecord inode,
               const ufs::ObjectInfo& info, Imported& imported) {
  if (inode.type == role::FileType::kDirectory) {
    ASSIGN_OR_RETURN(bool has_names, HasNames(txn, inode.ino));
    if (has_names) {
      imported.blocked.emplace_back(name);
      return OkStatus();
    }
  }
  RemoveName(txn, dir.ino, name, dentry);
  ASSIGN_OR_RETURN(const InodeId lost, LoseInode(context, txn, inode, dir, name));
  imported.wrote = true;
  imported.changes.push_back({role::Change::Kind::kEntry, lost, dir.ino, std::string(name)});
  return Import(context, txn, dir, name, info, dentry.cursor, imported);
}

Result<bool> HasXattrs(kv::Transaction& txn, const InodeRecord& inode,
                       const std::map<std::string, std::string>& xattrs) {
  // The source never gets xattrs of a symlink.
  if (inode.type == role::FileType::kSymlink) return true;
  if (!inode.xattrs || xattrs.empty()) return inode.xattrs == !xattrs.empty();
  const std::string prefix = keys::XattrPrefix(inode.ino);
  ASSIGN_OR_RETURN(const kv::ScanPage page, txn.Scan(prefix, kv::PrefixEnd(prefix), {}));
  return std::ranges::equal(page.pairs, xattrs, [](const kv::Pair& pair, const auto& xattr) {
    return keys::NameOfXattr(pair.key) == xattr.first && pair.value == xattr.second;
  });
}

// Takes a change of mode, owner, times or the number of links; the bytes are the same. A name that
// the object got or lost changes nothing that is kept here: Tarn itself may have removed it after
// the last look at the object.
Status TakeChange(const Context& context, kv::Transaction& txn, InodeRecord inode,
                  const InodeRecord& dir, const ufs::ObjectInfo& info, Imported& imported) {
  ASSIGN_OR_RETURN(const ufs::UfsTraits* traits, TraitsOf(context, inode.mount));
  // Tarn changed the object and has not read its ETag again: the attributes here are the result of
  // that change.
  const bool ours = inode.type == role::FileType::kDirectory
                        ? inode.identity.empty()
                        : inode.etag.empty() || inode.etag == inode.identity;
  TakeBinding(info, inode);
  if (inode.type == role::FileType::kDirectory) inode.size_bytes = inode.bound_size_bytes = 0;
  imported.wrote = true;
  if (!ours && traits->attributes) {
    const InodeRecord before = inode;
    TakeAttributes(info, *traits, dir, inode);
    if (inode.type == role::FileType::kDirectory) inode.mtime_ns = before.mtime_ns;
    ASSIGN_OR_RETURN(bool same, HasXattrs(txn, before, info.xattrs));
    same = same && inode.mode == before.mode && inode.uid == before.uid &&
           inode.gid == before.gid && inode.mtime_ns == before.mtime_ns;
    if (!same) {
      inode.ctime_ns = context.clock.FileTimeNs();
      if (inode.type != role::FileType::kSymlink) {
        EraseXattrs(txn, inode);
        PutXattrs(txn, inode, info);
      }
      imported.changes.push_back({role::Change::Kind::kAttributes, inode.ino, InodeId(), ""});
    }
  } else if (inode.guessed && !info.attributes_untold) {
    FillIn(info, inode);
  }
  PutInode(txn, inode);
  return OkStatus();
}

// Whether the object was stored again. A copy of an object onto itself changes its attributes, but
// not its ETag.
bool IsStoredAgain(const InodeRecord& inode, const ufs::ObjectInfo& info) {
  return info.stored_s != 0 && info.stored_s != inode.stored_s;
}

// The bytes are the same. The attributes that the object keeps are seen for the first time, or may
// have changed.
void RefreshStored(kv::Transaction& txn, InodeRecord inode, const ufs::ObjectInfo& info,
                   Imported& imported) {
  imported.wrote = true;
  // The kernel caches no guesses, so it has nothing to forget.
  const bool was_guessed = inode.guessed;
  // At the first look after an upload by Tarn the store time is that of the upload, and the
  // attributes here are the right ones.
  const bool ours = !was_guessed && (inode.stored_s == 0 || inode.attributes_here);
  if (!ours && !info.attributes_untold) FillIn(info, inode);
  if (!ours && info.attributes_untold) inode.guessed = true;
  inode.stored_s = info.stored_s;
  const InodeId ino = inode.ino;
  PutInode(txn, inode);
  if (ours || was_guessed) return;
  imported.changes.push_back({role::Change::Kind::kAttributes, ino, InodeId(), ""});
}

enum class Difference { kNone, kAttributes, kContent };

Difference Compare(const InodeRecord& inode, const Known& at, const ufs::ObjectInfo& info) {
  if (inode.type == role::FileType::kDirectory) {
    const bool as_seen = inode.identity == SeenOf(info) && inode.etag == info.identity;
    return as_seen ? Difference::kNone : Difference::kAttributes;
  }
  if (inode.type == role::FileType::kSymlink && inode.symlink_target != info.symlink_target) {
    return Difference::kContent;
  }
  if (at.etag == info.etag) return Difference::kNone;
  const bool known = !info.identity.empty() && !at.identity.empty();
  const bool same = known && at.identity == info.identity;
  return same ? Difference::kAttributes : Difference::kContent;
}

}  // namespace

size_t CountThatFits(std::string_view dir_key, std::span<const ufs::ObjectInfo> found) {
  size_t bytes = BytesOfPrefixes(dir_key);  // Each entry reads them; they count once.
  size_t count = 0;
  for (; count < found.size(); ++count) {
    const ufs::ObjectInfo& info = found[count];
    bytes += EstimateBytes(info, info.key.size() - dir_key.size());
    if (bytes > kPartBytes) break;
  }
  return std::min(std::max<size_t>(count, 1), found.size());
}

Result<InodeRecord> NewImported(const Context& context, kv::Transaction& txn,
                                const InodeRecord& dir, std::string_view name,
                                const ufs::ObjectInfo& info) {
  const std::optional<role::FileType> type = TypeOf(info.type);
  if (!type) return Status(Code::kUnsupported, "a special file of the source");
  ASSIGN_OR_RETURN(InodeRecord inode, NewInode(context, dir, name, info, *type));
  PutXattrs(txn, inode, info);
  return inode;
}

Result<bool> IsSettled(kv::Transaction& txn, const InodeRecord& inode, const InodeRecord& dir,
                       std::string_view name) {
  ASSIGN_OR_RETURN(const std::optional<Known> at, KnownAt(txn, inode, dir, name));
  return at.has_value();
}

Status ApplyFound(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                  std::string_view name, const ufs::ObjectInfo& info, Imported& imported) {
  ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry,
                   GetDentry(txn, dir.ino, name, kv::Reads::kSerializable));
  if (!dentry) {
    ASSIGN_OR_RETURN(bool may, MayImport(txn, dir, JoinKey(dir.key, name)));
    const bool directory = info.type == ufs::ObjectType::kDirectory;
    if (!may || IsTooOld(dir, name, imported, directory ? Reach::kBelow : Reach::kKey)) {
      return OkStatus();
    }
    return Import(context, txn, dir, name, info, std::nullopt, imported);
  }
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, dentry->ino, kv::Reads::kSerializable));
  ASSIGN_OR_RETURN(const std::optional<Known> at, KnownAt(txn, inode, dir, name));
  if (!at) return OkStatus();
  const Difference difference =
      TypeOf(info.type) == inode.type ? Compare(inode, *at, info) : Difference::kContent;
  if (difference == Difference::kNone) {
    const bool news = inode.guessed ? !info.attributes_untold : IsStoredAgain(inode, info);
    if (!news || IsTooOld(dir, name, imported)) return OkStatus();
    RefreshStored(txn, std::move(inode), info, imported);
    return OkStatus();
  }
  // Two directories may share one UFS directory while they are being exchanged.
  ASSIGN_OR_RETURN(bool shared, IsBelowClaim(txn, inode.mount, inode.key));
  if (shared || IsTooOld(dir, name, imported)) return OkStatus();
  if (!imported.claims.Take(inode.ino)) return OkStatus();
  if (difference == Difference::kAttributes) {
    return TakeChange(context, txn, std::move(inode), dir, info, imported);
  }
  return Replace(context, txn, dir, name, *dentry, std::move(inode), info, imported);
}

void TakeTold(kv::Transaction& txn, InodeRecord inode, const ufs::ObjectInfo& info) {
  FillIn(info, inode);
  PutInode(txn, inode);
}

Status ApplyAbsent(const Context& context, kv::Transaction& txn, const InodeRecord& dir,
                   std::string_view name, Imported& imported) {
  ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry,
                   GetDentry(txn, dir.ino, name, kv::Reads::kSerializable));
  if (!dentry) return OkStatus();
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, dentry->ino, kv::Reads::kSerializable));
  ASSIGN_OR_RETURN(const std::optional<Known> at, KnownAt(txn, inode, dir, name));
  if (!at) return OkStatus();
  ASSIGN_OR_RETURN(bool shared, IsBelowClaim(txn, inode.mount, inode.key));
  if (shared) return OkStatus();
  if (inode.type == role::FileType::kDirectory) {
    ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(inode.mount));
    if (!ufs->Traits().real_directories) return OkStatus();  // The directory may exist here only.
    ASSIGN_OR_RETURN(bool has_names, HasNames(txn, inode.ino));
    if (has_names) return OkStatus();
  }
  if (IsTooOld(dir, name, imported)) return OkStatus();
  if (!imported.claims.Take(inode.ino)) return OkStatus();
  RemoveName(txn, dir.ino, name, *dentry);
  TouchDirectory(txn, dir.ino, context.clock.FileTimeNs());
  ASSIGN_OR_RETURN(const InodeId lost, LoseInode(context, txn, inode, dir, name));
  imported.wrote = true;
  imported.changes.push_back({role::Change::Kind::kEntry, lost, dir.ino, std::string(name)});
  return OkStatus();
}

}  // namespace tarn::meta
