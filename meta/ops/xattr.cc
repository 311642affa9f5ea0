#include "meta/ops/names.h"
#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

constexpr size_t kMaxXattrNameBytes = 255;
constexpr size_t kMaxXattrValueBytes = 64 << 10;

// A prefix alone is no name in any file system.
bool IsBarePrefix(std::string_view name) {
  return name == "user." || name == "trusted." || name == "security." || name == "system.";
}

// Every Linux file system refuses names outside of these namespaces. "system." is for attributes
// that a file system itself enforces.
Status CheckNamespace(std::string_view name) {
  if (IsBarePrefix(name)) return Status(Code::kInvalid, "name of an extended attribute");
  for (const std::string_view prefix : {"user.", "trusted.", "security."}) {
    if (name.starts_with(prefix)) return OkStatus();
  }
  return Status(Code::kUnsupported, "extended attribute '" + std::string(name) +
                                        "': its name begins with no namespace that is kept here");
}

Status CheckXattr(std::string_view name, std::string_view value) {
  if (name.empty() || name.size() > kMaxXattrNameBytes) {
    return Status(Code::kRange, "name of an extended attribute");
  }
  if (value.size() > kMaxXattrValueBytes) {
    return Status(Code::kTooBig, "value of an extended attribute");
  }
  return CheckNamespace(name);
}

Status NoAttribute(std::string_view name) {
  return Status(Code::kNoAttribute, "extended attribute '" + std::string(name) + "'");
}

// Updates the inode after a change of an extended attribute.
Status XattrChanged(Operation& operation, InodeRecord& inode) {
  RETURN_IF_ERROR(SetChangeTime(operation.txn, inode, operation.now_ns));
  RETURN_IF_ERROR(StoredAttributesChanged(operation, inode));
  PutInode(operation.txn, inode);
  return OkStatus();
}

}  // namespace

Result<std::string> GetXattr(const Env& env, InodeId ino, std::string_view name) {
  RETURN_IF_ERROR(CheckNamespace(name));
  return ReadValue<std::string>(env, [&](Operation& operation) -> Result<std::string> {
    ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
    if (!inode.xattrs) return NoAttribute(name);
    ASSIGN_OR_RETURN(std::optional<std::string> found,
                     operation.txn.Get(keys::Xattr(ino, name), operation.reads));
    return found ? Result<std::string>(*std::move(found)) : NoAttribute(name);
  });
}

Result<std::vector<std::string>> ListXattrs(const Env& env, InodeId ino) {
  return ReadValue<std::vector<std::string>>(
      env, [&](Operation& operation) -> Result<std::vector<std::string>> {
        std::vector<std::string> names;
        ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
        if (!inode.xattrs) return names;
        const std::string prefix = keys::XattrPrefix(ino);
        kv::ScanOptions options;
        options.reads = operation.reads;
        ASSIGN_OR_RETURN(kv::ScanPage page,
                         operation.txn.Scan(prefix, kv::PrefixEnd(prefix), options));
        for (const kv::Pair& pair : page.pairs) names.emplace_back(keys::NameOfXattr(pair.key));
        return names;
      });
}

Status SetXattr(const Env& env, InodeId ino, std::string_view name, std::string_view value,
                role::XattrMode mode) {
  RETURN_IF_ERROR(CheckXattr(name, value));
  return RunChange(env, [&](Operation& operation) -> Status {
    ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
    RETURN_IF_ERROR(operation.MayChange(inode));
    const std::string key = keys::Xattr(ino, name);
    ASSIGN_OR_RETURN(std::optional<std::string> old, operation.txn.Get(key));
    if (mode == role::XattrMode::kCreate && old) return Status(Code::kExists, "extended attribute");
    if (mode == role::XattrMode::kReplace && !old) return NoAttribute(name);
    if (old == value) return OkStatus();  // No change of the inode, as on ext4.
    operation.txn.Put(key, value);
    inode.xattrs = true;
    return XattrChanged(operation, inode);
  });
}

Status RemoveXattr(const Env& env, InodeId ino, std::string_view name) {
  RETURN_IF_ERROR(CheckNamespace(name));
  return RunChange(env, [&](Operation& operation) -> Status {
    ASSIGN_OR_RETURN(InodeRecord inode, operation.Inode(ino));
    RETURN_IF_ERROR(operation.MayChange(inode));
    const std::string key = keys::Xattr(ino, name);
    ASSIGN_OR_RETURN(std::optional<std::string> old, operation.txn.Get(key));
    if (!old) return NoAttribute(name);
    operation.txn.Delete(key);
    return XattrChanged(operation, inode);
  });
}

}  // namespace tarn::meta::ops
