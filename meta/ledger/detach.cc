#include "meta/ledger/detach.h"

#include "meta/ledger/ledger.h"
#include "meta/ledger/notes.h"
#include "meta/ledger/paths.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

struct ExtraName {
  InodeId parent;
  std::string name;
  std::string key;  // The path key.
  std::optional<PlaceRecord> link;
};

Result<std::vector<ExtraName>> ExtraNames(kv::Transaction& txn, const InodeRecord& inode) {
  std::vector<ExtraName> names;
  const std::string prefix = keys::ExtraNamePrefix(inode.ino);
  ASSIGN_OR_RETURN(kv::ScanPage page, txn.Scan(prefix, kv::PrefixEnd(prefix), {}));
  for (const kv::Pair& pair : page.pairs) {
    ExtraName& extra = names.emplace_back();
    extra.parent = keys::ParentOfExtraName(pair.key);
    extra.name = keys::NameOfExtraName(pair.key);
    ASSIGN_OR_RETURN(UfsPath path,
                     PathKey(txn, extra.parent, extra.name, kv::Reads::kSerializable));
    extra.key = std::move(path.key);
    ASSIGN_OR_RETURN(extra.link, GetLinkPlace(txn, inode, extra.key));
    const bool current = extra.link && extra.link->generation == inode.persisted_generation;
    if (!current) extra.link.reset();
  }
  return names;
}

void BindToLink(kv::Transaction& txn, const ExtraName& extra, InodeRecord& inode) {
  txn.Delete(keys::Claim(inode.ino, inode.mount, extra.key));
  inode.bound = true;
  inode.key = extra.key;
  inode.etag = VersionAtLink(inode, *extra.link);
}

Status LosePrimary(const Context& context, kv::Transaction& txn, InodeRecord& inode) {
  ASSIGN_OR_RETURN(const std::vector<ExtraName> names, ExtraNames(txn, inode));
  if (names.empty()) return Status(Code::kCorruption, "a file lacks one of its names");
  if (inode.bound) RETURN_IF_ERROR(Disown(txn, inode, inode.key));
  const ExtraName* next = &names.front();
  for (const ExtraName& extra : names) {
    if (extra.link && !next->link) next = &extra;
  }
  inode.parent = next->parent;
  inode.name = next->name;
  txn.Delete(keys::ExtraName(inode.ino, next->parent, next->name));
  if (next->link) {
    BindToLink(txn, *next, inode);
  } else {
    Unbind(inode);
    RETURN_IF_ERROR(NoteDirty(context, txn, inode, Nanos(0)));
  }
  return OkStatus();
}

}  // namespace

Status DetachName(const Context& context, kv::Transaction& txn, InodeRecord& inode, InodeId parent,
                  std::string_view name) {
  --inode.nlink;
  if (inode.nlink == 0) {
    txn.Put(keys::Orphan(inode.ino), "");
  } else if (inode.parent == parent && inode.name == name) {
    RETURN_IF_ERROR(LosePrimary(context, txn, inode));
  } else {
    ASSIGN_OR_RETURN(UfsPath path, PathKey(txn, parent, name, kv::Reads::kSerializable));
    txn.Delete(keys::ExtraName(inode.ino, parent, name));
    RETURN_IF_ERROR(Disown(txn, inode, path.key));
  }
  PutInode(txn, inode);
  return OkStatus();
}

}  // namespace tarn::meta
