#include "cache/persist/freezer.h"

#include <string>
#include <utility>
#include <vector>

namespace tarn::cache {

Result<std::unique_ptr<Frozen>> Freezer::Freeze(const ContentId& content, Freezing freezing) {
  return parts_.contents.With(
      content.ino, [&](const LivePtr& live) { return FreezeLocked(live, content, freezing); });
}

Result<std::unique_ptr<Frozen>> Freezer::FreezeLocked(const LivePtr& shared,
                                                      const ContentId& content,
                                                      Freezing freezing) NO_THREAD_SAFETY_ANALYSIS {
  Live& live = *shared;
  if (!live.exists) return Status(Code::kNotFound, "freeze: no " + About(content.ino));
  if (live.record.generation != content.generation) {
    return Status(Code::kStale, "freeze: " + About(content.ino) + " has another generation");
  }
  if (parts_.takeovers.Awaits(live.ino)) {
    return Status(Code::kBusy, "freeze: " + About(content.ino) + " is still to be copied");
  }
  if (live.damaged) return parts_.damage.Note(live, "freeze the " + About(content.ino));
  RETURN_IF_ERROR(OpenForReading(live));
  Status settled = parts_.settling.Settle(live);
  if (!settled.ok() && settled.code() != Code::kBusy) return settled;
  // After a restart a mapping of the run before may still write to a dirty content.
  ASSIGN_OR_RETURN(const bool quiet, parts_.settling.IsQuiet(live));
  if (freezing == Freezing::kExclusive && (!settled.ok() || !quiet)) {
    return Status(Code::kBusy, "freeze: " + About(content.ino) + " may still be written");
  }
  if (settled.ok() && quiet) freezing = Freezing::kExclusive;
  Frozen::State state;
  // Read before the snapshot is taken, so that it has at least these pages.
  state.limit_bytes = live.pages.limit_bytes();
  state.bitmap = live.pages.Encode();
  if (live.record.state != ContentState::kClean) {
    ASSIGN_OR_RETURN(state.snapshot, SyncAndCopy(live, content, freezing));
  }
  state.freezing = freezing;
  state.info = InfoOf(live.ino, live.record);
  state.info.complete = state.bitmap.empty();
  if (live.record.sealed && live.record.state == ContentState::kDirty) {
    MutexLock lock(live.fill_mutex);
    state.checksums = live.checksums;
  }
  const Frozen::Parts parts{parts_.contents, parts_.damage, parts_.settling};
  return std::make_unique<Frozen>(parts, shared, std::move(state));
}

// Checks that the content is as it was committed, and syncs it. Returns a snapshot of a content
// that may still be written, where the file system can make one, and otherwise an invalid
// descriptor.
Result<Descriptor> Freezer::SyncAndCopy(Live& live, const ContentId& content, Freezing freezing) {
  if (live.record.state == ContentState::kDirty) RETURN_IF_ERROR(parts_.damage.CheckDirty(live));
  ASSIGN_OR_RETURN(const FileFacts facts, SettledFacts(live, live.read_fd));
  const bool changed = live.assume_changed || facts.mtime_ns != kSentinelMtimeNs ||
                       facts.size_bytes != live.record.size_bytes;
  if (changed) return Status(Code::kBusy, "freeze: " + About(content.ino) + " was changed");
  // Stores into a page that a mapping has dirtied leave no trace; stores into a synced page do.
  const bool mapped = freezing == Freezing::kUnlessChanged;
  if (mapped || !live.record.synced) RETURN_IF_ERROR(SyncBytes(live));
  if (!live.record.synced) {
    live.record.synced = true;
    RETURN_IF_ERROR(parts_.contents.StoreRecord(live, kv::Durability::kBuffered));
  }
  if (!mapped) return Descriptor();
  Result<Descriptor> copy = live.place->Snapshot(live.read_fd);
  ASSIGN_OR_RETURN(const FileFacts again, Facts(live.read_fd));
  const bool same = again.mtime_ns == kSentinelMtimeNs && again.size_bytes == facts.size_bytes;
  if (!copy.ok() || !same) return Descriptor();
  return copy;
}

Status Freezer::MarkDirty(const ContentId& content) {
  return parts_.contents.With(content.ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS {
    return MarkDirtyLocked(*live, content);
  });
}

Status Freezer::MarkDirtyLocked(Live& live, const ContentId& content) {
  const bool same = live.exists && live.record.generation == content.generation;
  if (!same || !live.pages.Complete()) {
    return Status(Code::kNotFound, "mark dirty: " + About(content.ino) + " is not here whole");
  }
  Record& record = live.record;
  if (record.state == ContentState::kStaging && !Committed(record)) {
    // Its writer commits over nothing from now on.
    record.base_in_ufs = false;
    record.base_generation = {};
    return parts_.contents.StoreRecord(live, kv::Durability::kDurable);
  }
  if (record.state != ContentState::kClean) return OkStatus();
  if (live.suspect) {
    RETURN_IF_ERROR(parts_.damage.VerifyAll(live));
    if (!live.pages.Complete()) return Status(Code::kNotFound, "mark dirty: pages were damaged");
  }
  RETURN_IF_ERROR(SyncBytes(live));
  RETURN_IF_ERROR(MarkTime(live, live.read_fd, kSentinelMtimeNs));
  const Record saved = record;
  record.state = ContentState::kDirty;
  record.base_in_ufs = false;
  record.base_generation = {};
  record.checksums.clear();
  live.unsynced_pages = false;
  Status stored = parts_.contents.StoreRecord(live, kv::Durability::kDurable);
  if (!stored.ok()) {
    record = saved;
    return stored;
  }
  parts_.charges.ChargePinned(live);
  live.only_copy = true;
  parts_.seals.Add(live.ino);
  MutexLock lock(live.fill_mutex);
  live.verify = false;
  live.checksums.clear();
  return OkStatus();
}

}  // namespace tarn::cache
