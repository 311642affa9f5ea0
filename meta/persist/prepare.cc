#include "meta/persist/prepare.h"

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/notes.h"
#include "meta/ledger/occupants.h"
#include "meta/ledger/paths.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

using Kind = role::Action::Kind;

constexpr int kLongestChain = 64;
constexpr Nanos kOrphanGrace = std::chrono::seconds(2);

std::string LockName(MountId mount, std::string_view key) { return keys::Ledger(mount, key); }

}  // namespace

Step Preparation::Done() {
  Step step;
  step.gone = true;
  return step;
}

Step Preparation::Wait(std::string reason) {
  Step step;
  step.action.kind = Kind::kWait;
  step.action.reason = std::move(reason);
  return step;
}

Step Preparation::WaitUntil(std::string_view event) {
  return Wait(Concat(role::kWaitsUntil, event));
}

Step Preparation::Before(Step::First first, InodeId ino) {
  Step step;
  step.first = first;
  step.ino = ino;
  return step;
}

// Whether a write of unknown outcome that began at `started_ns` may still take effect. That can
// happen in a store whose rename is not one step of the kernel.
bool Preparation::MayLandLate(int64_t started_ns) const {
  return started_ns != 0 && !traits_->atomic_rename &&
         now_ns_ <
             context_.queue_clock.BegunNs(started_ns) + context_.options.settling_time.count();
}

Result<Step> Preparation::Run() {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn_.Get(id_));
  if (!bytes) return Done();
  ASSIGN_OR_RETURN(QueueRecord entry, QueueRecord::Decode(*bytes));
  return entry.what == QueueRecord::What::kInode ? Inode(entry) : DeletedKey(entry);
}

Result<Step> Preparation::Inode(const QueueRecord& entry) {
  ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                   GetInode(txn_, entry.ino, kv::Reads::kSerializable));
  if (!inode || inode->queue_key != id_) {
    txn_.Delete(id_);
    return Done();
  }
  const bool open = inode->type == role::FileType::kRegular && !inode->generation && !inode->bound;
  if (inode->nlink == 0 || inode->never_persist || inode->lost || open) return Finish(*inode);
  // The file may have grown or shrunk since it was queued.
  const role::TaskClass task_class = TaskClassOf(*inode);
  if (!id_.starts_with(keys::QueuePrefix(static_cast<uint8_t>(task_class)))) {
    return Reclassify(entry, *inode, task_class);
  }
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context_.mounts.Get(inode->mount));
  traits_ = &ufs->Traits();
  return inode->type == role::FileType::kDirectory ? Directory(*inode) : File(*inode);
}

// Remembers what it reads, for the reads of the settlement.
Result<Chain> Preparation::ChainAbove(const InodeRecord& inode) {
  ASSIGN_OR_RETURN(Chain chain, ReadChain(txn_, inode.parent, kv::Reads::kSerializable));
  context_.parents.Note(inode);
  for (const InodeRecord& dir : chain.dirs) context_.parents.Note(dir);
  return chain;
}

// Moves the entry to the class of its size, due at once: large files must not hold up small ones.
Step Preparation::Reclassify(const QueueRecord& entry, InodeRecord& inode,
                             role::TaskClass task_class) {
  txn_.Delete(id_);
  inode.queue_key = Enqueue(context_, txn_, entry, task_class, Nanos(0), inode.ino.value);
  txn_.Put(inode.queue_key, entry.Encode());  // With its old queue time.
  PutInode(txn_, inode);
  return Done();
}

// Removes the entry of an inode that has no change to persist.
Result<Step> Preparation::Finish(InodeRecord& inode) {
  txn_.Delete(id_);
  inode.queue_key.clear();
  PutInode(txn_, inode);
  return Done();
}

Step Preparation::Guarded(role::Action action) {
  std::vector<std::string> locks;
  if (action.kind != Kind::kLocalize) locks.push_back(LockName(action.mount, action.key));
  if (!action.from_key.empty()) locks.push_back(LockName(action.mount, action.from_key));
  if (!leases_.Lock(id_, locks)) return Wait("another change of " + action.key + " is under way");
  Step step;
  step.action = std::move(action);
  return step;
}

// Writes the intent into the record.
Result<Step> Preparation::Begin(InodeRecord& inode, role::Action action, char kind) {
  ASSIGN_OR_RETURN(uint64_t id, context_.ids.Next());
  // The random part: another store may give out the same number.
  if (!action.repeats) {
    action.attempt = Concat(kind, id, "-", RandomSeed());
    const bool noted = action.kind == Kind::kUpload && !traits_->object_metadata;
    inode.attempt_file = noted ? NothingMade(context_) : "";
  }
  inode.attempt = action.attempt;
  inode.attempt_key = action.key;
  inode.attempt_generation = action.generation;
  inode.attempt_attr_version = inode.attr_version;
  inode.attempt_started_ns = now_ns_;
  inode.attempt_size_bytes = action.size_bytes;
  inode.attempt_mtime_ns = action.mtime_ns.value_or(inode.mtime_ns);
  action.attempt_file = MarkOf(context_, inode).file;
  Step step = Guarded(std::move(action));
  if (step.action.kind != Kind::kWait) PutInode(txn_, inode);
  return step;
}

Result<role::Action> Preparation::NewAction(Kind kind, const InodeRecord& inode, std::string key) {
  role::Action action;
  action.kind = kind;
  action.mount = inode.mount;
  action.ino = inode.ino;
  action.generation = inode.generation;
  action.size_bytes = inode.size_bytes;
  action.key = std::move(key);
  return action;
}

Status Preparation::AddAttributes(const InodeRecord& inode, role::Action& action) {
  if (!traits_->attributes && !traits_->object_metadata) return OkStatus();
  action.mode = inode.mode;
  action.uid = inode.uid;
  action.gid = inode.gid;
  bool times = true;
  if (inode.type == role::FileType::kDirectory) {
    // The times of a directory count only if a program set them. Otherwise they follow changes of
    // its names, here and in the UFS.
    ASSIGN_OR_RETURN(std::optional<std::string> changed, txn_.Get(keys::DirMtime(inode.ino)));
    times = !changed;
  }
  if (times) {
    action.atime_ns = inode.atime_ns;
    action.mtime_ns = inode.mtime_ns;
  }
  if (inode.type == role::FileType::kSymlink) return OkStatus();
  action.xattrs.emplace();
  if (!inode.xattrs) return OkStatus();
  const std::string prefix = keys::XattrPrefix(inode.ino);
  ASSIGN_OR_RETURN(kv::ScanPage page, txn_.Scan(prefix, kv::PrefixEnd(prefix), {}));
  for (kv::Pair& pair : page.pairs) {
    action.xattrs->emplace(keys::NameOfXattr(pair.key), std::move(pair.value));
  }
  return OkStatus();
}

// Copies the bytes of an inode whole to this node, so that its key becomes free. For an inode that
// blocks others, or that is part of a cycle of waits.
Result<Step> Preparation::Localize(const InodeRecord& inode) {
  if (inode.guessed) return Before(Step::First::kLearn, inode.ino);
  ASSIGN_OR_RETURN(role::Action action, NewAction(Kind::kLocalize, inode, inode.key));
  action.from_key = inode.key;
  action.from_size_bytes = inode.bound_size_bytes;
  action.expected_etag = VersionOf(inode);
  return Guarded(std::move(action));
}

Result<Step> Preparation::LocalizeOrphan(InodeId ino, const Occupant& occupant) {
  ASSIGN_OR_RETURN(InodeRecord orphan, ReadInode(txn_, ino, kv::Reads::kSerializable));
  // Most orphans are forgotten soon.
  const int64_t age_ns = context_.clock.WallNs() - orphan.ctime_ns;
  const bool fresh = age_ns >= 0 && age_ns < kOrphanGrace.count();  // Clocks may be set back.
  if (fresh || !occupant.record) return Wait("an unlinked file is still open");
  return Localize(orphan);
}

// Puts an inode into the queue, because other entries wait for it.
Status Preparation::Wake(InodeId ino) {
  ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, GetInode(txn_, ino, kv::Reads::kSerializable));
  if (!inode || !inode->queue_key.empty()) return OkStatus();
  RETURN_IF_ERROR(NoteDirty(context_, txn_, *inode, Nanos(0)));
  PutInode(txn_, *inode);
  return OkStatus();
}

// The inode that `ino` must wait for before its own bytes can leave their key.
Result<std::optional<InodeId>> Preparation::BlockerOf(InodeId ino) {
  std::optional<InodeId> none;
  ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, GetInode(txn_, ino, kv::Reads::kSerializable));
  if (!inode || inode->nlink == 0) return none;
  ASSIGN_OR_RETURN(Chain chain, ReadChain(txn_, inode->parent, kv::Reads::kSerializable));
  std::string key = chain.KeyOf(inode->name);
  InodeId self = ino;
  for (size_t i = 0; i < chain.dirs.size(); ++i) {
    if (chain.FirstNotMade() != &chain.dirs[i]) continue;
    key = chain.keys[i];
    self = chain.dirs[i].ino;
  }
  ASSIGN_OR_RETURN(Occupant occupant, FindOccupant(txn_, chain.mount, key, self));
  if (occupant.kind != Occupant::Kind::kInode) return none;
  return std::optional<InodeId>(occupant.ino);
}

// Whether the wait chain from `start` leads to `end`. A chain too long to follow counts as a cycle:
// it is always safe to break it.
Result<bool> Preparation::WaitsFor(InodeId start, InodeId end) {
  InodeId at = start;
  for (int i = 0; i < kLongestChain; ++i) {
    if (at == end) return true;
    ASSIGN_OR_RETURN(std::optional<InodeId> next, BlockerOf(at));
    if (!next) return false;
    at = *next;
  }
  return true;
}

// Waits for a directory above that the UFS does not have yet. That directory has an entry of its
// own, unless the UFS lost it.
Result<Step> Preparation::ParentMissing(InodeRecord& inode, const InodeRecord& parent,
                                        const std::string& key, Blocked blocked) {
  RETURN_IF_ERROR(Wake(parent.ino));
  ASSIGN_OR_RETURN(Occupant occupant, FindOccupant(txn_, parent.mount, key, parent.ino));
  if (occupant.kind == Occupant::Kind::kInode && inode.bound && blocked == Blocked::kMayLocalize) {
    ASSIGN_OR_RETURN(bool circle, WaitsFor(occupant.ino, inode.ino));
    if (circle) return Localize(inode);
  }
  return WaitUntil(Concat("directory ", key, " is in the source"));
}

Result<Step> Preparation::DeletedKey(const QueueRecord& entry) {
  ASSIGN_OR_RETURN(std::optional<LedgerRecord> record, GetLedger(txn_, entry.mount, entry.key));
  if (!record || record->queue_key != id_) {
    txn_.Delete(id_);
    return Done();
  }
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context_.mounts.Get(entry.mount));
  traits_ = &ufs->Traits();
  if (MayLandLate(record->attempt_started_ns)) return Wait("an earlier write may still land");
  ASSIGN_OR_RETURN(std::optional<InodeRecord> there, ResolveKey(txn_, entry.mount, entry.key));
  if (record->intent == LedgerRecord::Intent::kDeleteDirectory) {
    return DeletedDirectory(entry, *record, std::move(there));
  }
  return DeletedFile(entry, *record, std::move(there));
}

// Whether `there`, the inode at the path of `key`, is going to be uploaded to `key`.
Result<bool> Preparation::WillWrite(const std::optional<InodeRecord>& there,
                                    const std::string& key) {
  const bool symlink = there && there->type == role::FileType::kSymlink;
  const bool file = there && there->type == role::FileType::kRegular && there->generation;
  if (!(symlink || file) || there->never_persist || there->lost) return false;
  ASSIGN_OR_RETURN(UfsPath primary,
                   PathKey(txn_, there->parent, there->name, kv::Reads::kSerializable));
  return primary.key == key;
}

Result<Step> Preparation::DeletedFile(const QueueRecord& entry, LedgerRecord& record,
                                      std::optional<InodeRecord> there) {
  ASSIGN_OR_RETURN(bool taken, WillWrite(there, entry.key));
  if (taken) {
    // The inode now at that path overwrites the object, or has it deleted when it moves away.
    RETURN_IF_ERROR(Own(txn_, *there, entry.key));
    RETURN_IF_ERROR(NoteDirty(context_, txn_, *there, Nanos(0)));
    PutInode(txn_, *there);
    return Done();
  }
  role::Action action;
  action.kind = Kind::kDelete;
  action.mount = entry.mount;
  action.key = entry.key;
  action.expected_etag = record.etag;
  action.marks = record.marks;
  return Guarded(std::move(action));
}

Result<Step> Preparation::DeletedDirectory(const QueueRecord& entry, LedgerRecord& record,
                                           std::optional<InodeRecord> there) {
  if (there && there->type == role::FileType::kDirectory) {
    // The UFS directory now belongs to the new directory, whose removal must remove it.
    SetLedger(txn_, entry.mount, entry.key, record, std::nullopt);
    RETURN_IF_ERROR(Claim(txn_, *there, entry.key));
    RETURN_IF_ERROR(NoteDirty(context_, txn_, *there, Nanos(0)));
    PutInode(txn_, *there);
    return Done();
  }
  // A directory may have been made there again, and moved away since by a rename of an ancestor.
  ASSIGN_OR_RETURN(Occupant claimed, FindClaimed(txn_, entry.mount, entry.key));
  if (claimed.kind == Occupant::Kind::kUnknown) return Before(Step::First::kLoad, claimed.ino);
  if (claimed.kind != Occupant::Kind::kNobody) {
    SetLedger(txn_, entry.mount, entry.key, record, std::nullopt);
    return Done();
  }
  const std::string below = keys::LedgerPrefix(entry.mount, entry.key + "/");
  kv::ScanOptions options;
  options.limit = 1;
  ASSIGN_OR_RETURN(kv::ScanPage page, txn_.Scan(below, kv::PrefixEnd(below), options));
  if (!page.pairs.empty()) return WaitUntil("the names below it are deleted");
  if (!traits_->real_directories && !traits_->directory_markers) {
    SetLedger(txn_, entry.mount, entry.key, record, std::nullopt);
    return Done();
  }
  role::Action action;
  action.kind = Kind::kRemoveDirectory;
  action.mount = entry.mount;
  action.key = entry.key;
  return Guarded(std::move(action));
}

}  // namespace tarn::meta
