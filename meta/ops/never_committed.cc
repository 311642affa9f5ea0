#include "meta/ops/operations.h"
#include "meta/store/keys.h"

namespace tarn::meta::ops {
namespace {

constexpr size_t kPage = 500;
// A crash cuts off the end of the log, so only the newest creates can be incomplete.
constexpr size_t kNewest = 10000;

struct Page {
  std::vector<InodeId> never_committed;
  std::string first_key;
  bool more = false;
};

bool IsNeverCommitted(const InodeRecord& inode) {
  return inode.type == role::FileType::kRegular && !inode.generation && !inode.bound &&
         inode.nlink > 0;
}

Result<Page> PageBefore(const Env& env, const std::string& end) {
  return ReadValue<Page>(env, [&](Operation& operation) -> Result<Page> {
    kv::ScanOptions options;
    options.limit = kPage;
    options.order = kv::Order::kReverse;
    options.reads = kv::Reads::kSnapshot;
    ASSIGN_OR_RETURN(kv::ScanPage scanned,
                     operation.txn.Scan(keys::Inode(InodeId()), end, options));
    Page page;
    page.more = scanned.more;
    for (const kv::Pair& pair : scanned.pairs) {
      ASSIGN_OR_RETURN(InodeRecord inode, InodeRecord::Decode(pair.value));
      if (IsNeverCommitted(inode)) page.never_committed.push_back(inode.ino);
    }
    if (!scanned.pairs.empty()) page.first_key = scanned.pairs.back().key;
    return page;
  });
}

}  // namespace

Status ListNeverCommitted(const Env& env, const std::function<Status(InodeId)>& each) {
  std::string end = keys::Inode(InodeId(UINT64_MAX));
  for (size_t seen = 0; seen < kNewest; seen += kPage) {
    ASSIGN_OR_RETURN(Page page, PageBefore(env, end));
    for (const InodeId ino : page.never_committed) RETURN_IF_ERROR(each(ino));
    if (!page.more) break;
    end = page.first_key;
  }
  return OkStatus();
}

}  // namespace tarn::meta::ops
