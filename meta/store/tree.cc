#include "meta/store/tree.h"

#include <algorithm>

#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

constexpr uint64_t kDirectorySizeBytes = 4096;

std::string Quoted(InodeId ino) { return "inode " + std::to_string(ino.value); }

void EraseBelow(kv::Transaction& txn, const std::string& prefix) {
  txn.DeleteRange(prefix, kv::PrefixEnd(prefix));
}

// The counters of a directory that complete its record.
struct DirectoryCounters {
  std::optional<int64_t> changed_ns;
  int64_t subdirs = 0;
};

Result<std::optional<int64_t>> Counter(const std::optional<std::string>& value) {
  if (!value) return std::optional<int64_t>();
  ASSIGN_OR_RETURN(int64_t counter, kv::DecodeCounter(*value));
  return std::optional<int64_t>(counter);
}

Result<DirectoryCounters> DecodeCounters(const std::optional<std::string>& changed,
                                         const std::optional<std::string>& subdirs) {
  DirectoryCounters counters;
  ASSIGN_OR_RETURN(counters.changed_ns, Counter(changed));
  ASSIGN_OR_RETURN(std::optional<int64_t> count, Counter(subdirs));
  counters.subdirs = count.value_or(0);
  return counters;
}

role::Attr RecordAttr(const InodeRecord& r) {
  role::Attr attr;
  attr.ino = r.ino;
  attr.type = r.type;
  attr.mode = r.mode;
  attr.uid = r.uid;
  attr.gid = r.gid;
  attr.nlink = r.nlink;
  attr.rdev = r.rdev;
  attr.size_bytes = r.size_bytes;
  attr.allocated_bytes = r.allocated_bytes;
  attr.atime_ns = r.atime_ns;
  attr.mtime_ns = r.mtime_ns;
  attr.ctime_ns = r.ctime_ns;
  attr.btime_ns = r.btime_ns;
  attr.generation = r.generation;
  attr.persist = PersistStateOf(r);
  attr.guessed = r.guessed;
  return attr;
}

role::FileInfo RecordInfo(const InodeRecord& r) {
  role::FileInfo info;
  info.attr = RecordAttr(r);
  if (r.type == role::FileType::kSymlink) info.attr.size_bytes = r.symlink_target.size();
  info.binding.gone = !r.bound && r.type == role::FileType::kRegular && r.generation;
  if (!r.bound) return info;
  // While a change of the file waits to be persisted, Tarn does not notice that another client
  // changes attributes. The identity ignores such a change, the ETag does not.
  const bool settled = r.queue_key.empty() && r.attempt.empty();
  info.binding = {r.mount,
                  r.key,
                  settled ? r.etag : VersionOf(r),
                  r.persisted_generation,
                  r.bound_size_bytes,
                  r.lost,
                  !r.attempt.empty(),
                  r.guessed};
  return info;
}

void ApplyCounters(const DirectoryCounters& counters, role::Attr& attr) {
  attr.size_bytes = attr.allocated_bytes = kDirectorySizeBytes;
  if (attr.nlink > 0) {
    attr.nlink = static_cast<uint32_t>(2 + std::max<int64_t>(counters.subdirs, 0));
  }
  if (!counters.changed_ns) return;
  attr.mtime_ns = *counters.changed_ns;
  attr.ctime_ns = std::max(attr.ctime_ns, *counters.changed_ns);
}

bool IsDirectory(const InodeRecord& inode) { return inode.type == role::FileType::kDirectory; }

}  // namespace

Status CheckName(std::string_view name) {
  if (name.size() > kMaxNameBytes) {
    return Status(Code::kNameTooLong, "name of " + std::to_string(name.size()) + " bytes");
  }
  const bool bad = name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
                   name.find('\0') != name.npos;
  return bad ? Status(Code::kInvalid, "not a name: '" + std::string(name) + "'") : OkStatus();
}

role::PersistState PersistStateOf(const InodeRecord& inode) {
  if (inode.lost) return role::PersistState::kLost;
  if (inode.conflict) return role::PersistState::kConflict;
  if (inode.never_persist) return role::PersistState::kTransient;
  const bool file = inode.type == role::FileType::kRegular;
  if (file && !inode.generation) return role::PersistState::kOpen;
  const bool data = file ? inode.generation == inode.persisted_generation : true;
  if (data && inode.attr_version == inode.persisted_attr_version) {
    return role::PersistState::kPersisted;
  }
  const bool under_way = !inode.attempt.empty() && inode.attempt_started_ns != 0;
  return under_way ? role::PersistState::kPersisting : role::PersistState::kNotPersisted;
}

// Only the root of a mount is bound to the key "".
bool IsMountRoot(const InodeRecord& inode) {
  return inode.ino == kRootInode || (IsDirectory(inode) && inode.bound && inode.key.empty());
}

Result<std::string> PathTo(kv::Transaction& txn, InodeId ino, kv::Reads reads) {
  std::string path;
  while (ino != kRootInode) {
    ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, GetInode(txn, ino, reads));
    if (!inode || inode->nlink == 0) return Status(Code::kNotFound, Quoted(ino) + " has no name");
    path.insert(0, "/" + inode->name);
    ino = inode->parent;
  }
  return path.empty() ? "/" : path;
}

Result<std::optional<InodeRecord>> GetInode(kv::Transaction& txn, InodeId ino, kv::Reads reads) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn.Get(keys::Inode(ino), reads));
  if (!bytes) return std::optional<InodeRecord>();
  ASSIGN_OR_RETURN(InodeRecord inode, InodeRecord::Decode(*bytes));
  return std::optional<InodeRecord>(std::move(inode));
}

Result<InodeRecord> ReadInode(kv::Transaction& txn, InodeId ino, kv::Reads reads) {
  ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, GetInode(txn, ino, reads));
  if (!inode) return Status(Code::kStale, Quoted(ino) + " is gone");
  return *std::move(inode);
}

void PutInode(kv::Transaction& txn, const InodeRecord& inode) {
  txn.Put(keys::Inode(inode.ino), inode.Encode());
}

void MakeOrphan(kv::Transaction& txn, InodeRecord& inode) {
  inode.nlink = 0;
  if (IsDirectory(inode)) {
    txn.Delete(keys::DirSubdirs(inode.ino));
    txn.Delete(keys::Listing(inode.ino));
    inode.bound = inode.made = inode.places = false;
    inode.key.clear();
    inode.made_key.clear();
    inode.attempt.clear();
    inode.attempt_key.clear();
  }
  txn.Put(keys::Orphan(inode.ino), "");
  PutInode(txn, inode);
}

void EraseXattrs(kv::Transaction& txn, const InodeRecord& inode) {
  if (inode.xattrs) EraseBelow(txn, keys::XattrPrefix(inode.ino));
}

void EraseInode(kv::Transaction& txn, const InodeRecord& inode) {
  txn.Delete(keys::Inode(inode.ino));
  txn.Delete(keys::Orphan(inode.ino));
  EraseXattrs(txn, inode);
  if (!IsDirectory(inode)) return;
  txn.Delete(keys::DirMtime(inode.ino));
  txn.Delete(keys::DirSubdirs(inode.ino));
  txn.Delete(keys::Listing(inode.ino));
}

Result<std::optional<DentryRecord>> GetDentry(kv::Transaction& txn, InodeId parent,
                                              std::string_view name, kv::Reads reads) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn.Get(keys::Dentry(parent, name), reads));
  if (!bytes) return std::optional<DentryRecord>();
  ASSIGN_OR_RETURN(DentryRecord dentry, DentryRecord::Decode(*bytes));
  return std::optional<DentryRecord>(dentry);
}

void AddName(kv::Transaction& txn, InodeId parent, std::string_view name,
             const DentryRecord& dentry) {
  txn.Put(keys::Dentry(parent, name), dentry.Encode());
  txn.Put(keys::Cursor(parent, dentry.cursor),
          CursorRecord{std::string(name), dentry.ino, dentry.type}.Encode());
  if (dentry.type == role::FileType::kDirectory) txn.Add(keys::DirSubdirs(parent), 1);
}

void RemoveName(kv::Transaction& txn, InodeId parent, std::string_view name,
                const DentryRecord& dentry) {
  txn.Delete(keys::Dentry(parent, name));
  txn.Delete(keys::Cursor(parent, dentry.cursor));
  if (dentry.type == role::FileType::kDirectory) txn.Add(keys::DirSubdirs(parent), -1);
}

void TouchDirectory(kv::Transaction& txn, InodeId dir, int64_t now_ns) {
  txn.Max(keys::DirMtime(dir), now_ns);
}

Result<bool> HasNames(kv::Transaction& txn, InodeId dir) {
  const std::string prefix = keys::DentryPrefix(dir);
  kv::ScanOptions options;
  options.limit = 1;
  ASSIGN_OR_RETURN(kv::ScanPage page, txn.Scan(prefix, kv::PrefixEnd(prefix), options));
  return !page.pairs.empty();
}

Result<bool> IsComplete(kv::Transaction& txn, InodeId dir, kv::Reads reads) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn.Get(keys::Listing(dir), reads));
  if (!bytes) return false;
  ASSIGN_OR_RETURN(ListingRecord listing, ListingRecord::Decode(*bytes));
  return listing.complete;
}

void PutListing(kv::Transaction& txn, InodeId dir, const ListingRecord& listing) {
  txn.Put(keys::Listing(dir), listing.Encode());
}

uint64_t WithoutHoles(uint64_t size_bytes) {
  constexpr uint64_t kBlockBytes = 4096;
  return (size_bytes / kBlockBytes + (size_bytes % kBlockBytes != 0)) * kBlockBytes;
}

Status SetChangeTime(kv::Transaction& txn, InodeRecord& inode, int64_t now_ns) {
  inode.ctime_ns = now_ns;
  if (!IsDirectory(inode)) return OkStatus();
  const std::string key = keys::DirMtime(inode.ino);
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn.Get(key));
  ASSIGN_OR_RETURN(std::optional<int64_t> changed_ns, Counter(bytes));
  if (!changed_ns) return OkStatus();
  inode.mtime_ns = *changed_ns;
  txn.Delete(key);
  return OkStatus();
}

void SetModifyTime(kv::Transaction& txn, InodeRecord& inode, int64_t mtime_ns, int64_t now_ns) {
  inode.mtime_ns = mtime_ns;
  inode.ctime_ns = now_ns;
  if (IsDirectory(inode)) txn.Delete(keys::DirMtime(inode.ino));
}

role::FileInfo NewInfo(const InodeRecord& inode) {
  role::FileInfo info = RecordInfo(inode);
  if (IsDirectory(inode)) ApplyCounters({}, info.attr);
  return info;
}

void WantCounters(kv::Transaction& txn, InodeId dir) {
  const std::string counters[] = {keys::DirMtime(dir), keys::DirSubdirs(dir)};
  txn.Want(counters, {});
}

Result<role::FileInfo> InfoOf(kv::Transaction& txn, const InodeRecord& inode, kv::Reads reads) {
  ASSIGN_OR_RETURN(std::vector<role::FileInfo> infos, InfosOf(txn, std::span(&inode, 1), reads));
  return std::move(infos.front());
}

Result<std::vector<role::FileInfo>> InfosOf(kv::Transaction& txn,
                                            std::span<const InodeRecord> inodes, kv::Reads reads) {
  std::vector<role::FileInfo> infos;
  std::vector<std::string> wanted;
  infos.reserve(inodes.size());
  for (const InodeRecord& inode : inodes) {
    infos.push_back(RecordInfo(inode));
    if (!IsDirectory(inode)) continue;
    wanted.push_back(keys::DirMtime(inode.ino));
    wanted.push_back(keys::DirSubdirs(inode.ino));
  }
  if (wanted.empty()) return infos;
  ASSIGN_OR_RETURN(std::vector<std::optional<std::string>> found, txn.GetMany(wanted, reads));
  size_t next = 0;
  for (role::FileInfo& info : infos) {
    if (info.attr.type != role::FileType::kDirectory) continue;
    ASSIGN_OR_RETURN(DirectoryCounters counters, DecodeCounters(found[next], found[next + 1]));
    ApplyCounters(counters, info.attr);
    next += 2;
  }
  return infos;
}

}  // namespace tarn::meta
