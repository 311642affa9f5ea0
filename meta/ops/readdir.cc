#include "meta/keys.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

using Listing = rpc::Names::Listing;

Result<kv::ScanPage> ScanNames(Attempt& attempt, InodeId dir, uint64_t cursor, size_t limit) {
  const std::string prefix = keys::CursorPrefix(dir);
  const std::string begin = cursor == 0 ? prefix : keys::Cursor(dir, cursor) + '\0';
  kv::ScanOptions options;
  options.limit = limit;
  options.reads = attempt.reads;
  return attempt.txn.Scan(begin, kv::PrefixEnd(prefix), options);
}

Result<rpc::DirEntry> Entry(const kv::Pair& pair) {
  ASSIGN_OR_RETURN(CursorRecord record, CursorRecord::Decode(pair.value));
  rpc::DirEntry entry;
  entry.name = std::move(record.name);
  entry.ino = record.ino;
  entry.type = record.type;
  entry.cursor = keys::CursorOf(pair.key);
  return entry;
}

Status AddAttrs(Attempt& attempt, std::vector<rpc::DirEntry>& entries) {
  std::vector<std::string> wanted;
  wanted.reserve(entries.size());
  for (const rpc::DirEntry& entry : entries) wanted.push_back(keys::Inode(entry.ino));
  ASSIGN_OR_RETURN(auto found, attempt.txn.GetMany(wanted, attempt.reads));
  std::vector<InodeRecord> inodes;
  inodes.reserve(found.size());
  for (const std::optional<std::string>& bytes : found) {
    if (!bytes) return Status(Code::kCorruption, "readdir: a name without an inode");
    ASSIGN_OR_RETURN(InodeRecord inode, InodeRecord::Decode(*bytes));
    inodes.push_back(std::move(inode));
  }
  ASSIGN_OR_RETURN(std::vector<rpc::FileInfo> infos, InfosOf(attempt.txn, inodes, attempt.reads));
  for (size_t i = 0; i < entries.size(); ++i) entries[i].attr = std::move(infos[i].attr);
  return OkStatus();
}

}  // namespace

Result<Listing> ReadDir(const Env& env, InodeId dir, uint64_t cursor, size_t limit,
                        rpc::Names::WithAttrs attrs) {
  if (cursor == 0) RETURN_IF_ERROR(env.loader.Touch(dir));
  return ReadValue<Listing>(env, [&](Attempt& attempt) -> Result<Listing> {
    Listing listing;
    RETURN_IF_ERROR(attempt.Directory(dir).status());
    RETURN_IF_ERROR(attempt.NeedWhole(dir));
    ASSIGN_OR_RETURN(kv::ScanPage page, ScanNames(attempt, dir, cursor, limit));
    listing.end = !page.more;
    listing.entries.reserve(page.pairs.size());
    for (const kv::Pair& pair : page.pairs) {
      ASSIGN_OR_RETURN(rpc::DirEntry entry, Entry(pair));
      listing.entries.push_back(std::move(entry));
    }
    const bool with_attrs = attrs == rpc::Names::WithAttrs::kYes;
    if (with_attrs) RETURN_IF_ERROR(AddAttrs(attempt, listing.entries));
    return listing;
  });
}

}  // namespace tarn::meta::ops
