#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

using Listing = role::Names::Listing;

kv::Range NamesAfter(InodeId dir, uint64_t cursor) {
  std::string prefix = keys::CursorPrefix(dir);
  std::string end = kv::PrefixEnd(prefix);
  return {cursor == 0 ? std::move(prefix) : keys::Cursor(dir, cursor) + '\0', std::move(end)};
}

void Want(Operation& operation, InodeId dir, const kv::Range& names) {
  const std::string wanted[] = {keys::Inode(dir), keys::Listing(dir)};
  operation.txn.Want(wanted, std::span(&names, 1));
}

Result<kv::ScanPage> ScanNames(Operation& operation, const kv::Range& names, size_t limit) {
  kv::ScanOptions options;
  options.limit = limit;
  options.reads = operation.reads;
  return operation.txn.Scan(names.begin, names.end, options);
}

Result<role::DirEntry> Entry(const kv::Pair& pair) {
  ASSIGN_OR_RETURN(CursorRecord record, CursorRecord::Decode(pair.value));
  role::DirEntry entry;
  entry.name = std::move(record.name);
  entry.ino = record.ino;
  entry.type = record.type;
  entry.cursor = keys::CursorOf(pair.key);
  return entry;
}

Status AddAttrs(Operation& operation, std::vector<role::DirEntry>& entries) {
  std::vector<std::string> wanted;
  wanted.reserve(entries.size());
  std::vector<std::string> counters;
  for (const role::DirEntry& entry : entries) {
    wanted.push_back(keys::Inode(entry.ino));
    if (entry.type != role::FileType::kDirectory) continue;
    counters.push_back(keys::DirMtime(entry.ino));
    counters.push_back(keys::DirSubdirs(entry.ino));
  }
  operation.txn.Want(counters, {});
  ASSIGN_OR_RETURN(auto found, operation.txn.GetMany(wanted, operation.reads));
  std::vector<InodeRecord> inodes;
  inodes.reserve(found.size());
  for (const std::optional<std::string>& bytes : found) {
    if (!bytes) return Status(Code::kCorruption, "readdir: a name without an inode");
    ASSIGN_OR_RETURN(InodeRecord inode, InodeRecord::Decode(*bytes));
    inodes.push_back(std::move(inode));
  }
  ASSIGN_OR_RETURN(std::vector<role::FileInfo> infos,
                   InfosOf(operation.txn, inodes, operation.reads));
  for (size_t i = 0; i < entries.size(); ++i) entries[i].attr = std::move(infos[i].attr);
  return OkStatus();
}

// The names known here after a cursor, in one snapshot.
struct Known {
  Listing listing;
  bool complete = false;
};

struct Wanted {
  InodeId dir;
  uint64_t cursor = 0;
  size_t limit = 0;
  role::Names::WithAttrs attrs = role::Names::WithAttrs::kNo;
};

Result<Known> ReadKnown(Operation& operation, const Wanted& wanted, bool partly) {
  Known known;
  const kv::Range names = NamesAfter(wanted.dir, wanted.cursor);
  Want(operation, wanted.dir, names);
  ASSIGN_OR_RETURN(const InodeRecord dir, operation.Directory(wanted.dir));
  if (dir.nlink == 0) {  // Removed, and empty.
    known.complete = known.listing.end = true;
    return known;
  }
  ASSIGN_OR_RETURN(known.complete, IsComplete(operation.txn, wanted.dir, kv::Reads::kSnapshot));
  if (!known.complete && !partly) return known;
  ASSIGN_OR_RETURN(kv::ScanPage page, ScanNames(operation, names, wanted.limit));
  known.listing.end = !page.more;
  known.listing.entries.reserve(page.pairs.size());
  for (const kv::Pair& pair : page.pairs) {
    ASSIGN_OR_RETURN(role::DirEntry entry, Entry(pair));
    known.listing.entries.push_back(std::move(entry));
  }
  if (known.complete) {
    ASSIGN_OR_RETURN(known.listing.newest, operation.context.ids.Newest());
  }
  const bool with_attrs = wanted.attrs == role::Names::WithAttrs::kYes;
  if (with_attrs) RETURN_IF_ERROR(AddAttrs(operation, known.listing.entries));
  return known;
}

}  // namespace

// An incomplete directory yields its names as they are imported. Its listing begins before the
// first name is returned. Otherwise a small directory might show only names that the UFS no longer
// has.
Result<Listing> ReadDir(const Env& env, InodeId dir, uint64_t cursor, size_t limit,
                        role::Names::WithAttrs attrs) {
  if (cursor == 0) RETURN_IF_ERROR(env.loader.Touch(dir));
  const Wanted wanted{dir, cursor, limit, attrs};
  Loader::Progress progress;
  Loader::Loaded loaded = Loader::Loaded::kSome;
  for (bool begun = cursor != 0;; begun = true) {
    ASSIGN_OR_RETURN(Known known, ReadValue<Known>(env, [&](Operation& operation) {
                       return ReadKnown(operation, wanted, begun);
                     }));
    for (role::DirEntry& entry : known.listing.entries) {
      if (entry.attr) entry.attr->fresh_ns = env.loader.FreshFor(dir, entry.name).count();
    }
    if (known.complete || loaded == Loader::Loaded::kAll) return std::move(known.listing);
    known.listing.end = false;
    if (!known.listing.entries.empty()) return std::move(known.listing);
    ASSIGN_OR_RETURN(loaded, env.loader.LoadMore(dir, progress));
  }
}

}  // namespace tarn::meta::ops
