// After a restart: what was being written is judged, what is clean is counted, files that no record
// names are removed or set aside.

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/strings.h"
#include "cache/live/live_store.h"

namespace tarn::cache {
namespace {

std::string About(InodeId ino) { return "content of inode " + std::to_string(ino.value); }

Status Cut(int fd, uint64_t size_bytes) {
  if (ftruncate(fd, static_cast<off_t>(size_bytes)) == 0) return OkStatus();
  return ErrnoStatus(errno, "cut a cache file");
}

// The stray files of one place. Files with ids below `unsure_below` are set aside.
struct Strays {
  void Remove(FileId file) {
    Result<std::optional<Record>> record = index.Find(file.ino);
    const bool named = record.ok() && *record && (*record)->file_id == file.value;
    if (named) return;
    Status removed = record.ok() ? RemoveOne(file) : record.status();
    if (!removed.ok()) LogWarning("remove a stray cache file: ", removed);
    left = left || !removed.ok();
  }
  Status RemoveOne(FileId file) {
    if (file.value >= unsure_below) return place.Remove(file);
    ASSIGN_OR_RETURN(where, place.SetAside(file));
    ++aside;
    return OkStatus();
  }
  void Report() const {
    if (aside == 0) return;
    LogWarning(aside, " cache files that the metadata does not know are in ", where,
               " now: they may hold bytes that the source lacks. Nothing reads them there; remove ",
               "them if no file lacks bytes");
  }

  ContentIndex& index;
  FilePlace& place;
  const uint64_t unsure_below;
  uint64_t aside = 0;
  std::string where = {};
  bool left = false;  // One is to be looked at again at the next start.
};

}  // namespace

Status LiveStore::Recover(const Judge& judge) {
  RETURN_IF_ERROR(index_.EachMarked([&](InodeId ino) { return RecoverOne(ino, judge); }));
  return index_.Sync();
}

Status LiveStore::RecoverOne(InodeId ino, const Judge& judge) {
  Result<std::optional<Record>> record = index_.Find(ino);
  if (record.ok() && *record && PlaceWithId((*record)->place_id) == places_.size()) {
    return JudgeAbsent(ino, **record, judge);
  }
  return With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS {
    if (!live->exists || live->record.state == ContentState::kClean) {
      live->keys.marker = true;  // A record that was damaged, and forgotten.
      return live->exists ? StoreRecord(*live, kv::Durability::kBuffered)
                          : index_.Remove(ino, live->keys);
    }
    return JudgeLocked(*live, judge);
  });
}

// Its directory is gone with the disk, or was left out of the configuration.
Status LiveStore::JudgeAbsent(InodeId ino, const Record& record, const Judge& judge) {
  ContentInfo info = InfoOf(ino, record);
  info.lost = true;
  info.damaged = true;  // What was acknowledged is gone, and not by a power cut.
  ASSIGN_OR_RETURN(const Recovered recovered, judge(info, true));
  if (recovered.verdict != Verdict::kDrop) {
    return Status(Code::kIo, About(ino) + ": its cache directory is not in use");
  }
  StoredKeys keys{true, true, record.has_bytes};
  return index_.Remove(ino, keys);
}

Status LiveStore::JudgeLocked(Live& live, const Judge& judge) {
  // Charged here, since only clean contents are counted in the background.
  space_.Pin(live.place_index, static_cast<int64_t>(live.record.allocated_bytes), 1);
  const bool power_cut = live.place->PowerCut();
  ContentInfo info;
  RETURN_IF_ERROR(Inspect(live, power_cut, info));
  ASSIGN_OR_RETURN(const Recovered recovered, judge(info, power_cut));
  Status applied;
  switch (recovered.verdict) {
    case Verdict::kDrop:
      return EraseLocked(live);
    case Verdict::kKeepDirty:
      applied = KeepDirty(live, recovered);
      break;
    case Verdict::kCommitLive:
      applied = CommitLive(live, recovered);
      break;
  }
  live.write_fd = -1;
  RETURN_IF_ERROR(applied);
  if (!live.exists || live.damaged) return OkStatus();
  if (!live.record.sealed) QueueSeal(live.ino);
  return CloseToOldWriters(live);
}

// Not written since it was sealed. What the kernel tells may be older after a power cut.
Status LiveStore::InspectSealed(Live& live, bool power_cut, const FileFacts& facts) {
  Record& record = live.record;
  if (facts.size_bytes != record.size_bytes && !power_cut) {
    Status noted = NoteDamage(live, Concat(About(live.ino), " has ", facts.size_bytes, " of ",
                                           record.size_bytes, " bytes"));
    return noted.code() == Code::kCorruption ? OkStatus() : noted;
  }
  const bool same = facts.inode == record.file_inode && facts.ctime_ns == record.file_ctime_ns;
  if (same) return OkStatus();
  {
    MutexLock lock(live.fill_mutex);
    if (!live.checksums.empty()) {
      Suspect(live);
      return OkStatus();
    }
  }
  // Another inode number is that of a copy of the whole directory.
  const bool touched = facts.inode == record.file_inode && facts.mtime_ns != kSentinelMtimeNs;
  if (!touched || power_cut) return OkStatus();
  Status noted = NoteDamage(live, About(live.ino) + " was changed without being open");
  return noted.code() == Code::kCorruption ? OkStatus() : noted;
}

// What is left of the file, after what the log has of it was put back.
Status LiveStore::Inspect(Live& live, bool power_cut, ContentInfo& info) {
  Record& record = live.record;
  Result<Descriptor> file = live.place->Open(live.file, Access::kRead);
  if (!file.ok() && file.code() != Code::kNotFound) return file.status();
  bool missing = !file.ok();
  FileFacts facts;
  if (!missing) {
    ASSIGN_OR_RETURN(facts, Facts(file->get()));
  }
  const bool touched_since =
      record.sealed && !missing &&
      (facts.inode != record.file_inode || facts.ctime_ns != record.file_ctime_ns);
  // Only the daemon makes a file shorter, and it notes it.
  const bool cut_since =
      !missing && !power_cut && !record.cut && facts.size_bytes < record.size_bytes;
  if (record.has_bytes && (missing || power_cut || touched_since || cut_since)) {
    Status restored = RestoreBytes(live, missing, facts);
    if (restored.ok()) {
      facts.size_bytes = record.size_bytes;
      facts.allocated_bytes = record.allocated_bytes;
      facts.mtime_ns = kSentinelMtimeNs;
      missing = false;
      record.sealed = false;
      record.cut = false;
    } else {
      LogError("restore ", About(live.ino), ": ", restored);
      if (restored.code() != Code::kCorruption) return restored;
    }
  }
  info = InfoOf(live.ino, record);
  info.complete = live.pages.Complete();
  info.live_size_bytes = facts.size_bytes;
  info.live_allocated_bytes = facts.allocated_bytes;
  const bool touched = !missing && facts.mtime_ns != kSentinelMtimeNs;
  info.live_mtime_ns = touched ? facts.mtime_ns : record.mtime_ns;
  const bool short_of = facts.size_bytes < record.size_bytes;
  const bool shrunk = power_cut && record.synced && short_of && !record.cut;
  info.cut = record.cut;
  info.lost = Committed(record) && (missing || shrunk);
  const bool changed = touched || facts.size_bytes != record.size_bytes;
  info.live_changed = !missing && changed;
  if (record.damaged || (record.sealed && !missing)) {
    if (!record.damaged) RETURN_IF_ERROR(InspectSealed(live, power_cut, facts));
    info.live_changed = false;
  } else if (cut_since && short_of) {
    info.live_changed = false;
    Status noted(Code::kCorruption, "");
    if (Committed(record)) {
      noted = NoteDamage(live, Concat(About(live.ino), " has ", facts.size_bytes, " of ",
                                      record.size_bytes, " bytes"));
    }
    if (noted.code() != Code::kCorruption) return noted;
  }
  if (!power_cut && info.live_changed) info.state = ContentState::kStaging;
  info.damaged = record.damaged;
  return OkStatus();
}

// The bytes of a small commit are in the log, and in the file only as far as the kernel got.
Status LiveStore::RestoreBytes(Live& live, bool missing, const FileFacts& facts) {
  Record& record = live.record;
  ASSIGN_OR_RETURN(const std::string bytes, index_.Bytes(live.ino, record));
  Descriptor file;
  if (missing) {
    ASSIGN_OR_RETURN(file, live.place->Create(live.file));
  } else {
    ASSIGN_OR_RETURN(file, live.place->Open(live.file, Access::kReadWrite));
  }
  std::string found(std::min<uint64_t>(facts.size_bytes, kInlineBytes + 1), '\0');
  ASSIGN_OR_RETURN(const size_t got,
                   ReadAt(file.get(), 0, std::as_writable_bytes(std::span(found))));
  found.resize(got);
  if (missing || found != bytes) {
    RETURN_IF_ERROR(Cut(file.get(), bytes.size()));
    RETURN_IF_ERROR(WriteAt(file.get(), 0, std::as_bytes(std::span(bytes))));
  }
  return SetMtime(file.get(), kSentinelMtimeNs);
}

Status LiveStore::KeepDirty(Live& live, const Recovered& recovered) {
  Record& record = live.record;
  // The UFS has it, and what was written over it here was never committed.
  const bool base = record.base_in_ufs && recovered.generation == record.base_generation;
  if (base) return EraseLocked(live);
  live.staging = false;
  const bool same = recovered.generation == record.generation;
  if (same && (record.sealed || live.damaged)) {
    record.state = ContentState::kDirty;
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const Descriptor file, live.place->Open(live.file, Access::kReadWrite));
  RETURN_IF_ERROR(Cut(file.get(), recovered.size_bytes));
  live.pages.Cut(recovered.size_bytes);
  if (!same || recovered.size_bytes != record.size_bytes) {
    // What the log has is of another commit.
    if (record.has_bytes) RETURN_IF_ERROR(SyncData(file.get()));
    record.has_bytes = false;
    if (!same) record.synced = record.prior_synced;
  }
  record.generation = recovered.generation;
  record.size_bytes = recovered.size_bytes;
  record.prior_generation = {};
  record.state = ContentState::kDirty;
  live.staging = false;
  live.size_bytes = record.size_bytes;
  RETURN_IF_ERROR(SetMtime(file.get(), kSentinelMtimeNs));
  return StoreRecord(live, kv::Durability::kBuffered);
}

// The bytes of the log are older than the file's, so they move to the disk.
Status LiveStore::CommitLive(Live& live, const Recovered& recovered) {
  Record& record = live.record;
  ASSIGN_OR_RETURN(const Descriptor file, live.place->Open(live.file, Access::kReadWrite));
  ASSIGN_OR_RETURN(const FileFacts facts, Facts(file.get()));
  RETURN_IF_ERROR(SetMtime(file.get(), kSentinelMtimeNs));
  RETURN_IF_ERROR(SyncData(file.get()));
  RETURN_IF_ERROR(live.place->SyncName(live.file));
  live.pages.Cut(facts.size_bytes);
  record.has_bytes = false;
  record.synced = true;
  record.generation = recovered.generation;
  record.prior_generation = {};
  record.cut = false;
  record.size_bytes = facts.size_bytes;
  if (facts.mtime_ns != kSentinelMtimeNs) record.mtime_ns = facts.mtime_ns;
  record.state = ContentState::kDirty;
  record.checksums.clear();
  live.staging = false;
  live.size_bytes = facts.size_bytes;
  Recharge(live, facts.allocated_bytes);
  return StoreRecord(live, kv::Durability::kBuffered);
}

// In the order of their last use, as far as the index knows it.
void LiveStore::LoadClean(const std::stop_token& stop) {
  struct Found {
    int64_t last_use_ns;
    InodeId ino;
    uint64_t bytes;
    size_t place;
  };
  std::vector<Found> clean;
  std::vector<InodeId> lost;
  Status read = index_.EachRecord([&](InodeId ino, Result<Record> record) {
    if (stop.stop_requested()) return Status(Code::kCancelled, "read the index of the cache");
    const bool good = record.ok() && PlaceWithId(record->place_id) < places_.size();
    MutexLock lock(epochs_mutex_);
    if (!good || (record->state == ContentState::kClean && epochs_.Lost(record->sync_epoch))) {
      lost.push_back(ino);
    } else if (record->state == ContentState::kClean) {
      clean.push_back(
          {record->last_use_ns, ino, record->allocated_bytes, PlaceWithId(record->place_id)});
    }
    return OkStatus();
  });
  std::sort(clean.begin(), clean.end(),
            [](const Found& a, const Found& b) { return a.last_use_ns < b.last_use_ns; });
  for (const Found& found : clean) {
    space_.AddLoaded(found.place, found.ino, found.bytes, found.last_use_ns);
  }
  space_.LoadEnds();
  for (const InodeId ino : lost) Find(ino);  // Loading one that is lost forgets it.
  if (!read.ok()) {
    if (read.code() != Code::kCancelled) LogWarning("count the contents of the cache: ", read);
    return;
  }
  MutexLock lock(epochs_mutex_);
  if (epochs_.lost.empty()) return;
  epochs_.lost.clear();
  has_lost_epochs_ = false;
  Status written = index_.WriteEpochs(epochs_, kv::Durability::kBuffered);
  if (!written.ok()) LogWarning("write the epochs of the cache: ", written);
}

// Files of earlier runs that no record names: the leftovers of a crash, or, where records were
// lost, perhaps the only bytes of a file.
void LiveStore::RemoveStrays(const std::stop_token& stop) {
  uint64_t unsure_below = 0;
  {
    MutexLock lock(epochs_mutex_);
    unsure_below = epochs_.unsure_below;
  }
  bool all = true;
  for (const auto& place : places_) {
    Strays strays{index_, *place, unsure_below};
    Status listed = place->Each([&](FileId file) {
      if (!stop.stop_requested() && file.value < first_id_) strays.Remove(file);
    });
    if (!listed.ok()) LogWarning("look for stray cache files: ", listed);
    strays.Report();
    all = all && listed.ok() && !strays.left;
  }
  if (unsure_below == 0 || !all || stop.stop_requested()) return;
  MutexLock lock(epochs_mutex_);
  epochs_.unsure_below = 0;
  Status written = index_.WriteEpochs(epochs_, kv::Durability::kBuffered);
  if (!written.ok()) LogWarning("write the epochs of the cache: ", written);
}

}  // namespace tarn::cache
