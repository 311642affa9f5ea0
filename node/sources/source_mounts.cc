#include "node/sources/source_mounts.h"

#include <unistd.h>

#include <optional>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "node/sources/mount_path.h"
#include "node/sources/open_source.h"
#include "node/sources/source_slots.h"
#include "node/sources/unmounter.h"

namespace tarn {
namespace {

constexpr Nanos kOpenAtStart = std::chrono::seconds(10);

ufs::Access AccessOf(bool read_only) {
  return read_only ? ufs::Access::kReadOnly : ufs::Access::kReadWrite;
}

// Lets one call at a time mount or unmount; a second one is refused. Thread-safe.
class Turns {
 public:
  class Turn {
   public:
    explicit Turn(Turns& turns) : turns_(turns), mine_(turns.Take()) {}
    ~Turn() {
      if (mine_) turns_.GiveBack();
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Status Check() const {
      if (mine_) return OkStatus();
      return Status(Code::kBusy,
                    "another source is being mounted or unmounted; try again "
                    "when that is done");
    }

   private:
    Turns& turns_;
    const bool mine_;
  };

 private:
  bool Take() {
    MutexLock lock(mutex_);
    return !std::exchange(taken_, true);
  }
  void GiveBack() {
    MutexLock lock(mutex_);
    taken_ = false;
  }
  Mutex mutex_;
  bool taken_ GUARDED_BY(mutex_) = false;
};

class TableMounts final : public SourceMounts {
 public:
  TableMounts(SourceMountsOptions options, role::MountTable& table, ufs::UfsMounts& mounts,
              SourceHealth& health, Clock& clock)
      : options_(std::move(options)),
        table_(&table),
        mounts_(mounts),
        health_(health),
        clock_(clock),
        opener_(options_, mounts, clock),
        slots_(mounts) {}
  ~TableMounts() override { Stop(); }

  Status OpenAll() override;
  void UseTable(role::MountTable& table) override { table_ = &table; }
  std::vector<MountId> MayHoldLeftovers(LastEnd last_end) const override;
  void Start(const Parts& parts) override {
    parts_.emplace(parts);
    unmounter_.emplace(*table_, parts.upkeep, slots_, opener_, clock_);
    thread_ = std::jthread([this](const std::stop_token& stop) { TryFailedOnes(stop); });
  }
  void Stop() override {
    if (!thread_.joinable()) return;
    thread_.request_stop();
    thread_.join();
  }
  Result<role::UfsMountInfo> Mount(const role::UfsMountRequest& request) override;
  Status Unmount(const role::UfsUnmountRequest& request) override {
    const Turns::Turn turn(turns_);
    RETURN_IF_ERROR(turn.Check());
    return unmounter_->Unmount(request);
  }
  Result<std::vector<role::UfsMountInfo>> List() override;

 private:
  Status AddSlot(const role::MountInfo& info);
  void Open(const role::MountInfo& info, const ufs::CallOptions& call) {
    Result<std::unique_ptr<ufs::UnderFileSystem>> source = opener_.OpenAgain(info, call);
    if (source.ok()) source = health_.Watch(info.mount, *std::move(source), clock_);
    slots_.Connect(info.mount, std::move(source));
  }
  Result<OpenedSource> OpenApart(const SourceToOpen& wanted);
  Result<role::MountInfo> MountOpened(const role::MountSpec& spec,
                                      std::unique_ptr<ufs::UnderFileSystem> source);
  void TryFailedOnes(const std::stop_token& stop);
  void TryAgain(const role::MountInfo& info, const std::stop_token& stop);
  void ForgetAgain(const role::MountInfo& info);
  void PersistAgain(MountId mount);
  role::UfsMountInfo Describe(const role::MountInfo& info);

  const SourceMountsOptions options_;
  role::MountTable* table_;
  ufs::UfsMounts& mounts_;
  SourceHealth& health_;
  Clock& clock_;
  const SourceOpener opener_;
  SourceSlots slots_;
  Turns turns_;
  std::optional<Parts> parts_;          // From Start on.
  std::optional<Unmounter> unmounter_;  // From Start on; its calls hold the turn.
  std::jthread thread_;                 // Last: it uses all of the above.
};

Status TableMounts::AddSlot(const role::MountInfo& info) {
  const ufs::UfsTraits expected = opener_.ExpectedTraitsOf(info);
  const ufs::Access access = AccessOf(info.read_only);
  // The inodes below an unmounted mount stay until they are forgotten, but they have no path.
  if (info.unmounting) {
    return slots_.AddUnmounted(info.mount, expected, access,
                               Status(Code::kIo, Concat(info.uri, " was unmounted")));
  }
  return slots_.AddAbsent(info.mount, expected, access);
}

Status TableMounts::OpenAll() {
  ASSIGN_OR_RETURN(const std::vector<role::MountInfo> all, table_->List());
  const ufs::CallOptions call{Deadline::After(clock_, kOpenAtStart), {}};
  std::vector<std::jthread> opening;
  for (const role::MountInfo& info : all) {
    if (info.root == kRootInode) continue;
    RETURN_IF_ERROR(AddSlot(info));
    if (info.unmounting) continue;
    opening.emplace_back([this, &info, &call] {
      Open(info, call);
      const Status state = slots_.StateOf(info.mount);
      if (!state.ok()) LogError("cannot open ", info.uri, " on ", info.path, ": ", state);
    });
  }
  return OkStatus();  // The threads join here.
}

std::vector<MountId> TableMounts::MayHoldLeftovers(LastEnd last_end) const {
  std::vector<MountId> ids;
  for (const SourceSlots::Mounted& mounted : slots_.List()) {
    if (last_end == LastEnd::kCrash || mounted.scheme != "file") ids.push_back(mounted.mount);
  }
  return ids;
}

// Opens a source that nothing else mounts. After an error nothing is left of it.
Result<OpenedSource> TableMounts::OpenApart(const SourceToOpen& wanted) {
  const ufs::CallOptions call{Deadline::After(clock_, MountTimeout(options_.properties)), {}};
  Result<OpenedSource> opened = opener_.Open(wanted, call);
  Status status;
  if (opened.ok()) {
    const Result<std::vector<role::MountInfo>> all = table_->List();
    status = all.ok() ? opener_.CheckOthers(*opened, *all) : all.status();
  } else {
    status = NotInTime(opened.status(), options_.properties);
  }
  if (status.ok()) return opened;
  opener_.RemoveJournal(wanted.mount);
  return status;
}

Result<role::UfsMountInfo> TableMounts::Mount(const role::UfsMountRequest& request) {
  const Turns::Turn turn(turns_);
  RETURN_IF_ERROR(turn.Check());
  ASSIGN_OR_RETURN(const SourceOptions options, CheckOptions(request.options));
  if (options_.read_only) {
    return Status(Code::kReadOnly, "this mount is read-only (-o ro): nothing can be mounted in it");
  }
  role::MountSpec spec;
  ASSIGN_OR_RETURN(spec.mount, table_->NewId());
  ASSIGN_OR_RETURN(OpenedSource opened,
                   OpenApart({spec.mount, request.source, options, request.read_only}));
  spec.path = MountPath(request.path);
  spec.uri = opened.source.uri;
  spec.identity = opened.identity;
  spec.read_only = request.read_only;
  spec.options = options;
  const ufs::UfsTraits& traits = opened.ufs->Traits();
  spec.root_mode = traits.default_directory_mode;
  spec.root_uid = traits.default_uid.value_or(geteuid());
  spec.root_gid = traits.default_gid.value_or(getegid());
  Result<role::MountInfo> mounted = MountOpened(spec, std::move(opened.ufs));
  if (mounted.ok()) {
    LogInfo("mounted ", spec.uri, " on ", spec.path);
    return Describe(*mounted);
  }
  opener_.RemoveJournal(spec.mount);
  return Status(mounted.code(),
                Concat("cannot mount on ", spec.path, ": ", mounted.status().message()));
}

Result<role::MountInfo> TableMounts::MountOpened(const role::MountSpec& spec,
                                                 std::unique_ptr<ufs::UnderFileSystem> source) {
  RETURN_IF_ERROR(slots_.AddConnected(
      spec.mount, health_.Watch(spec.mount, std::move(source), clock_), AccessOf(spec.read_only)));
  const role::Caller caller{SessionId(1), 0, geteuid(), getegid()};
  Result<role::MountInfo> mounted = table_->Mount(caller, spec);
  if (!mounted.ok()) {
    slots_.Disconnect(spec.mount, Status(Code::kIo, "it was never mounted"));
    slots_.Remove(spec.mount);
  }
  return mounted;
}

void TableMounts::TryFailedOnes(const std::stop_token& stop) {
  do {
    Result<std::vector<role::MountInfo>> all = table_->List();
    if (!all.ok()) LogWarning("read the table of mounts: ", all.status());
    for (size_t i = 0; all.ok() && i < all->size() && !stop.stop_requested(); ++i) {
      TryAgain((*all)[i], stop);
    }
  } while (clock_.SleepFor(options_.retry_interval, stop));
}

void TableMounts::TryAgain(const role::MountInfo& info, const std::stop_token& stop) {
  if (info.unmounting) return ForgetAgain(info);
  if (slots_.StateOf(info.mount).ok()) return;
  Open(info, {Deadline::After(clock_, options_.properties.Get(property::kUfsTimeout)), stop});
  if (!slots_.StateOf(info.mount).ok()) return;
  LogInfo("opened ", info.uri, " on ", info.path, " after all");
  if (parts_->persister != nullptr) PersistAgain(info.mount);
}

void TableMounts::ForgetAgain(const role::MountInfo& info) {
  const Turns::Turn turn(turns_);
  if (!turn.Check().ok()) return;
  const Status forgotten = unmounter_->Forget(info.mount);
  if (forgotten.ok()) {
    LogInfo("forgot the inodes that the unmounted ", info.uri, " left below ", info.path);
  } else {
    LogWarning("forget the inodes below ", info.path, ": ", forgotten);
  }
}

// The source of the mount can be reached again.
void TableMounts::PersistAgain(MountId mount) {
  const Status cleaned = parts_->persister->RemoveLeftovers(mount);
  if (!cleaned.ok()) LogWarning("remove uploads left behind by a crash: ", cleaned);
  const Status retried = parts_->queue.RetryNow(std::nullopt);
  if (!retried.ok()) LogWarning("retry what waits to be persisted: ", retried);
}

role::UfsMountInfo TableMounts::Describe(const role::MountInfo& info) {
  const ufs::SkippedKeys::Count skipped = mounts_.SkippedOf(info.mount).Get();
  role::UfsMountInfo described{info.path, info.uri,     info.read_only,  info.options,
                               "",        skipped.keys, skipped.or_more, 0};
  if (info.unmounting) {
    described.problem = "it was unmounted; its inodes are being forgotten";
    return described;
  }
  const Status state = slots_.StateOf(info.mount);
  if (!state.ok()) {
    described.problem = state.message();
  } else if (const std::optional<ufs::Availability::Outage> outage = health_.Of(info.mount).Get()) {
    described.problem = outage->last_error;
    described.unavailable_since_ns = outage->since_ns;
  }
  return described;
}

Result<std::vector<role::UfsMountInfo>> TableMounts::List() {
  ASSIGN_OR_RETURN(const std::vector<role::MountInfo> all, table_->List());
  std::vector<role::UfsMountInfo> mounts;
  for (const role::MountInfo& info : all) mounts.push_back(Describe(info));
  return mounts;
}

}  // namespace

std::unique_ptr<SourceMounts> NewSourceMounts(SourceMountsOptions options, role::MountTable& table,
                                              ufs::UfsMounts& mounts, SourceHealth& health,
                                              Clock& clock) {
  return std::make_unique<TableMounts>(std::move(options), table, mounts, health, clock);
}

}  // namespace tarn
