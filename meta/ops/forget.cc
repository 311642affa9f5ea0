#include <algorithm>

#include "meta/ledger/notes.h"
#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

constexpr size_t kOrphansAtOnce = 1000;
constexpr size_t kForgottenTogether = 64;

// Those of the inodes that are orphans still.
Result<std::vector<InodeRecord>> ReadOrphans(Operation& operation, std::span<const InodeId> inos) {
  std::vector<std::string> wanted;
  wanted.reserve(inos.size());
  for (InodeId ino : inos) wanted.push_back(keys::Inode(ino));
  ASSIGN_OR_RETURN(const auto found, operation.txn.GetMany(wanted, operation.reads));
  std::vector<InodeRecord> orphans;
  for (const std::optional<std::string>& bytes : found) {
    if (!bytes) continue;
    ASSIGN_OR_RETURN(InodeRecord inode, InodeRecord::Decode(*bytes));
    if (inode.nlink == 0) orphans.push_back(std::move(inode));
  }
  return orphans;
}

void WantLedger(kv::Transaction& txn, std::span<const InodeRecord> orphans) {
  std::vector<std::string> wanted;
  for (const InodeRecord& orphan : orphans) {
    if (orphan.bound) wanted.push_back(keys::Ledger(orphan.mount, orphan.key));
  }
  txn.Want(wanted, {});
}

Status ForgetTogether(const Env& env, std::span<const InodeId> inos) {
  return RunChange(env, [&](Operation& operation) -> Status {
    ASSIGN_OR_RETURN(std::vector<InodeRecord> orphans, ReadOrphans(operation, inos));
    WantLedger(operation.txn, orphans);
    for (InodeRecord& orphan : orphans) {
      RETURN_IF_ERROR(NoteForgotten(operation.context, operation.txn, orphan));
      EraseInode(operation.txn, orphan);
    }
    return OkStatus();
  });
}

Result<std::vector<InodeId>> OrphansBehind(const Env& env, InodeId last) {
  return ReadValue<std::vector<InodeId>>(
      env, [&](Operation& operation) -> Result<std::vector<InodeId>> {
        std::vector<InodeId> orphans;
        kv::ScanOptions options;
        options.limit = kOrphansAtOnce;
        options.reads = operation.reads;
        ASSIGN_OR_RETURN(kv::ScanPage page,
                         operation.txn.Scan(keys::Orphan(last) + '\0',
                                            kv::PrefixEnd(keys::OrphanPrefix()), options));
        for (const kv::Pair& pair : page.pairs) orphans.push_back(keys::InodeOfOrphan(pair.key));
        return orphans;
      });
}

}  // namespace

Status Forget(const Env& env, std::span<const InodeId> inos) {
  while (!inos.empty()) {
    const std::span<const InodeId> now = inos.first(std::min(inos.size(), kForgottenTogether));
    RETURN_IF_ERROR(ForgetTogether(env, now));
    inos = inos.subspan(now.size());
  }
  return OkStatus();
}

Status ListOrphans(const Env& env, const std::function<Status(InodeId)>& each) {
  InodeId last;
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<InodeId> orphans, OrphansBehind(env, last));
    if (orphans.empty()) return OkStatus();
    for (InodeId ino : orphans) RETURN_IF_ERROR(each(ino));
    last = orphans.back();
  }
}

}  // namespace tarn::meta::ops
