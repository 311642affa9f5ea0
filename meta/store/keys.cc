#include "meta/store/keys.h"

#include "base/encoding.h"

namespace tarn::meta::keys {
namespace {

constexpr size_t kIdBytes = 8;

std::string Key(char kind, size_t more = kIdBytes) {
  std::string key;
  key.reserve(1 + more);
  key.push_back(kind);
  return key;
}

std::string OfInode(char kind, InodeId ino, std::string_view rest = {}) {
  std::string key = Key(kind, kIdBytes + rest.size());
  AppendBig64(key, ino.value);
  key.append(rest);
  return key;
}

InodeId InodeAt(std::string_view key, size_t offset) {
  CHECK(key.size() >= offset + kIdBytes);
  return InodeId(Reader(key.substr(offset)).Big64());
}

}  // namespace

std::string Inode(InodeId ino) { return OfInode('I', ino); }
std::string Dentry(InodeId parent, std::string_view name) { return OfInode('D', parent, name); }
std::string DentryPrefix(InodeId parent) { return OfInode('D', parent); }

std::string Cursor(InodeId parent, uint64_t cursor) {
  std::string key = Key('E', 2 * kIdBytes);
  AppendBig64(key, parent.value);
  AppendBig64(key, cursor);
  return key;
}

std::string CursorPrefix(InodeId parent) { return OfInode('E', parent); }

std::string ExtraName(InodeId ino, InodeId parent, std::string_view name) {
  std::string key = Key('B', 2 * kIdBytes + name.size());
  AppendBig64(key, ino.value);
  AppendBig64(key, parent.value);
  key.append(name);
  return key;
}

std::string ExtraNamePrefix(InodeId ino) { return OfInode('B', ino); }
std::string Xattr(InodeId ino, std::string_view name) { return OfInode('X', ino, name); }
std::string XattrPrefix(InodeId ino) { return OfInode('X', ino); }
std::string DirMtime(InodeId ino) { return OfInode('T', ino); }
std::string DirSubdirs(InodeId ino) { return OfInode('V', ino); }
std::string Listing(InodeId ino) { return OfInode('G', ino); }

std::string Ledger(MountId mount, std::string_view ufs_key) { return LedgerPrefix(mount, ufs_key); }

std::string LedgerPrefix(MountId mount, std::string_view ufs_key_prefix) {
  std::string key = Key('U', 4 + ufs_key_prefix.size());
  AppendBig32(key, mount.value);
  key.append(ufs_key_prefix);
  return key;
}

std::string Claim(InodeId owner, MountId mount, std::string_view ufs_key) {
  std::string key = Key('K', kIdBytes + 4 + ufs_key.size());
  AppendBig64(key, owner.value);
  AppendBig32(key, mount.value);
  key.append(ufs_key);
  return key;
}

std::string ClaimPrefix(InodeId owner) { return OfInode('K', owner); }
std::string Orphan(InodeId ino) { return OfInode('Z', ino); }
std::string OrphanPrefix() { return "Z"; }

std::string Queue(uint8_t task_class, int64_t due_ns, uint64_t unique) {
  std::string key = QueuePrefix(task_class);
  // Negative times sort first.
  AppendBig64(key, static_cast<uint64_t>(due_ns) ^ (uint64_t{1} << 63));
  AppendBig64(key, unique);
  return key;
}

std::string QueuePrefix(uint8_t task_class) {
  std::string key = Key('P', 1 + 2 * kIdBytes);
  key.push_back(static_cast<char>(task_class));
  return key;
}

std::string Mount(MountId mount) {
  std::string key = Key('M', 4);
  AppendBig32(key, mount.value);
  return key;
}

std::string MountPrefix() { return "M"; }

MountId MountOf(std::string_view key) {
  CHECK(key.size() == 5);
  return MountId(Reader(key.substr(1)).Big32());
}

std::string System(std::string_view what) { return "Y" + std::string(what); }

std::string_view NameOfDentry(std::string_view key) {
  CHECK(key.size() >= 1 + kIdBytes);
  return key.substr(1 + kIdBytes);
}

std::string_view NameOfXattr(std::string_view key) { return NameOfDentry(key); }
InodeId ParentOfExtraName(std::string_view key) { return InodeAt(key, 1 + kIdBytes); }

std::string_view NameOfExtraName(std::string_view key) {
  CHECK(key.size() >= 1 + 2 * kIdBytes);
  return key.substr(1 + 2 * kIdBytes);
}

uint64_t CursorOf(std::string_view key) { return InodeAt(key, 1 + kIdBytes).value; }
InodeId InodeOfOrphan(std::string_view key) { return InodeAt(key, 1); }

int64_t DueOfQueue(std::string_view key) {
  CHECK(key.size() == 2 + 2 * kIdBytes);
  return static_cast<int64_t>(Reader(key.substr(2)).Big64() ^ (uint64_t{1} << 63));
}

std::string_view KeyOfLedger(std::string_view key) {
  CHECK(key.size() >= 5);
  return key.substr(5);
}

MountId MountOfLedger(std::string_view key) {
  CHECK(key.size() >= 5);
  return MountId(Reader(key.substr(1)).Big32());
}

std::string_view KeyOfClaim(std::string_view key) {
  CHECK(key.size() >= 1 + kIdBytes + 4);
  return key.substr(1 + kIdBytes + 4);
}

MountId MountOfClaim(std::string_view key) {
  CHECK(key.size() >= 1 + kIdBytes + 4);
  return MountId(Reader(key.substr(1 + kIdBytes)).Big32());
}

}  // namespace tarn::meta::keys
