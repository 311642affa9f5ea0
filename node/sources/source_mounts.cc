#include "node/sources/source_mounts.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <thread>

#include "base/log.h"
#include "base/mutex.h"
#include "base/paths.h"
#include "base/strings.h"
#include "node/source_options.h"
#include "node/sources/open_source.h"
#include "ufs/late_ufs.h"

namespace tarn {
namespace {

constexpr Nanos kOpenAtStart = std::chrono::seconds(10);
constexpr size_t kSubjects = 10;  // Named when something is in the way.
constexpr size_t kMostNamedBytes = 2000;
constexpr int kReapTries = 20;
constexpr int kReleaseTries = 10;
constexpr Nanos kReapWait = std::chrono::milliseconds(100);

std::optional<std::string> Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): never changed.
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

ufs::Access AccessOf(bool read_only) {
  return read_only ? ufs::Access::kReadOnly : ufs::Access::kReadWrite;
}

// `path` without trailing '/', as the table has it.
std::string Plain(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::string Named(const role::Unpersisted& waiting) {
  std::string named;
  size_t count = 0;
  for (const std::string& subject : waiting.subjects) {
    if (named.size() + subject.size() > kMostNamedBytes) break;
    named += (count++ == 0 ? "" : ", ") + subject;
  }
  if (count < waiting.entries)
    named += Concat(count == 0 ? "" : " and ", waiting.entries - count,
                    count == 0 ? " of them" : " more");
  return named;
}

class TableMounts final : public SourceMounts {
 public:
  TableMounts(SourceMountsOptions options, role::MountTable& table, ufs::UfsMounts& mounts,
              Clock& clock)
      : options_(std::move(options)), table_(&table), mounts_(mounts), clock_(clock) {}
  ~TableMounts() override { Stop(); }

  Status OpenAll() override;
  void UseTable(role::MountTable& table) override { table_ = &table; }
  std::vector<MountId> MayHoldLeftovers(LastEnd last_end) const override;
  void Start(const Parts& parts) override {
    parts_ = std::make_unique<Parts>(parts);
    thread_ = std::jthread([this](const std::stop_token& stop) { Keep(stop); });
  }
  void Stop() override {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }
  Result<role::UfsMountInfo> Mount(const role::Control::UfsMountRequest& request) override;
  Status Unmount(const role::Control::UfsUnmountRequest& request) override;
  Result<std::vector<role::UfsMountInfo>> List() override;

 private:
  struct Opened {
    Source source;
    std::unique_ptr<ufs::UnderFileSystem> ufs;
    std::string identity;
  };
  // One mount or unmount at a time.
  class Turn {
   public:
    explicit Turn(TableMounts& mounts) : mounts_(mounts) {
      MutexLock lock(mounts_.mutex_);
      mine_ = !std::exchange(mounts_.busy_, true);
    }
    ~Turn() {
      if (!mine_) return;
      MutexLock lock(mounts_.mutex_);
      mounts_.busy_ = false;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Status Check() const {
      return mine_ ? OkStatus()
                   : Status(Code::kBusy,
                            "another source is being mounted or unmounted; try again "
                            "when that is done");
    }

   private:
    TableMounts& mounts_;
    bool mine_ = false;
  };

  Result<Opened> Open(MountId id, const std::string& uri, const SourceOptions& options,
                      bool read_only, const ufs::CallOptions& call);
  Status CheckPlace(const Source& source);
  Status CheckOthers(const Source& source, const std::string& identity);
  Source SourceOf(const role::MountInfo& info) const;
  Result<role::MountInfo> MountOpened(const role::MountSpec& spec,
                                      std::unique_ptr<ufs::UnderFileSystem> source);
  Result<std::unique_ptr<ufs::UnderFileSystem>> OpenAgain(const role::MountInfo& info,
                                                          const ufs::CallOptions& call);
  void TryOpen(const role::MountInfo& info, const ufs::CallOptions& call);
  Status StateOf(MountId mount) const;
  std::string JournalName(MountId mount) const { return Concat("s3-uploads-", mount.value); }
  void RemoveJournal(MountId mount);
  Result<role::MountInfo> FindMount(const std::string& path);
  Result<uint64_t> WaitForReleases(MountId mount);
  Result<role::Unpersisted> WaitForReaper(MountId mount);
  Status CheckIdle(const role::MountInfo& info, const role::Control::UfsUnmountRequest& request);
  Status Forget(MountId mount);
  void Keep(const std::stop_token& stop);
  void TryAgain(const role::MountInfo& info, const std::stop_token& stop);
  role::UfsMountInfo Describe(const role::MountInfo& info);

  const SourceMountsOptions options_;
  role::MountTable* table_;
  ufs::UfsMounts& mounts_;
  Clock& clock_;
  std::unique_ptr<Parts> parts_;
  mutable Mutex mutex_;  // Held over no I/O.
  bool busy_ GUARDED_BY(mutex_) = false;
  // Of what is mounted, owned by mounts_. Only what is in it gets a source.
  std::map<MountId, ufs::LateUfs*> late_ GUARDED_BY(mutex_);
  std::jthread thread_;
};

Result<TableMounts::Opened> TableMounts::Open(MountId id, const std::string& uri,
                                              const SourceOptions& options, bool read_only,
                                              const ufs::CallOptions& call) {
  ASSIGN_OR_RETURN(const Properties properties,
                   WithOptions(options_.properties, options, Variable));
  Opened opened;
  ASSIGN_OR_RETURN(opened.source, ParseSource(uri, properties));
  RETURN_IF_ERROR(CheckPlace(opened.source));
  OpenSourceOptions how;
  how.state_directory = options_.state_directory;
  how.read_only = read_only || options_.read_only;
  how.journal_name = JournalName(id);
  how.skipped = &mounts_.SkippedOf(id);
  ASSIGN_OR_RETURN(opened.ufs, OpenSource(opened.source, properties, how, clock_, call));
  ASSIGN_OR_RETURN(opened.identity, opened.ufs->SourceIdentity(call));
  RETURN_IF_ERROR(opened.ufs->Stat("", call).status());
  return opened;
}

// A directory that holds our own mount, state or cache, or is in them, would contain itself.
Status TableMounts::CheckPlace(const Source& source) {
  if (source.scheme != "file") return OkStatus();
  std::vector<std::string> ours = options_.properties.Get(property::kPageStoreDirs);
  ours.insert(ours.end(), {options_.mount_point, options_.state_directory});
  for (const std::string& directory : ours) {
    const std::string own = directory == options_.mount_point ? directory : ResolvedPath(directory);
    const bool apart = Below(source.path, own).empty() && Below(own, source.path).empty();
    if (!apart)
      return Status(Code::kInvalid, Concat("cannot mount ", source.uri, ": ", own,
                                           ", which this mount uses itself, overlaps with it"));
  }
  return OkStatus();
}

Source TableMounts::SourceOf(const role::MountInfo& info) const {
  if (info.root == kRootInode) return options_.root;
  const size_t colon = info.uri.find("://");
  Source source{info.uri.substr(0, colon), "", info.uri, ""};
  source.path = info.uri.substr(colon + (source.scheme == "file" ? 3 : 2));
  if (source.scheme != "s3") return source;
  const auto own = WithOptions(options_.properties, WithoutSecrets(info.options), Variable);
  const Result<std::string> where = EndpointOf(own.ok() ? *own : options_.properties);
  if (where.ok()) source.where = *where;
  return source;
}

Status TableMounts::CheckOthers(const Source& source, const std::string& identity) {
  ASSIGN_OR_RETURN(const std::vector<role::MountInfo> all, table_->List());
  for (const role::MountInfo& info : all) {
    if (info.unmounting) continue;
    RETURN_IF_ERROR(CheckApart(source, SourceOf(info), info.path));
    if (IdentitiesOverlap(identity, info.identity))
      return Status(Code::kInvalid, Concat("cannot mount ", source.uri, ": it overlaps with ",
                                           info.uri, ", which is mounted on ", info.path));
  }
  return OkStatus();
}

Result<role::UfsMountInfo> TableMounts::Mount(const role::Control::UfsMountRequest& request) {
  const Turn turn(*this);
  RETURN_IF_ERROR(turn.Check());
  ASSIGN_OR_RETURN(const SourceOptions options, CheckOptions(request.options));
  if (options_.read_only)
    return Status(Code::kReadOnly, "this mount is read-only (-o ro): nothing can be mounted in it");
  ASSIGN_OR_RETURN(const MountId id, table_->NewId());
  const ufs::CallOptions call{Deadline::After(clock_, MountTimeout(options_.properties)), {}};
  Result<Opened> opened = Open(id, request.source, options, request.read_only, call);
  Status status = opened.ok() ? CheckOthers(opened->source, opened->identity)
                              : NotInTime(opened.status(), options_.properties);
  if (!status.ok()) {
    RemoveJournal(id);
    return status;
  }
  role::MountSpec spec;
  spec.mount = id;
  spec.path = Plain(request.path);
  spec.uri = opened->source.uri;
  spec.identity = opened->identity;
  spec.read_only = request.read_only;
  spec.options = options;
  const ufs::UfsTraits& traits = opened->ufs->Traits();
  spec.root_mode = traits.default_directory_mode;
  spec.root_uid = traits.default_uid.value_or(geteuid());
  spec.root_gid = traits.default_gid.value_or(getegid());
  Result<role::MountInfo> mounted = MountOpened(spec, std::move(opened->ufs));
  if (mounted.ok()) {
    LogInfo("mounted ", spec.uri, " on ", spec.path);
    return Describe(*mounted);
  }
  RemoveJournal(id);
  return Status(mounted.code(),
                Concat("cannot mount on ", spec.path, ": ", mounted.status().message()));
}

Result<role::MountInfo> TableMounts::MountOpened(const role::MountSpec& spec,
                                                 std::unique_ptr<ufs::UnderFileSystem> source) {
  std::unique_ptr<ufs::LateUfs> late = ufs::NewLateUfs(source->Traits());
  ufs::LateUfs* slot = late.get();
  late->Provide(std::move(source));
  RETURN_IF_ERROR(mounts_.Add(spec.mount, std::move(late), AccessOf(spec.read_only)));
  const role::Caller caller{SessionId(1), 0, geteuid(), getegid()};
  Result<role::MountInfo> mounted = table_->Mount(caller, spec);
  if (!mounted.ok()) {
    slot->Withhold(Status(Code::kIo, "it was never mounted"));
    mounts_.Remove(spec.mount);
    return mounted;
  }
  MutexLock lock(mutex_);
  late_[spec.mount] = slot;
  return mounted;
}

// What a source that is not in the table left in the state directory.
void TableMounts::RemoveJournal(MountId mount) {
  const std::string path = Concat(options_.state_directory, "/", JournalName(mount));
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    LogWarning(ErrnoStatus(errno, Concat("remove ", path)));
}

// --- After a restart.

Result<std::unique_ptr<ufs::UnderFileSystem>> TableMounts::OpenAgain(const role::MountInfo& info,
                                                                     const ufs::CallOptions& call) {
  ASSIGN_OR_RETURN(Opened opened, Open(info.mount, info.uri, info.options, info.read_only, call));
  if (opened.identity == info.identity) return std::move(opened.ufs);
  return Status(Code::kIo, Concat(info.uri, " is another source than was mounted (",
                                  opened.identity, ", not ", info.identity, ")"));
}

void TableMounts::TryOpen(const role::MountInfo& info, const ufs::CallOptions& call) {
  Result<std::unique_ptr<ufs::UnderFileSystem>> opened = OpenAgain(info, call);
  MutexLock lock(mutex_);
  auto late = late_.find(info.mount);
  if (late == late_.end()) return;  // It was unmounted meanwhile.
  if (opened.ok())
    late->second->Provide(std::move(*opened));
  else
    late->second->Withhold(Status(Code::kIo, opened.status().message()));
}

// OK also if it is not mounted any more.
Status TableMounts::StateOf(MountId mount) const {
  MutexLock lock(mutex_);
  auto late = late_.find(mount);
  return late == late_.end() ? OkStatus() : late->second->State();
}

Status TableMounts::OpenAll() {
  ASSIGN_OR_RETURN(const std::vector<role::MountInfo> all, table_->List());
  const ufs::CallOptions call{Deadline::After(clock_, kOpenAtStart), {}};
  std::vector<std::jthread> opening;
  for (const role::MountInfo& info : all) {
    if (info.root == kRootInode) continue;
    std::unique_ptr<ufs::LateUfs> late =
        ufs::NewLateUfs(ExpectedTraits(SourceOf(info), options_.properties, info.options));
    ufs::LateUfs* slot = late.get();
    // What was below an unmounted one is there until it is forgotten, but has no path.
    if (info.unmounting) slot->Withhold(Status(Code::kIo, Concat(info.uri, " was unmounted")));
    RETURN_IF_ERROR(mounts_.Add(info.mount, std::move(late), AccessOf(info.read_only)));
    if (info.unmounting) continue;
    {
      MutexLock lock(mutex_);
      late_[info.mount] = slot;
    }
    opening.emplace_back([this, &info, &call] {
      TryOpen(info, call);
      const Status state = StateOf(info.mount);
      if (!state.ok()) LogError("cannot open ", info.uri, " on ", info.path, ": ", state);
    });
  }
  return OkStatus();  // Waits for all.
}

std::vector<MountId> TableMounts::MayHoldLeftovers(LastEnd last_end) const {
  MutexLock lock(mutex_);
  std::vector<MountId> ids;
  for (const auto& [id, late] : late_)
    if (last_end == LastEnd::kCrash || late->Traits().scheme != "file") ids.push_back(id);
  return ids;
}

void TableMounts::Keep(const std::stop_token& stop) {
  do {
    Result<std::vector<role::MountInfo>> all = table_->List();
    if (!all.ok()) LogWarning("read the table of mounts: ", all.status());
    for (size_t i = 0; all.ok() && i < all->size() && !stop.stop_requested(); ++i)
      TryAgain((*all)[i], stop);
  } while (clock_.SleepFor(options_.retry_interval, stop));
}

void TableMounts::TryAgain(const role::MountInfo& info, const std::stop_token& stop) {
  if (info.unmounting) {
    const Turn turn(*this);
    if (!turn.Check().ok()) return;
    const Status forgotten = Forget(info.mount);
    if (forgotten.ok())
      LogInfo("forgot what the unmounted ", info.uri, " left below ", info.path);
    else
      LogWarning("forget what was below ", info.path, ": ", forgotten);
    return;
  }
  if (StateOf(info.mount).ok()) return;
  TryOpen(info, {Deadline::After(clock_, options_.properties.Get(property::kUfsTimeout)), stop});
  if (!StateOf(info.mount).ok()) return;
  LogInfo("opened ", info.uri, " on ", info.path, " after all");
  if (parts_->persister == nullptr) return;
  const Status cleaned = parts_->persister->RemoveLeftovers(info.mount);
  if (!cleaned.ok()) LogWarning("remove uploads left behind by a crash: ", cleaned);
  const Status retried = parts_->queue.RetryNow(std::nullopt);
  if (!retried.ok()) LogWarning("retry what waits to be persisted: ", retried);
}

// --- Unmounting.

Result<role::MountInfo> TableMounts::FindMount(const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<role::MountInfo> all, table_->List());
  const std::string plain = Plain(path);
  if (plain == "/")
    return Status(Code::kInvalid,
                  "\"/\" is the source of the mount itself; `tarn unmount` ends that");
  for (role::MountInfo& info : all)
    if (info.path == plain && !info.unmounting) return std::move(info);
  return Status(Code::kNotFound, Concat("no source is mounted on ", plain,
                                        "; `tarn ufs list` shows those that are"));
}

// The kernel tells of a close after the program was answered.
Result<uint64_t> TableMounts::WaitForReleases(MountId mount) {
  for (int i = 0;; ++i) {
    ASSIGN_OR_RETURN(const uint64_t open, table_->CountIn(mount, parts_->file_system.OpenInodes()));
    if (open == 0 || i == kReleaseTries) return open;
    clock_.SleepFor(kReapWait, std::stop_token());
  }
}

// Files just unlinked are still to be forgotten, which puts their ends into the queue.
Result<role::Unpersisted> TableMounts::WaitForReaper(MountId mount) {
  for (int i = 0;; ++i) {
    ASSIGN_OR_RETURN(role::Unpersisted waiting, table_->Waiting(mount, kSubjects));
    if (waiting.unlinked == 0 || i == kReapTries) return waiting;
    clock_.SleepFor(kReapWait, std::stop_token());
  }
}

Status TableMounts::CheckIdle(const role::MountInfo& info,
                              const role::Control::UfsUnmountRequest& request) {
  ASSIGN_OR_RETURN(const uint64_t open, WaitForReleases(info.mount));
  if (open > 0 && !request.force)
    return Status(Code::kBusy, Concat("cannot unmount ", info.path, ": ", open,
                                      open == 1 ? " file below it is" : " files below it are",
                                      " open; close them, or take them away from their "
                                      "programs with --force"));
  // What is written and not committed yet would go unseen.
  if (open > 0 && !request.discard) RETURN_IF_ERROR(parts_->file_system.CommitOpen());
  ASSIGN_OR_RETURN(role::Unpersisted waiting, WaitForReaper(info.mount));
  waiting.entries += open > 0 ? 0 : waiting.unlinked;
  if (waiting.entries == 0 || (request.force && request.discard)) return OkStatus();
  const std::string changes = Concat(waiting.entries, waiting.entries == 1 ? " change" : " changes",
                                     " below it (", Named(waiting), ")");
  if (request.force)
    return Status(Code::kBusy, Concat("cannot unmount ", info.path, ": ", changes,
                                      " would be lost for ever, for they are not in ", info.uri,
                                      " yet; --discard says that this is meant"));
  return Status(Code::kBusy, Concat("cannot unmount ", info.path, ": ", changes,
                                    waiting.entries == 1 ? " is" : " are", " not in ", info.uri,
                                    " yet; `tarn async-persist wait` waits for that"));
}

Status TableMounts::Forget(MountId mount) {
  const Status forgotten = table_->Forget(mount, [this](std::span<const InodeId> inodes) {
    return parts_->file_system.Discard(inodes);
  });
  RETURN_IF_ERROR(forgotten);
  mounts_.Remove(mount);
  RemoveJournal(mount);
  return OkStatus();
}

Status TableMounts::Unmount(const role::Control::UfsUnmountRequest& request) {
  const Turn turn(*this);
  RETURN_IF_ERROR(turn.Check());
  if (request.discard && !request.force)
    return Status(Code::kInvalid, "--discard goes with --force only");
  ASSIGN_OR_RETURN(const role::MountInfo info, FindMount(request.path));
  // Once while everybody may go on, so that a refusal disturbs nobody, and once when nothing can
  // change any more.
  RETURN_IF_ERROR(CheckIdle(info, request));
  table_->StopChanges(info.mount);
  Status status = CheckIdle(info, request);
  if (status.ok()) status = table_->Detach(info.mount);
  if (!status.ok()) {
    table_->AllowChanges(info);
    return status;
  }
  LogInfo("unmounted ", info.uri, " from ", info.path);
  ufs::LateUfs* late = nullptr;
  {
    MutexLock lock(mutex_);
    if (auto found = late_.find(info.mount); found != late_.end()) late = found->second;
    late_.erase(info.mount);
  }
  if (late != nullptr) late->Withhold(Status(Code::kIo, Concat(info.uri, " was unmounted")));
  status = Forget(info.mount);
  if (status.ok()) return OkStatus();
  return Status(status.code(),
                Concat(info.path, " is unmounted, but what it left is not all forgotten yet (",
                       status.message(), "); that is tried again"));
}

role::UfsMountInfo TableMounts::Describe(const role::MountInfo& info) {
  const ufs::SkippedKeys::Count skipped = mounts_.SkippedOf(info.mount).Get();
  role::UfsMountInfo described{info.path, info.uri,     info.read_only, info.options,
                               "",        skipped.keys, skipped.or_more};
  if (info.unmounting) {
    described.problem = "it was unmounted; what it left is being forgotten";
    return described;
  }
  MutexLock lock(mutex_);
  auto late = late_.find(info.mount);
  if (late == late_.end()) return described;
  const Status state = late->second->State();
  if (!state.ok()) described.problem = state.message();
  return described;
}

Result<std::vector<role::UfsMountInfo>> TableMounts::List() {
  ASSIGN_OR_RETURN(const std::vector<role::MountInfo> all, table_->List());
  std::vector<role::UfsMountInfo> mounts;
  for (const role::MountInfo& info : all) mounts.push_back(Describe(info));
  return mounts;
}

}  // namespace

// A bucket's identity ends with the prefix, which ends with a slash.
bool IdentitiesOverlap(const std::string& one, const std::string& other) {
  const bool buckets = one.starts_with("s3:") && other.starts_with("s3:");
  return buckets ? one.starts_with(other) || other.starts_with(one) : one == other;
}

Status CheckApart(const Source& source, const Source& other, const std::string& other_path) {
  if (source.scheme != other.scheme || source.where != other.where) return OkStatus();
  const bool apart =
      Below(source.path, other.path).empty() && Below(other.path, source.path).empty();
  if (apart) return OkStatus();
  return Status(Code::kInvalid, Concat("cannot mount ", source.uri, ": it overlaps with ",
                                       other.uri, ", which is mounted on ", other_path));
}

std::unique_ptr<SourceMounts> NewSourceMounts(SourceMountsOptions options, role::MountTable& table,
                                              ufs::UfsMounts& mounts, Clock& clock) {
  return std::make_unique<TableMounts>(std::move(options), table, mounts, clock);
}

}  // namespace tarn
