// Which contents are here: opening, adding, erasing, and the way between index and memory.

#include "cache/live/live_store.h"

#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/log.h"
#include "base/strings.h"
#include "cache/live/live_handle.h"

namespace tarn::cache {
namespace {

constexpr int64_t kLastUseStepNs = 3600ll * 1'000'000'000;  // How exact last use is in the index.
constexpr uint64_t kEvictOnDiskFull = 64 << 20;

std::string About(InodeId ino) { return "content of inode " + std::to_string(ino.value); }

// Each run has a number of its own, also where the index has forgotten the last ones: a directory
// knows them too.
Status NextRun(const std::vector<std::unique_ptr<FilePlace>>& places, Epochs& epochs) {
  uint64_t last = epochs.run;
  for (const auto& place : places) {
    ASSIGN_OR_RETURN(const uint64_t run, place->LastRun());
    last = std::max(last, run);
    if (run <= epochs.run) continue;
    LogError(
        "cache directory ", place->name(), " was last used by run ", run,
        " of its metadata, which knows of no run after ", epochs.run,
        ": a log or table of the metadata was removed, or an older copy was put back. Changes ",
        "made since are lost unless they are in the source; cache files that the metadata ",
        "does not know are kept in ", place->name(), "/unknown");
  }
  if (last > epochs.run) epochs.unsure_below = (last + 1) << kRunShift;
  epochs.run = last + 1;
  return OkStatus();
}

}  // namespace

struct LiveStore::Threads {
  std::jthread loader;
  std::jthread upkeep;
  std::jthread care;
};

LiveStore::LiveStore(Parts parts, kv::Store& index, Clock& clock, Epochs epochs)
    : keep_(std::move(parts.keep)),
      places_(std::move(parts.places)),
      index_(index),
      clock_(clock),
      space_(std::move(parts.capacities_bytes), std::move(parts.policies), parts.pinned_ratio),
      crowded_(places_.size()),
      first_id_(epochs.run << kRunShift),
      next_file_id_(first_id_),
      epoch_(first_id_ + 1),
      epochs_(epochs),
      has_lost_epochs_(!epochs.lost.empty()),
      scrub_(parts.scrub) {
  space_.LoadBegins();
}

Result<std::unique_ptr<CacheStore>> LiveStore::Start(Parts parts, kv::Store& index, Clock& clock) {
  ContentIndex contents(index);
  ASSIGN_OR_RETURN(Epochs epochs, contents.ReadEpochs());
  RETURN_IF_ERROR(NextRun(parts.places, epochs));
  bool power_cut = false;
  for (const auto& place : parts.places) power_cut |= place->PowerCut();
  if (power_cut) epochs.lost.emplace_back(epochs.durable, epochs.run << kRunShift);
  RETURN_IF_ERROR(contents.WriteEpochs(epochs, kv::Durability::kDurable));
  for (const auto& place : parts.places) RETURN_IF_ERROR(place->BeginRun(epochs.run));
  std::unique_ptr<LiveStore> store(new LiveStore(std::move(parts), index, clock, epochs));
  store->StartThreads();
  return std::unique_ptr<CacheStore>(std::move(store));
}

void LiveStore::StartThreads() {
  threads_ = std::make_unique<Threads>();
  threads_->loader = std::jthread([this](const std::stop_token& stop) {
    LoadClean(stop);
    RemoveStrays(stop);
  });
  threads_->upkeep = std::jthread([this](const std::stop_token& stop) { RunUpkeep(stop); });
  threads_->care = std::jthread([this](const std::stop_token& stop) { RunCare(stop); });
}

void LiveStore::StopThreads() { threads_.reset(); }

LiveStore::~LiveStore() { StopThreads(); }

Status LiveStore::Close() {
  if (closed_) return OkStatus();
  closed_ = true;
  StopThreads();
  SealDue(MonotonicTime::max());
  WriteMaps();
  RETURN_IF_ERROR(AdvanceEpoch());
  RETURN_IF_ERROR(index_.Sync());
  for (const auto& place : places_) RETURN_IF_ERROR(place->MarkEnd());
  return OkStatus();
}

size_t LiveStore::PlaceWithId(uint64_t id) const {
  size_t i = 0;
  while (i < places_.size() && places_[i]->id() != id) ++i;
  return i;
}

Status LiveStore::Load(Live& live) {
  if (live.loaded) return OkStatus();
  Result<std::optional<Record>> found = index_.Find(live.ino);
  if (found.code() == Code::kCorruption) {
    LogError(About(live.ino), ": ", found.status(), "; forgotten");
    live.keys = {true, true, true};
    RETURN_IF_ERROR(index_.Remove(live.ino, live.keys));
    found = std::optional<Record>();
  }
  if (!found.ok()) return found.status();
  if (*found) RETURN_IF_ERROR(LoadRecord(live, std::move(**found)));
  live.loaded = true;
  return OkStatus();
}

Status LiveStore::LoadRecord(Live& live, Record record) {
  const bool clean = record.state == ContentState::kClean;
  live.keys = {true, !clean, record.has_bytes};
  live.place_index = PlaceWithId(record.place_id);
  const bool here = live.place_index < places_.size();
  if (here) live.place = places_[live.place_index].get();
  bool lost = !here;
  if (clean && has_lost_epochs_) {
    MutexLock lock(epochs_mutex_);
    lost = lost || epochs_.Lost(record.sync_epoch);
  }
  live.file = {live.ino, record.file_id};
  if (clean && lost) {
    if (here) RETURN_IF_ERROR(live.place->Remove(live.file));
    return index_.Remove(live.ino, live.keys);
  }
  if (!here) return Status(Code::kIo, About(live.ino) + ": its cache directory is not in use");
  RETURN_IF_ERROR(live.pages.Restore(record.limit_bytes, record.bitmap));
  live.staging = record.state == ContentState::kStaging;
  live.size_bytes = record.size_bytes;
  live.only_copy = !clean;
  live.damaged = record.damaged;
  if ((clean || record.sealed) && !record.checksums.empty()) {
    live.verified.Reset(record.size_bytes, PageMap::Fill::kAbsent);
    live.verify = true;
    MutexLock lock(live.fill_mutex);
    live.checksums = record.checksums;
  }
  live.stored_bytes = record.allocated_bytes;
  live.record = std::move(record);
  live.exists = true;
  return OkStatus();
}

// A content without users leaves memory, unless the index must learn of its pages, or of what it is
// charged for. The index does not know that a content is being written, so that one stays. It is of
// a file without names, which is never committed and may be opened again.
void LiveStore::Rest(Live& live) {
  if (live.pins > 0 || live.dead) return;
  if (live.exists && live.record.state == ContentState::kStaging) {
    live.CloseAll();
    live.writers = 0;  // Those that did not end their writing are gone with their pins.
    return;
  }
  const bool pinned = live.exists && live.record.state != ContentState::kClean;
  if (pinned && live.record.allocated_bytes != live.stored_bytes) live.map_behind = true;
  if (live.exists && live.map_behind) {
    maps_behind_ = true;
    return;
  }
  live.dead = true;
  table_.Remove(live);
}

std::unique_ptr<LiveFile> LiveStore::Pin(const LivePtr& live) {
  ++live->pins;
  return std::make_unique<LiveHandle>(*this, live);
}

void LiveStore::Unpin(Live& live) {
  MutexLock lock(live.mutex);
  if (--live.pins > 0) return;
  NoteRoom(live.place_index);
  if (live.erased) {
    space_.Pin(live.place_index, -static_cast<int64_t>(live.record.allocated_bytes), -1);
    return;
  }
  // A clean content without pages is not worth a record.
  const bool empty = live.exists && !live.keys.record && live.pages.Empty();
  if (empty) {
    Status status = EraseLocked(live);
    if (!status.ok()) LogWarning(About(live.ino), ": ", status);
  }
  Rest(live);
}

Result<Descriptor> LiveStore::MakeFile(Live& live) {
  live.place_index = space_.EmptiestPlace();
  live.place = places_[live.place_index].get();
  live.record = {};
  live.record.place_id = live.place->id();
  live.record.file_id = next_file_id_++;
  live.file = {live.ino, live.record.file_id};
  live.record.last_use_ns = clock_.WallNs();
  live.checked = true;
  Result<Descriptor> made = live.place->Create(live.file);
  if (made.code() == Code::kExists) {  // A stray: no record names it, for `live` has none.
    ASSIGN_OR_RETURN(const std::string where, live.place->SetAside(live.file));
    LogWarning("a file that is not this cache's had the name of the ", About(live.ino),
               ": it is in ", where);
    made = live.place->Create(live.file);
  }
  if (made.code() == Code::kNoSpace && EvictFrom(live.place_index, kEvictOnDiskFull) > 0) {
    made = live.place->Create(live.file);
  }
  return made;
}

// Bits of pages go to the index only behind their bytes: a clean content says with its epoch how
// far that is true, others are synced here.
Status LiveStore::StoreRecord(Live& live, kv::Durability durability, std::string_view bytes) {
  if (live.erased) return OkStatus();
  Record& record = live.record;
  const ContentState state = record.state;
  const bool clean = state == ContentState::kClean;
  live.map_behind = false;
  record.bitmap = live.pages.Encode();
  record.limit_bytes = live.pages.limit_bytes();
  if (live.unsynced_pages.exchange(false)) {
    if (clean) {
      record.sync_epoch = epoch_;
      epoch_used_ = true;
    } else if (Committed(record)) {
      RETURN_IF_ERROR(OpenForReading(live));
      RETURN_IF_ERROR(SyncData(live.read_fd));
    }
  }
  if (clean) {
    if (live.checked && !live.suspect) NoteFile(live);
    MutexLock lock(live.fill_mutex);
    record.checksums =
        live.checksums.size() <= kMaxChecksums ? live.checksums : std::vector<uint64_t>();
  }
  if (record.bitmap.size() > kMaxBitmapBytes) {
    if (clean) return EraseLocked(live);
    return Status(Code::kTooBig, About(live.ino) + ": too large to be kept in part");
  }
  if (!clean) record.state = Committed(record) ? ContentState::kDirty : ContentState::kStaging;
  Status status = index_.Put(live.ino, record, live.keys, durability, bytes);
  record.state = state;
  if (!status.ok()) live.map_behind = true;
  if (status.ok()) live.stored_bytes = record.allocated_bytes;
  return status;
}

Status LiveStore::OpenForReading(Live& live) const {
  if (live.read_fd >= 0) return OkStatus();
  ASSIGN_OR_RETURN(Descriptor fd, live.place->Open(live.file, Access::kRead));
  int none = -1;
  if (live.read_fd.compare_exchange_strong(none, fd.get())) fd.Release();
  return OkStatus();
}

Result<std::unique_ptr<LiveFile>> LiveStore::Open(const ContentId& content) {
  return With(content.ino, [&](const LivePtr& live) { return OpenLocked(live, content); });
}

Result<std::unique_ptr<LiveFile>> LiveStore::OpenLocked(
    const LivePtr& live, const ContentId& content) NO_THREAD_SAFETY_ANALYSIS {
  if (!live->exists) return Status(Code::kNotFound, About(live->ino));
  if (AwaitsTakeOver(live->ino)) {
    return Status(Code::kIo, Concat("open the ", About(live->ino), ": it is copied first, since a ",
                                    "program has it open through a mount that died; try again"));
  }
  const Record& record = live->record;
  const bool clean = record.state == ContentState::kClean;
  const bool same = record.generation == content.generation ||
                    (record.state == ContentState::kStaging && Committed(record) &&
                     record.prior_generation == content.generation);
  if (!same) {
    if (clean && live->pins == 0) RETURN_IF_ERROR(EraseLocked(*live));
    return Status(Code::kNotFound, About(live->ino) + ": another generation is here");
  }
  Status opened = OpenForReading(*live);
  if (opened.code() == Code::kNotFound) {
    if (!clean) return Status(Code::kIo, About(live->ino) + ": its file is missing");
    RETURN_IF_ERROR(EraseLocked(*live));
  }
  RETURN_IF_ERROR(opened);
  RETURN_IF_ERROR(CheckFile(*live));
  if (!live->exists) return Status(Code::kNotFound, About(live->ino) + ": it is fetched again");
  if (clean) {
    const int64_t now_ns = clock_.WallNs();
    space_.Touch(live->place_index, live->ino, now_ns);
    if (now_ns - record.last_use_ns > kLastUseStepNs && live->keys.record) {
      live->record.last_use_ns = now_ns;
      RETURN_IF_ERROR(StoreRecord(*live, kv::Durability::kBuffered));
    }
  }
  return Pin(live);
}

std::optional<ContentInfo> LiveStore::Find(InodeId ino) {
  Result<ContentInfo> info =
      With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS -> Result<ContentInfo> {
        if (!live->exists) return Status(Code::kNotFound, About(ino));
        ContentInfo here = InfoOf(ino, live->record);
        here.complete = live->pages.Complete();
        return here;
      });
  if (info.ok()) return *info;
  if (info.code() != Code::kNotFound) LogWarning(About(ino), ": ", info.status());
  return std::nullopt;
}

Result<std::unique_ptr<LiveFile>> LiveStore::AddClean(const ContentId& content,
                                                      uint64_t size_bytes) {
  return With(content.ino,
              [&](const LivePtr& live) { return AddCleanLocked(live, content, size_bytes); });
}

Result<std::unique_ptr<LiveFile>> LiveStore::AddCleanLocked(
    const LivePtr& live, const ContentId& content, uint64_t size_bytes) NO_THREAD_SAFETY_ANALYSIS {
  if (live->exists) {
    if (live->record.generation == content.generation) return OpenLocked(live, content);
    const bool clean = live->record.state == ContentState::kClean;
    if (!clean || live->pins > 0) {
      return Status(Code::kExists, About(content.ino) + ": another generation is in use");
    }
    RETURN_IF_ERROR(EraseLocked(*live));
  }
  ASSIGN_OR_RETURN(Descriptor file, MakeFile(*live));
  if (size_bytes > 0 && ftruncate(file.get(), static_cast<off_t>(size_bytes)) != 0) {
    Status status = ErrnoStatus(errno, "make the file of " + About(content.ino));
    RETURN_IF_ERROR(live->place->Remove(live->file));
    return status;
  }
  live->record.generation = content.generation;
  live->record.base_generation = content.generation;
  live->record.base_in_ufs = true;
  live->record.size_bytes = size_bytes;
  live->size_bytes = size_bytes;
  live->pages.Reset(size_bytes, PageMap::Fill::kAbsent);
  live->exists = true;
  live->loaded = true;
  {
    MutexLock lock(live->fill_mutex);
    if (!live->pages.Complete()) live->fill_fd = std::move(file);
    live->checksums.assign((size_bytes + kPageBytes - 1) / kPageBytes, 0);
  }
  space_.SetClean(live->place_index, live->ino, 0, clock_.WallNs());
  if (size_bytes == 0) RETURN_IF_ERROR(StoreRecord(*live, kv::Durability::kBuffered));
  return Pin(live);
}

Result<std::unique_ptr<LiveFile>> LiveStore::Stage(InodeId ino) {
  return With(ino, [&](const LivePtr& live) { return StageLocked(live); });
}

Result<std::unique_ptr<LiveFile>> LiveStore::StageLocked(const LivePtr& live)
    NO_THREAD_SAFETY_ANALYSIS {
  if (live->exists) return Status(Code::kExists, About(live->ino));
  if (!space_.PinnedRoom(1)) {
    return Status(Code::kNoSpace, "stage a file: the cache is full of unpersisted contents");
  }
  ASSIGN_OR_RETURN(Descriptor file, MakeFile(*live));
  live->record.state = ContentState::kStaging;
  live->pages.Reset(0, PageMap::Fill::kPresent);
  Status stored = StoreRecord(*live, kv::Durability::kBuffered);
  if (!stored.ok()) {
    RETURN_IF_ERROR(live->place->Remove(live->file));
    return stored;
  }
  live->write_fd = file.Release();
  live->writers = 1;
  live->fresh = true;
  live->name_synced = false;
  live->staging = true;
  live->exists = true;
  space_.Pin(live->place_index, 0, 1);
  return Pin(live);
}

Status LiveStore::Erase(InodeId ino) {
  return With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS {
    return live->exists ? EraseLocked(*live) : OkStatus();
  });
}

// Handles keep the file open, and its bytes stay charged until the last of them goes.
Status LiveStore::EraseLocked(Live& live) {
  if (live.pins > 0) RETURN_IF_ERROR(OpenForReading(live));
  RETURN_IF_ERROR(index_.Remove(live.ino, live.keys));
  const bool clean = live.record.state == ContentState::kClean;
  if (clean && live.pins > 0) ChargePinned(live);
  if (clean && live.pins == 0) space_.DropClean(live.place_index, live.ino);
  if (!clean && live.pins == 0) {
    space_.Pin(live.place_index, -static_cast<int64_t>(live.record.allocated_bytes), -1);
  }
  if (live.pins > 0) {
    live.erased = true;
    live.dead = true;
    table_.Remove(live);
  } else {
    live.Clear();
  }
  live.map_behind = false;
  if (!clean) UnqueueSeal(live.ino);
  return live.place->Remove(live.file);
}

}  // namespace tarn::cache
