#include <algorithm>

#include "meta/ledger/notes.h"
#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

constexpr size_t kOrphansAtOnce = 1000;
constexpr size_t kForgottenTogether = 64;

Status ForgetOnce(Operation& operation, InodeId ino) {
  ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, GetInode(operation.txn, ino, operation.reads));
  if (!inode || inode->nlink > 0) return OkStatus();
  RETURN_IF_ERROR(NoteForgotten(operation.context, operation.txn, *inode));
  EraseInode(operation.txn, *inode);
  return OkStatus();
}

Status ForgetTogether(const Env& env, std::span<const InodeId> inos) {
  return RunChange(env, [&](Operation& operation) {
    for (InodeId ino : inos) RETURN_IF_ERROR(ForgetOnce(operation, ino));
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
