#include "meta/loading/listing_pass.h"

#include <algorithm>
#include <functional>
#include <future>
#include <span>

#include "base/current_request.h"
#include "meta/loading/name_look.h"
#include "meta/store/change.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

constexpr size_t kPageNames = 1000;
constexpr size_t kSliceNames = 50;
constexpr int kSliceRuns = 5;

// Whether the UFS has the directory and no relocation moves it.
bool IsListable(const InodeRecord& dir) { return dir.bound && !dir.places; }

// A page of a listing, with the look that began before the request.
struct Fetched {
  std::unique_ptr<KeyChanges::Look> look;
  ufs::ListPage page;
};

class PagedPass final : public ListingPass {
 public:
  PagedPass(const Context& context, InodeId dir, ThreadPool* pool)
      : context_(context), dir_(dir), pool_(pool) {}
  ~PagedPass() override {
    if (ahead_.valid()) ahead_.wait();
  }

  Result<State> Next() override {
    if (!begun_) {
      begun_ = true;
      ASSIGN_OR_RETURN(bool listable, Start());
      if (!listable) return State::kDone;
      RETURN_IF_ERROR(CheckSource(context_, mount_, UfsDeadline(context_)));
    }
    ASSIGN_OR_RETURN(Fetched fetched, ahead_.valid() ? ahead_.get() : Fetch(after_));
    after_ = fetched.page.next_start_after;
    if (!after_.empty()) FetchAhead();
    RETURN_IF_ERROR(ApplyPage(fetched));
    if (!fetched.page.entries.empty()) last_ = NameOf(fetched.page.entries.back().key);
    if (!after_.empty()) return State::kMore;
    // An absent name counts only if the source is recognized.
    RETURN_IF_ERROR(CheckSource(context_, mount_, UfsDeadline(context_)));
    RETURN_IF_ERROR(Sweep());
    RETURN_IF_ERROR(Complete());
    return State::kDone;
  }

  std::string Last() const override { return last_; }

 private:
  Result<bool> Start() {
    std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
    ASSIGN_OR_RETURN(InodeRecord dir, ReadDirectory(*txn, dir_));
    ASSIGN_OR_RETURN(was_complete_, IsComplete(*txn, dir_, kv::Reads::kSnapshot));
    mount_ = dir.mount;
    key_ = dir.key;
    // A directory under relocation is listed once, so that all its children can be moved.
    return IsListable(dir) || (dir.bound && !was_complete_);
  }

  // Reads the directory, before a request and before its answer is applied. kStale: it moved.
  Result<InodeRecord> ReadUnmoved(kv::Transaction& txn) const {
    ASSIGN_OR_RETURN(InodeRecord dir, ReadDirectory(txn, dir_));
    if (!dir.bound || dir.key != key_) return Status(Code::kStale, "the directory moved");
    return dir;
  }

  Result<Fetched> Fetch(const std::string& after) const {
    Fetched fetched;
    fetched.look = context_.key_changes.Begin();
    RETURN_IF_ERROR(ReadUnmoved(*context_.store.Begin()).status());
    ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context_.mounts.Get(mount_));
    Result<ufs::ListPage> page =
        ufs->List(key_, {after, kPageNames}, {UfsDeadline(context_), StopOfRequest()});
    if (!page.ok() && !SaysAbsent(page.code())) return page.status();
    if (page.ok()) fetched.page = *std::move(page);
    return fetched;
  }

  // Fetches the next page in the background. If the pool has no room, Next fetches it later.
  void FetchAhead() {
    if (pool_ == nullptr) return;
    auto fetch = std::make_shared<std::packaged_task<Result<Fetched>()>>(
        [this, after = after_] { return Fetch(after); });
    if (pool_->TrySubmit([fetch] { (*fetch)(); }).ok()) ahead_ = fetch->get_future();
  }

  Status ApplyPage(const Fetched& fetched) {
    std::span<const ufs::ObjectInfo> left = fetched.page.entries;
    for (const ufs::ObjectInfo& info : left) seen_.push_back(HashOf(NameOf(info.key)));
    do {  // Also for a page without entries, which finds out whether the directory moved.
      const size_t count = CountThatFits(key_, left);
      RETURN_IF_ERROR(ApplyPart(*fetched.look, left.first(count)));
      left = left.subspan(count);
    } while (!left.empty());
    return OkStatus();
  }

  Status ApplyPart(const KeyChanges::Look& look, std::span<const ufs::ObjectInfo> part) {
    const Status applied = ApplyEntries(look, part, 1);
    if (!MayTryFewer(applied.code())) return applied;
    for (size_t i = 0; i < part.size(); i += kSliceNames) {
      RETURN_IF_ERROR(ApplySlice(look, part.subspan(i, std::min(kSliceNames, part.size() - i))));
    }
    return OkStatus();
  }

  static bool MayTryFewer(Code code) { return kv::MayRunAgain(code) || code == Code::kTooBig; }

  // Applies a part of a page whose transaction conflicted with lookups or changes of some names, or
  // was too large. A small transaction holds up few names.
  Status ApplySlice(const KeyChanges::Look& look, std::span<const ufs::ObjectInfo> slice) {
    const Status applied = ApplyEntries(look, slice, kSliceRuns);
    if (!MayTryFewer(applied.code())) return applied;
    for (const ufs::ObjectInfo& info : slice) RETURN_IF_ERROR(LookAgain(NameOf(info.key)));
    return OkStatus();
  }

  Status ApplyEntries(const KeyChanges::Look& look, std::span<const ufs::ObjectInfo> entries,
                      int max_runs) {
    std::optional<Imported> last;
    const ChangeOptions options{
        .what = "import a page of a listing", .stop = StopOfRequest(), .max_runs = max_runs};
    RETURN_IF_ERROR(
        CommitImport(context_, dir_, look, options, last, [&](ChangeRun& run, Imported& imported) {
          return ImportEntries(run.txn, entries, imported);
        }));
    last->claims.Release();
    for (const std::string& name : last->blocked) RETURN_IF_ERROR(LookAgain(name));
    for (const std::string& name : last->disturbed) RETURN_IF_ERROR(LookAgain(name));
    return OkStatus();
  }

  Status ImportEntries(kv::Transaction& txn, std::span<const ufs::ObjectInfo> entries,
                       Imported& imported) const {
    ASSIGN_OR_RETURN(const InodeRecord dir, ReadUnmoved(txn));
    for (const ufs::ObjectInfo& info : entries) {
      RETURN_IF_ERROR(ApplyFound(context_, txn, dir, NameOf(info.key), info, imported));
    }
    if (!was_complete_) {
      std::erase_if(imported.changes, [](const role::Change& change) {
        return change.kind == role::Change::Kind::kEntry && !change.ino;
      });
    }
    return OkStatus();
  }

  Status LookAgain(std::string_view name) { return LookAtName(context_, dir_, name, {}).status(); }

  // Looks at each name here that the listing lacks.
  Status Sweep() {
    std::sort(seen_.begin(), seen_.end());
    const std::string prefix = keys::DentryPrefix(dir_);
    std::string begin = prefix;
    LookOptions recognized;
    recognized.recognized = LookOptions::Recognized::kYes;
    for (bool more = true; more;) {
      std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
      kv::ScanOptions options;
      options.limit = kPageNames;
      options.reads = kv::Reads::kSnapshot;
      ASSIGN_OR_RETURN(kv::ScanPage page, txn->Scan(begin, kv::PrefixEnd(prefix), options));
      txn.reset();
      for (const kv::Pair& pair : page.pairs) {
        const std::string_view name = keys::NameOfDentry(pair.key);
        if (std::binary_search(seen_.begin(), seen_.end(), HashOf(name))) continue;
        RETURN_IF_ERROR(LookAtName(context_, dir_, name, recognized).status());
      }
      more = page.more;
      if (more) begin = page.pairs.back().key + '\0';
    }
    return OkStatus();
  }

  Status Complete() {
    const ChangeOptions options{.what = "complete a listing", .stop = StopOfRequest()};
    return CommitChange(context_, options, [&](ChangeRun& run) -> Status {
      RETURN_IF_ERROR(ReadUnmoved(run.txn).status());
      PutListing(run.txn, dir_, {true, context_.clock.WallNs()});
      return OkStatus();
    });
  }

  std::string_view NameOf(std::string_view key) const {
    return key.substr(key_.empty() ? 0 : key_.size() + 1);
  }
  static uint64_t HashOf(std::string_view name) { return std::hash<std::string_view>()(name); }

  const Context& context_;
  const InodeId dir_;
  ThreadPool* const pool_;
  bool begun_ = false;
  bool was_complete_ = false;
  MountId mount_;
  std::string key_;
  std::string last_;
  std::string after_;                   // Where the next page starts.
  std::future<Result<Fetched>> ahead_;  // The next page, if it is being fetched.
  // Hashes of names: a collision at worst delays the removal of a name.
  std::vector<uint64_t> seen_;
};

}  // namespace

std::unique_ptr<ListingPass> NewListingPass(const Context& context, InodeId dir,
                                            ThreadPool* ahead) {
  return std::make_unique<PagedPass>(context, dir, ahead);
}

Status ApplyListing(const Context& context, InodeId dir) {
  PagedPass pass(context, dir, nullptr);
  for (;;) {
    ASSIGN_OR_RETURN(ListingPass::State state, pass.Next());
    if (state == ListingPass::State::kDone) return OkStatus();
  }
}

}  // namespace tarn::meta
