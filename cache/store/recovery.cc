#include "cache/store/recovery.h"

#include <string>

#include "base/log.h"
#include "base/strings.h"
#include "cache/live/verifying.h"

namespace tarn::cache {

Status ContentRecovery::Recover(const Judge& judge) {
  RETURN_IF_ERROR(
      parts_.contents.index().EachMarked([&](InodeId ino) { return RecoverOne(ino, judge); }));
  return parts_.contents.index().Sync();
}

Status ContentRecovery::RecoverOne(InodeId ino, const Judge& judge) {
  Result<std::optional<Record>> record = parts_.contents.index().Find(ino);
  if (record.ok() && *record &&
      parts_.contents.PlaceWithId((*record)->place_id) == parts_.places.size()) {
    return JudgeAbsent(ino, **record, judge);
  }
  return parts_.contents.With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS {
    if (!live->exists || live->record.state == ContentState::kClean) {
      live->keys.marker = true;  // Its record was damaged, and forgotten.
      return live->exists ? parts_.contents.StoreRecord(*live, kv::Durability::kBuffered)
                          : parts_.contents.index().Remove(ino, live->keys);
    }
    return JudgeLocked(*live, judge);
  });
}

// The directory of the content is gone with the disk, or was left out of the configuration.
Status ContentRecovery::JudgeAbsent(InodeId ino, const Record& record, const Judge& judge) {
  ContentInfo info = InfoOf(ino, record);
  info.lost = true;
  info.damaged = true;  // Acknowledged bytes are gone, and not by a power cut.
  ASSIGN_OR_RETURN(const Recovered recovered, judge(info, true));
  if (recovered.verdict != Verdict::kDrop) {
    return Status(Code::kIo, About(ino) + ": its cache directory is not in use");
  }
  StoredKeys keys{true, true, record.has_bytes};
  return parts_.contents.index().Remove(ino, keys);
}

Status ContentRecovery::JudgeLocked(Live& live, const Judge& judge) {
  // Charged here, because only clean contents are counted in the background.
  parts_.space.Pin(live.place_index, static_cast<int64_t>(live.record.allocated_bytes), 1);
  const bool power_cut = live.place->PowerCut();
  ContentInfo info;
  RETURN_IF_ERROR(Inspect(live, power_cut, info));
  ASSIGN_OR_RETURN(const Recovered recovered, judge(info, power_cut));
  Status applied;
  switch (recovered.verdict) {
    case Verdict::kDrop:
      return parts_.contents.Erase(live);
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
  if (!live.record.sealed) parts_.seals.Add(live.ino);
  return parts_.takeovers.CloseToOldWriters(live);
}

// The content was not written since it was sealed. After a power cut the facts that the kernel
// gives may be older than the seal.
Status ContentRecovery::InspectSealed(Live& live, bool power_cut, const FileFacts& facts) {
  Record& record = live.record;
  if (facts.size_bytes != record.size_bytes && !power_cut) {
    Status noted = parts_.damage.Note(live, Concat(About(live.ino), " has ", facts.size_bytes,
                                                   " of ", record.size_bytes, " bytes"));
    return noted.code() == Code::kCorruption ? OkStatus() : noted;
  }
  const bool same = IsSameFile(facts, record);
  if (same) return OkStatus();
  {
    MutexLock lock(live.fill_mutex);
    if (!live.checksums.empty()) {
      Suspect(live);
      return OkStatus();
    }
  }
  // Another inode number shows that the whole directory was copied.
  const bool touched = facts.inode == record.file_inode && facts.mtime_ns != kSentinelMtimeNs;
  if (!touched || power_cut) return OkStatus();
  Status noted = parts_.damage.Note(live, About(live.ino) + " was changed without being open");
  return noted.code() == Code::kCorruption ? OkStatus() : noted;
}

// Restores the bytes that the log has, and describes what is left of the file.
Status ContentRecovery::Inspect(Live& live, bool power_cut, ContentInfo& info) {
  Record& record = live.record;
  Result<Descriptor> file = live.place->Open(live.file, Access::kRead);
  if (!file.ok() && file.code() != Code::kNotFound) return file.status();
  bool missing = !file.ok();
  FileFacts facts;
  if (!missing) {
    ASSIGN_OR_RETURN(facts, Facts(file->get()));
  }
  const bool touched_since = record.sealed && !missing && !IsSameFile(facts, record);
  // Only the daemon makes a file shorter, and it records each cut.
  const bool cut_since =
      !missing && !power_cut && !record.cut && facts.size_bytes < record.size_bytes;
  if (record.has_bytes && (missing || power_cut || touched_since || cut_since)) {
    Status restored = parts_.damage.RestoreBytes(
        live, missing ? Damage::Missing::kYes : Damage::Missing::kNo, facts);
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
      noted = parts_.damage.Note(live, Concat(About(live.ino), " has ", facts.size_bytes, " of ",
                                              record.size_bytes, " bytes"));
    }
    if (noted.code() != Code::kCorruption) return noted;
  }
  if (!power_cut && info.live_changed) info.state = ContentState::kStaging;
  info.damaged = record.damaged;
  return OkStatus();
}

Status ContentRecovery::KeepDirty(Live& live, const Recovered& recovered) {
  Record& record = live.record;
  // The UFS has that generation, and later writes here were never committed.
  const bool base = record.base_in_ufs && recovered.generation == record.base_generation;
  if (base) return parts_.contents.Erase(live);
  live.staging = false;
  const bool same = recovered.generation == record.generation;
  if (same && (record.sealed || live.damaged)) {
    record.state = ContentState::kDirty;
    return OkStatus();
  }
  ASSIGN_OR_RETURN(const Descriptor file, live.place->Open(live.file, Access::kReadWrite));
  RETURN_IF_ERROR(CutFile(file.get(), recovered.size_bytes));
  live.pages.Cut(recovered.size_bytes);
  if (!same || recovered.size_bytes != record.size_bytes) {
    // The bytes in the log are those of another commit.
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
  return parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
}

// The bytes in the log are older than the file's, so the file's are synced instead.
Status ContentRecovery::CommitLive(Live& live, const Recovered& recovered) {
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
  parts_.charges.Recharge(live, facts.allocated_bytes);
  return parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
}

}  // namespace tarn::cache
