#include "meta/persist/report.h"

#include <algorithm>

#include "base/strings.h"
#include "meta/ledger/ledger.h"
#include "meta/ledger/paths.h"
#include "meta/store/change.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

constexpr size_t kPage = 500;
constexpr std::string_view kHere = "this node";

bool IsConflict(std::string_view queue_key) {
  return static_cast<role::TaskClass>(queue_key[1]) == role::TaskClass::kConflict;
}

std::string WhatOf(const InodeRecord& inode) {
  switch (inode.type) {
    case role::FileType::kDirectory:
      if (!inode.made) return "mkdir";
      return inode.places ? "move" : "attributes";
    case role::FileType::kSymlink:
      return inode.bound ? "attributes" : "symlink";
    default:
      break;
  }
  if (inode.generation != inode.persisted_generation) return "content";
  return inode.attr_version == inode.persisted_attr_version ? "move" : "attributes";
}

Result<role::QueueEntry> EntryOf(const Context& context, const Leases& leases, kv::Transaction& txn,
                                 const kv::Pair& pair) {
  ASSIGN_OR_RETURN(QueueRecord record, QueueRecord::Decode(pair.value));
  role::QueueEntry entry;
  entry.ino = record.ino;
  entry.path = SubjectOf(txn, record);
  entry.what = "delete";
  entry.queued_ns = record.queued_ns;
  const int64_t left_ns = keys::DueOfQueue(pair.key) - context.queue_clock.NowNs();
  entry.next_try_ns = context.clock.WallNs() + left_ns;
  entry.attempts = record.attempts;
  entry.last_error = record.last_error;
  if (std::optional<Leases::Waiting> waiting = leases.WaitOf(pair.key)) {
    if (!waiting->reason.empty()) entry.last_error = waiting->reason;
    const Nanos left = waiting->until - context.clock.Now();
    if (left > Nanos::zero()) {
      entry.next_try_ns = std::max(entry.next_try_ns, context.clock.WallNs() + left.count());
    }
  }
  if (record.what == QueueRecord::What::kDeleteKey) return entry;
  ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                   GetInode(txn, record.ino, kv::Reads::kSnapshot));
  if (!inode) return entry;
  entry.what = WhatOf(*inode);
  entry.state = PersistStateOf(*inode);
  entry.size_bytes = inode->size_bytes;
  if (!inode->lost) entry.where = kHere;
  if (IsConflict(pair.key)) entry.next_try_ns = 0;
  return entry;
}

Result<kv::ScanPage> ScanQueue(kv::Transaction& txn, const std::string& after, size_t limit) {
  const std::string prefix = keys::QueuePrefix(0).substr(0, 1);
  kv::ScanOptions options;
  options.limit = limit;
  options.reads = kv::Reads::kSnapshot;
  return txn.Scan(after.empty() ? prefix : after + '\0', kv::PrefixEnd(prefix), options);
}

// Makes an entry due now, and updates the record that holds its key.
Status MakeDue(const Context& context, kv::Transaction& txn, const std::string& key) {
  ASSIGN_OR_RETURN(std::optional<std::string> bytes, txn.Get(key));
  if (!bytes) return OkStatus();
  ASSIGN_OR_RETURN(QueueRecord record, QueueRecord::Decode(*bytes));
  const int64_t queued_ns = record.queued_ns;
  // The attempts of a delete stay. A directory whose removal failed many times has names of another
  // client; the queue gives up after a number of attempts. If a retry reset them, a program that
  // retries forever would prevent that.
  if (record.what == QueueRecord::What::kInode) record.attempts = 0;
  const auto task_class = static_cast<role::TaskClass>(key[1]);
  if (task_class == role::TaskClass::kConflict) return OkStatus();
  std::string next;
  if (record.what == QueueRecord::What::kInode) {
    ASSIGN_OR_RETURN(std::optional<InodeRecord> inode,
                     GetInode(txn, record.ino, kv::Reads::kSerializable));
    if (!inode || inode->queue_key != key) return OkStatus();
    next = Enqueue(context, txn, record, task_class, Nanos(0), record.ino.value);
    inode->queue_key = next;
    PutInode(txn, *inode);
  } else {
    ASSIGN_OR_RETURN(std::optional<LedgerRecord> old, GetLedger(txn, record.mount, record.key));
    if (!old || old->queue_key != key) return OkStatus();
    ASSIGN_OR_RETURN(uint64_t id, context.ids.Next());
    next = Enqueue(context, txn, record, task_class, Nanos(0), id);
    std::optional<LedgerRecord> moved = old;
    moved->queue_key = next;
    SetLedger(txn, record.mount, record.key, old, moved);
  }
  txn.Delete(key);
  record.queued_ns = queued_ns;
  txn.Put(next, record.Encode());
  return OkStatus();
}

// An entry that a worker is trying at this moment would be done twice.
Status MakeDueUnlessLeased(const Context& context, Leases& leases, const std::string& key) {
  if (!leases.TakeIfIdle(key)) return OkStatus();
  const Status made = CommitChange(context, {.what = "make a waiting persist due now"},
                                   [&](ChangeRun& run) { return MakeDue(context, run.txn, key); });
  leases.End(key);
  return made;
}

}  // namespace

std::string SubjectOf(kv::Transaction& txn, const QueueRecord& record) {
  if (record.what == QueueRecord::What::kDeleteKey) {
    Result<std::optional<MountRecord>> mount = GetMount(txn, record.mount, kv::Reads::kSnapshot);
    const bool further = mount.ok() && *mount && (*mount)->root != kRootInode;
    return further ? Concat((*mount)->uri, "/", record.key) : record.key;
  }
  Result<std::string> path = PathTo(txn, record.ino, kv::Reads::kSnapshot);
  return path.ok() ? *path : Concat("inode ", record.ino.value);
}

Result<role::QueuePage> ListEntries(const Context& context, const Leases& leases,
                                    const std::string& after, size_t limit) {
  std::unique_ptr<kv::Transaction> txn = context.store.Begin();
  ASSIGN_OR_RETURN(kv::ScanPage page, ScanQueue(*txn, after, limit));
  role::QueuePage listed;
  for (const kv::Pair& pair : page.pairs) {
    ASSIGN_OR_RETURN(role::QueueEntry entry, EntryOf(context, leases, *txn, pair));
    listed.entries.push_back(std::move(entry));
  }
  if (page.more) listed.next = page.pairs.back().key;
  return listed;
}

Result<std::optional<role::QueueEntry>> FindEntry(const Context& context, const Leases& leases,
                                                  InodeId ino) {
  std::optional<role::QueueEntry> none;
  std::unique_ptr<kv::Transaction> txn = context.store.Begin();
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*txn, ino, kv::Reads::kSnapshot));
  if (inode.queue_key.empty()) return none;
  ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                   txn->Get(inode.queue_key, kv::Reads::kSnapshot));
  if (!bytes) return none;
  ASSIGN_OR_RETURN(role::QueueEntry entry,
                   EntryOf(context, leases, *txn, {inode.queue_key, *bytes}));
  return std::optional<role::QueueEntry>(std::move(entry));
}

Result<role::QueueTotals> SumEntries(const Context& context) {
  role::QueueTotals totals;
  totals.replaced = context.encounters.replaced;
  totals.gave_way = context.encounters.gave_way;
  std::string after;
  for (bool more = true; more;) {
    std::unique_ptr<kv::Transaction> txn = context.store.Begin();
    ASSIGN_OR_RETURN(kv::ScanPage page, ScanQueue(*txn, after, kPage));
    more = page.more;
    if (more) after = page.pairs.back().key;
    std::vector<std::string> wanted;
    std::vector<bool> conflicts;
    for (const kv::Pair& pair : page.pairs) {
      ++(IsConflict(pair.key) ? totals.conflicts : totals.entries);
      ASSIGN_OR_RETURN(QueueRecord record, QueueRecord::Decode(pair.value));
      if (record.what != QueueRecord::What::kInode) continue;
      wanted.push_back(keys::Inode(record.ino));
      conflicts.push_back(IsConflict(pair.key));
    }
    ASSIGN_OR_RETURN(auto found, txn->GetMany(wanted, kv::Reads::kSnapshot));
    for (size_t i = 0; i < found.size(); ++i) {
      if (!found[i]) continue;
      ASSIGN_OR_RETURN(InodeRecord inode, InodeRecord::Decode(*found[i]));
      if (conflicts[i]) {
        totals.conflict_bytes += inode.size_bytes;
        continue;
      }
      if (inode.type != role::FileType::kRegular ||
          inode.generation == inode.persisted_generation) {
        continue;
      }
      ++totals.files;
      totals.bytes += inode.size_bytes;
    }
  }
  return totals;
}

Status RetryEntries(const Context& context, Leases& leases, std::optional<InodeId> ino) {
  if (ino) {
    ASSIGN_OR_RETURN(const InodeRecord inode,
                     ReadInode(*context.store.Begin(), *ino, kv::Reads::kSnapshot));
    if (inode.queue_key.empty()) return OkStatus();
    return MakeDueUnlessLeased(context, leases, inode.queue_key);
  }
  const int64_t begun_ns = context.queue_clock.NowNs();
  std::string after;
  for (bool more = true; more;) {
    std::unique_ptr<kv::Transaction> txn = context.store.Begin();
    ASSIGN_OR_RETURN(kv::ScanPage page, ScanQueue(*txn, after, kPage));
    txn.reset();
    more = page.more;
    if (more) after = page.pairs.back().key;
    for (const kv::Pair& pair : page.pairs) {
      ASSIGN_OR_RETURN(QueueRecord record, QueueRecord::Decode(pair.value));
      if (IsConflict(pair.key)) continue;
      const int64_t due_ns = keys::DueOfQueue(pair.key);
      const int64_t now_ns = context.queue_clock.NowNs();
      const bool moved = due_ns >= begun_ns && due_ns <= now_ns;  // By this call.
      const bool waits = !moved && (record.attempts > 0 || due_ns > now_ns);
      if (waits) RETURN_IF_ERROR(MakeDueUnlessLeased(context, leases, pair.key));
    }
  }
  return OkStatus();
}

}  // namespace tarn::meta
