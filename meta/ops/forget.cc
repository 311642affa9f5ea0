#include <algorithm>

#include "meta/keys.h"
#include "meta/ledger.h"
#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

constexpr size_t kOrphansAtOnce = 1000;
constexpr size_t kForgottenTogether = 64;

Status ForgetOnce(Attempt& attempt, InodeId ino) {
  ASSIGN_OR_RETURN(std::optional<InodeRecord> inode, GetInode(attempt.txn, ino, attempt.reads));
  if (!inode || inode->nlink > 0) return OkStatus();
  RETURN_IF_ERROR(NoteForgotten(attempt.context, attempt.txn, *inode));
  EraseInode(attempt.txn, *inode);
  return OkStatus();
}

Status ForgetTogether(const Env& env, std::span<const InodeId> inos) {
  return RunChange(env, [&](Attempt& attempt) {
    for (InodeId ino : inos) RETURN_IF_ERROR(ForgetOnce(attempt, ino));
    return OkStatus();
  });
}

Result<std::vector<InodeId>> OrphansBehind(const Env& env, InodeId last) {
  return ReadValue<std::vector<InodeId>>(
      env, [&](Attempt& attempt) -> Result<std::vector<InodeId>> {
        std::vector<InodeId> orphans;
        kv::ScanOptions options;
        options.limit = kOrphansAtOnce;
        options.reads = attempt.reads;
        ASSIGN_OR_RETURN(kv::ScanPage page,
                         attempt.txn.Scan(keys::Orphan(last) + '\0',
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
