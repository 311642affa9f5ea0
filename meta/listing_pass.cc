#include "meta/listing_pass.h"

#include <algorithm>
#include <functional>
#include <future>
#include <set>
#include <span>

#include "base/current_request.h"
#include "base/log.h"
#include "meta/changes.h"
#include "meta/import.h"
#include "meta/keys.h"
#include "meta/places.h"
#include "meta/tree.h"

namespace tarn::meta {
namespace {

constexpr size_t kPageNames = 1000;
constexpr size_t kFewNames = 256;
constexpr size_t kSliceNames = 50;
constexpr int kSliceTries = 5;
constexpr int kTries = 20;

struct Source {
  ufs::UnderFileSystem* ufs;
  ufs::CallOptions call;
};

Result<Source> SourceOf(const Context& context, MountId mount) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(mount));
  return Source{ufs,
                {Deadline::After(context.clock, context.options.ufs_deadline), StopOfRequest()}};
}

bool RunAgain(Code code) { return code == Code::kConflict || code == Code::kTooOld; }

bool IsAbsent(Code code) { return code == Code::kNotFound || code == Code::kNotDirectory; }

// A directory as a pass needs it.
Result<InodeRecord> ReadDirectory(kv::Transaction& txn, InodeId dir) {
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, dir, kv::Reads::kSerializable));
  if (inode.type != rpc::FileType::kDirectory) return Status(Code::kNotDirectory, "list");
  return inode;
}

// The UFS has it, and it is not on its way to another place there.
bool IsListable(const InodeRecord& dir) { return dir.bound && !dir.places; }

void Report(const Context& context, const Imported& imported) {
  for (const rpc::Change& change : imported.changes) context.changes.Report(change);
}

Status CommitImport(const Context& context, kv::Transaction& txn, const Imported& imported) {
  if (!imported.wrote) return OkStatus();
  RETURN_IF_ERROR(txn.Commit(kv::Durability::kBuffered).status());
  Report(context, imported);
  return OkStatus();
}

// Whatever the UFS has under the name of a mount point, or lacks, is hidden by it.
Result<bool> IsMountPoint(kv::Transaction& txn, const DentryRecord& dentry) {
  if (dentry.type != rpc::FileType::kDirectory) return false;
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, dentry.ino, kv::Reads::kSerializable));
  return IsMountRoot(inode);
}

// A directory is gone from the UFS: so are its names, each by its own absence.
Status EmptyDirectory(const Context& context, InodeId dir, std::string_view name) {
  std::unique_ptr<kv::Transaction> txn = context.store.Begin();
  ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry,
                   GetDentry(*txn, dir, name, kv::Reads::kSnapshot));
  txn.reset();
  if (!dentry || dentry->type != rpc::FileType::kDirectory) return OkStatus();
  return ApplyListing(context, dentry->ino);
}

// The emptiness of a source that cannot be recognized means nothing.
Status CheckSource(const Context& context, MountId mount) {
  ASSIGN_OR_RETURN(Source source, SourceOf(context, mount));
  return source.ufs->SourceIdentity(source.call).status();
}

enum class Recognized { kYes, kToBeChecked };

Status TryName(const Context& context, InodeId dir_ino, std::string_view name, bool emptied,
               Recognized recognized, bool* again) {
  // Begun before the UFS is asked.
  std::unique_ptr<kv::Transaction> txn = context.store.Begin();
  ASSIGN_OR_RETURN(InodeRecord dir, ReadDirectory(*txn, dir_ino));
  if (!dir.bound) return OkStatus();
  const std::string key = JoinKey(dir.key, name);
  ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry,
                   GetDentry(*txn, dir_ino, name, kv::Reads::kSerializable));
  if (dentry) {
    ASSIGN_OR_RETURN(bool mount_point, IsMountPoint(*txn, *dentry));
    if (mount_point) return OkStatus();
  }
  ASSIGN_OR_RETURN(bool may, MayImport(*txn, dir, key));
  if (!dentry && !may) return OkStatus();
  ASSIGN_OR_RETURN(Source source, SourceOf(context, dir.mount));
  Result<ufs::ObjectInfo> info = source.ufs->Stat(key, source.call);
  if (!info.ok() && !IsAbsent(info.code())) return info.status();
  if (!dentry && !info.ok()) return OkStatus();
  if (!info.ok() && recognized == Recognized::kToBeChecked)
    RETURN_IF_ERROR(CheckSource(context, dir.mount));
  const bool directory = dentry && dentry->type == rpc::FileType::kDirectory;
  const bool is_directory = info.ok() && info->type == ufs::ObjectType::kDirectory;
  if (directory && !is_directory && !emptied) {
    *again = true;
    return OkStatus();
  }
  Imported imported;
  MutexLock turn(context.ids.ImportTurn(dir_ino));
  if (info.ok())
    RETURN_IF_ERROR(ApplyFound(context, *txn, dir, name, *info, imported));
  else
    RETURN_IF_ERROR(ApplyAbsent(context, *txn, dir, name, imported));
  // A name that was asked for because nobody knew it is no news to anyone.
  if (!dentry) imported.changes.clear();
  return CommitImport(context, *txn, imported);
}

Status ApplyOne(const Context& context, InodeId dir, std::string_view name, Recognized recognized) {
  bool emptied = false;
  for (int i = 0; i < kTries; ++i) {
    bool again = false;
    Status status = TryName(context, dir, name, emptied, recognized, &again);
    if (again) {
      RETURN_IF_ERROR(EmptyDirectory(context, dir, name));
      emptied = true;
    } else if (!RunAgain(status.code())) {
      return status;
    }
  }
  return OkStatus();  // It changes here all the time: its own news will follow.
}

// One page of a listing, with transactions that began before it was asked for.
struct Fetched {
  struct Reader {
    std::unique_ptr<kv::Transaction> txn;
    InodeRecord dir;
  };
  std::vector<Reader> readers;
  std::string after;  // What it was asked behind.
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
      RETURN_IF_ERROR(CheckSource(context_, mount_));
    }
    ASSIGN_OR_RETURN(Fetched fetched, ahead_.valid() ? ahead_.get() : Fetch(after_, 1));
    after_ = fetched.page.next_start_after;
    if (!after_.empty()) FetchAhead();
    RETURN_IF_ERROR(ApplyPage(std::move(fetched)));
    if (!after_.empty()) return State::kMore;
    // Only what can be recognized can be missed.
    RETURN_IF_ERROR(CheckSource(context_, mount_));
    RETURN_IF_ERROR(Sweep());
    RETURN_IF_ERROR(Complete());
    return State::kDone;
  }

 private:
  Result<bool> Start() {
    std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
    ASSIGN_OR_RETURN(InodeRecord dir, ReadDirectory(*txn, dir_));
    ASSIGN_OR_RETURN(was_complete_, IsComplete(*txn, dir_, kv::Reads::kSnapshot));
    mount_ = dir.mount;
    key_ = dir.key;
    // One that is moving is listed once, so that all of it can be moved.
    return IsListable(dir) || (dir.bound && !was_complete_);
  }

  Result<Fetched> Fetch(const std::string& after, size_t readers) const {
    Fetched fetched;
    fetched.after = after;
    for (size_t i = 0; i < readers; ++i) {
      Fetched::Reader& reader = fetched.readers.emplace_back();
      reader.txn = context_.store.Begin();
      ASSIGN_OR_RETURN(reader.dir, ReadDirectory(*reader.txn, dir_));
      if (!reader.dir.bound || reader.dir.key != key_)
        return Status(Code::kStale, "the directory moved");
    }
    ASSIGN_OR_RETURN(Source source, SourceOf(context_, mount_));
    Result<ufs::ListPage> page = source.ufs->List(key_, {after, kPageNames}, source.call);
    if (!page.ok() && !IsAbsent(page.code())) return page.status();
    if (page.ok()) fetched.page = *std::move(page);
    return fetched;
  }

  // Without room in the pool it is fetched when it is wanted.
  void FetchAhead() {
    if (pool_ == nullptr) return;
    auto fetch = std::make_shared<std::packaged_task<Result<Fetched>()>>(
        [this, after = after_] { return Fetch(after, 1); });
    if (pool_->TrySubmit([fetch] { (*fetch)(); }).ok()) ahead_ = fetch->get_future();
  }

  Status ApplyPage(Fetched fetched) {
    for (const ufs::ObjectInfo& info : fetched.page.entries)
      seen_.push_back(HashOf(NameOf(info.key)));
    const Status applied = ApplyEntries(fetched.readers.front(), fetched.page.entries);
    if (applied.code() == Code::kTooBig) return ApplyOneByOne(fetched.page.entries);
    return RunAgain(applied.code()) ? ApplyInSlices(fetched.page, fetched.after) : applied;
  }

  // Names of the page are being looked up or changed at this moment: in small transactions few of
  // its names are held up by that, and asking for it again is cheaper than for each of them.
  Status ApplyInSlices(const ufs::ListPage& page, const std::string& after) {
    std::set<std::string> left;
    for (const ufs::ObjectInfo& info : page.entries) left.insert(info.key);
    for (int i = 0; i < kSliceTries && !left.empty(); ++i) {
      ASSIGN_OR_RETURN(Fetched again, Fetch(after, left.size() / kSliceNames + 1));
      std::erase_if(again.page.entries,
                    [&](const ufs::ObjectInfo& info) { return !left.contains(info.key); });
      RETURN_IF_ERROR(ApplySlices(again, left));
    }
    std::vector<ufs::ObjectInfo> rest = page.entries;
    std::erase_if(rest, [&](const ufs::ObjectInfo& info) { return !left.contains(info.key); });
    return ApplyOneByOne(rest);
  }

  // Takes what was applied out of `left`.
  Status ApplySlices(Fetched& fetched, std::set<std::string>& left) {
    const std::span<const ufs::ObjectInfo> all = fetched.page.entries;
    for (size_t i = 0; i < fetched.readers.size() && i * kSliceNames < all.size(); ++i) {
      const auto slice =
          all.subspan(i * kSliceNames, std::min(kSliceNames, all.size() - i * kSliceNames));
      const Status applied = ApplyEntries(fetched.readers[i], slice);
      if (RunAgain(applied.code())) continue;
      RETURN_IF_ERROR(applied);
      for (const ufs::ObjectInfo& info : slice) left.erase(info.key);
    }
    return OkStatus();
  }

  Status ApplyEntries(Fetched::Reader& reader, std::span<const ufs::ObjectInfo> entries) {
    Imported imported;
    RETURN_IF_ERROR(CommitEntries(*reader.txn, reader.dir, entries, imported));
    for (const std::string& name : imported.blocked)
      RETURN_IF_ERROR(ApplyName(context_, dir_, name));
    return OkStatus();
  }

  Status CommitEntries(kv::Transaction& txn, const InodeRecord& dir,
                       std::span<const ufs::ObjectInfo> entries, Imported& imported) {
    MutexLock turn(context_.ids.ImportTurn(dir_));
    for (const ufs::ObjectInfo& info : entries)
      RETURN_IF_ERROR(ApplyFound(context_, txn, dir, NameOf(info.key), info, imported));
    if (!was_complete_)
      std::erase_if(imported.changes, [](const rpc::Change& change) {
        return change.kind == rpc::Change::Kind::kEntry && !change.ino;
      });
    return CommitImport(context_, txn, imported);
  }

  Status ApplyOneByOne(std::span<const ufs::ObjectInfo> entries) {
    for (const ufs::ObjectInfo& info : entries)
      RETURN_IF_ERROR(ApplyName(context_, dir_, NameOf(info.key)));
    return OkStatus();
  }

  // Names that the listing lacks.
  Status Sweep() {
    std::sort(seen_.begin(), seen_.end());
    const std::string prefix = keys::DentryPrefix(dir_);
    std::string begin = prefix;
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
        RETURN_IF_ERROR(ApplyOne(context_, dir_, name, Recognized::kYes));
      }
      more = page.more;
      if (more) begin = page.pairs.back().key + '\0';
    }
    return OkStatus();
  }

  Status Complete() {
    kv::TransactOptions options;
    options.clock = &context_.clock;
    return kv::Transact(context_.store, options,
                        [&](kv::Transaction& txn) -> Status {
                          ASSIGN_OR_RETURN(InodeRecord dir, ReadDirectory(txn, dir_));
                          if (!dir.bound || dir.key != key_)
                            return Status(Code::kStale, "the directory moved");
                          PutListing(txn, dir_, {true, context_.clock.WallNs()});
                          return OkStatus();
                        })
        .status();
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
  std::string after_;                   // Of the next page.
  std::future<Result<Fetched>> ahead_;  // The next page, if it is on its way.
  std::vector<uint64_t> seen_;  // Hashes: a collision at worst delays the removal of a name.
};

}  // namespace

Status ApplyName(const Context& context, InodeId dir, std::string_view name) {
  return ApplyOne(context, dir, name, Recognized::kToBeChecked);
}

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

Result<KnownNames> ApplyKnownNames(const Context& context, InodeId dir) {
  std::unique_ptr<kv::Transaction> txn = context.store.Begin();
  const std::string prefix = keys::DentryPrefix(dir);
  kv::ScanOptions options;
  options.limit = kFewNames;
  options.reads = kv::Reads::kSnapshot;
  ASSIGN_OR_RETURN(kv::ScanPage page, txn->Scan(prefix, kv::PrefixEnd(prefix), options));
  txn.reset();
  if (page.more) return KnownNames::kTooMany;
  for (const kv::Pair& pair : page.pairs)
    RETURN_IF_ERROR(ApplyName(context, dir, keys::NameOfDentry(pair.key)));
  return KnownNames::kApplied;
}

}  // namespace tarn::meta
