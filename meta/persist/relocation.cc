#include "meta/persist/relocation.h"

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/notes.h"
#include "meta/ledger/paths.h"
#include "meta/store/change.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

constexpr size_t kPageNames = 200;

bool IsBelow(const std::string& key, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (key.size() > prefix.size() && key[prefix.size()] == '/' && key.starts_with(prefix)) {
      return true;
    }
  }
  return false;
}

// The prefixes other than its path key where a directory may have children.
Result<std::vector<std::string>> OldPrefixes(kv::Transaction& txn, InodeId dir,
                                             const std::string& path_key) {
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, dir, kv::Reads::kSerializable));
  ASSIGN_OR_RETURN(std::vector<Place> places, PlacesOf(txn, dir));
  std::vector<std::string> prefixes;
  for (const Place& place : places) {
    if (place.key != path_key) prefixes.push_back(place.key);
  }
  if (inode.bound && inode.key != path_key) prefixes.push_back(inode.key);
  return prefixes;
}

// Whether the child, with path key `key`, has nothing at an old prefix of its directory.
Result<bool> IsInPlace(kv::Transaction& txn, const InodeRecord& child, const std::string& key,
                       const std::vector<std::string>& old_prefixes) {
  if (child.never_persist || IsMountRoot(child)) return true;
  if (child.type == role::FileType::kDirectory) {
    return (child.attempt_key.empty() || child.attempt_key == key) && !child.places &&
           (!child.made || child.made_key == key) && (!child.bound || child.key == key);
  }
  std::vector<std::string> keys;
  if (child.bound) keys.push_back(child.key);
  if (!child.attempt_key.empty()) keys.push_back(child.attempt_key);
  if (child.places) {
    ASSIGN_OR_RETURN(std::vector<Place> places, PlacesOf(txn, child.ino));
    for (Place& place : places) keys.push_back(std::move(place.key));
  }
  std::erase_if(keys, [&](const std::string& at) { return !IsBelow(at, old_prefixes); });
  if (keys.empty()) return true;
  // A path of the child may map to such a key again.
  ASSIGN_OR_RETURN(std::set<std::string> wanted, LinkKeys(txn, child.ino));
  ASSIGN_OR_RETURN(UfsPath primary,
                   PathKey(txn, child.parent, child.name, kv::Reads::kSerializable));
  wanted.insert(primary.key);
  return std::all_of(keys.begin(), keys.end(),
                     [&](const std::string& at) { return wanted.contains(at); });
}

struct Children {
  std::vector<std::string> names;
  std::vector<InodeRecord> inodes;
  bool more = false;
};

Result<Children> ReadChildren(kv::Transaction& txn, InodeId dir, const std::string& after) {
  Children children;
  const std::string prefix = keys::DentryPrefix(dir);
  kv::ScanOptions options;
  options.limit = kPageNames;
  options.reads = kv::Reads::kSnapshot;
  const std::string begin = after.empty() ? prefix : keys::Dentry(dir, after) + '\0';
  ASSIGN_OR_RETURN(kv::ScanPage page, txn.Scan(begin, kv::PrefixEnd(prefix), options));
  children.more = page.more;
  std::vector<std::string> wanted;
  for (const kv::Pair& pair : page.pairs) {
    ASSIGN_OR_RETURN(DentryRecord dentry, DentryRecord::Decode(pair.value));
    children.names.emplace_back(keys::NameOfDentry(pair.key));
    wanted.push_back(keys::Inode(dentry.ino));
  }
  ASSIGN_OR_RETURN(std::vector<std::optional<std::string>> found, txn.GetMany(wanted));
  for (const std::optional<std::string>& bytes : found) {
    if (!bytes) return Status(Code::kCorruption, "a name without an inode");
    ASSIGN_OR_RETURN(InodeRecord inode, InodeRecord::Decode(*bytes));
    children.inodes.push_back(std::move(inode));
  }
  return children;
}

}  // namespace

void Relocations::Remember(InodeId dir, const Progress* progress) {
  MutexLock lock(mutex_);
  if (progress) {
    progress_[dir] = *progress;
  } else {
    progress_.erase(dir);
  }
}

// A directory that is renamed again starts over.
Result<Relocations::Progress> Relocations::Resume(InodeId dir) {
  std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*txn, dir, kv::Reads::kSnapshot));
  if (inode.nlink == 0) return Status(Code::kStale, "relocate a directory that was removed");
  ASSIGN_OR_RETURN(UfsPath path, PathKey(*txn, inode.parent, inode.name, kv::Reads::kSnapshot));
  MutexLock lock(mutex_);
  auto found = progress_.find(dir);
  if (found != progress_.end() && found->second.key == path.key) return found->second;
  return Progress{path.key, "", false, ""};
}

Status Relocations::QueueChildren(InodeId dir, Deadline end, Progress& progress) {
  const std::string what = Concat("queue the children of the renamed directory ", dir.value);
  while (!progress.all_queued && !end.PassedBy(context_.clock.Now())) {
    Children children;
    Status queued = CommitChange(context_, {.what = what}, [&](ChangeRun& run) -> Status {
      kv::Transaction& txn = run.txn;
      ASSIGN_OR_RETURN(const std::vector<std::string> old, OldPrefixes(txn, dir, progress.key));
      ASSIGN_OR_RETURN(children, ReadChildren(txn, dir, progress.queued));
      for (size_t i = 0; i < children.names.size(); ++i) {
        InodeRecord& child = children.inodes[i];
        ASSIGN_OR_RETURN(bool in_place,
                         IsInPlace(txn, child, JoinKey(progress.key, children.names[i]), old));
        if (in_place || !child.queue_key.empty()) continue;
        RETURN_IF_ERROR(NoteDirty(context_, txn, child, Nanos(0)));
        PutInode(txn, child);
      }
      return OkStatus();
    });
    if (!queued.ok()) return queued;
    if (!children.names.empty()) progress.queued = children.names.back();
    progress.all_queued = !children.more;
  }
  return OkStatus();
}

Result<bool> Relocations::AllMoved(InodeId dir, Deadline end, Progress& progress) {
  const std::string what =
      Concat("look which children of the directory ", dir.value, " have moved");
  for (bool more = true; more;) {
    if (end.PassedBy(context_.clock.Now())) return false;
    bool waits = false;
    std::string moved = progress.moved;
    Status looked = CommitChange(context_, {.what = what}, [&](ChangeRun& run) -> Status {
      kv::Transaction& txn = run.txn;
      waits = false;
      moved = progress.moved;
      ASSIGN_OR_RETURN(const std::vector<std::string> old, OldPrefixes(txn, dir, progress.key));
      ASSIGN_OR_RETURN(Children children, ReadChildren(txn, dir, progress.moved));
      more = children.more;
      for (size_t i = 0; i < children.names.size() && !waits; ++i) {
        InodeRecord& child = children.inodes[i];
        ASSIGN_OR_RETURN(bool in_place,
                         IsInPlace(txn, child, JoinKey(progress.key, children.names[i]), old));
        waits = !in_place;
        if (in_place) moved = children.names[i];
        if (in_place || !child.queue_key.empty()) continue;
        RETURN_IF_ERROR(NoteDirty(context_, txn, child, Nanos(0)));
        PutInode(txn, child);
      }
      return OkStatus();
    });
    if (!looked.ok()) return looked;
    progress.moved = moved;
    if (waits) return false;
  }
  return true;
}

Result<bool> Relocations::Finish(InodeId dir, const Progress& progress) {
  bool finished = false;
  const std::string what = Concat("give up the old key of the renamed directory ", dir.value);
  Status committed = CommitChange(context_, {.what = what}, [&](ChangeRun& run) -> Status {
    kv::Transaction& txn = run.txn;
    finished = false;
    ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, dir, kv::Reads::kSerializable));
    ASSIGN_OR_RETURN(UfsPath path,
                     PathKey(txn, inode.parent, inode.name, kv::Reads::kSerializable));
    if (path.key != progress.key || !inode.made || inode.made_key != path.key) return OkStatus();
    ASSIGN_OR_RETURN(std::vector<Place> places, PlacesOf(txn, dir));
    ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context_.mounts.Get(inode.mount));
    inode.places = false;
    for (const Place& place : places) {
      if (ufs->Traits().directory_markers && place.key != path.key) {
        ClaimMarkers(txn, inode, place.key);
        inode.places = true;
        continue;
      }
      ASSIGN_OR_RETURN(Unclaimed unclaimed, Unclaim(txn, dir, place.mount, place.key));
      // The entry of the delete finds out whether a directory is at that path again.
      if (unclaimed == Unclaimed::kLast && place.key != path.key) {
        RETURN_IF_ERROR(DiscardDirectory(context_, txn, place.mount, place.key, 0));
      }
    }
    inode.key = path.key;
    PutInode(txn, inode);
    finished = true;
    return OkStatus();
  });
  if (!committed.ok()) return committed;
  return finished;
}

Result<bool> Relocations::Advance(InodeId dir) {
  ASSIGN_OR_RETURN(Progress progress, Resume(dir));
  RETURN_IF_ERROR(loader_.LoadAll(dir));
  const Deadline end = Deadline::After(context_.clock, context_.options.operation_deadline);
  RETURN_IF_ERROR(QueueChildren(dir, end, progress));
  ASSIGN_OR_RETURN(bool moved, AllMoved(dir, end, progress));
  if (moved) {
    ASSIGN_OR_RETURN(moved, Finish(dir, progress));
  }
  Remember(dir, moved ? nullptr : &progress);
  return moved;
}

}  // namespace tarn::meta
