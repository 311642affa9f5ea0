#include "cache/live/contents.h"

#include "base/log.h"

namespace tarn::cache {

size_t Contents::PlaceWithId(uint64_t id) const {
  const Places& places = parts_.places;
  size_t i = 0;
  while (i < places.size() && places[i]->id() != id) ++i;
  return i;
}

Status Contents::Load(Live& live) {
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

Status Contents::LoadRecord(Live& live, Record record) {
  const bool clean = record.state == ContentState::kClean;
  live.keys = {true, !clean, record.has_bytes};
  live.place_index = PlaceWithId(record.place_id);
  const bool here = live.place_index < parts_.places.size();
  if (here) live.place = parts_.places[live.place_index].get();
  live.file = {live.ino, record.file_id};
  if (clean && (!here || parts_.run.IsLost(record.sync_epoch))) {
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

// The index does not know that a content is being written, so a staging one stays in memory. It
// belongs to a file without names, which is never committed and may be opened again.
void Contents::Rest(Live& live) {
  if (live.pins > 0 || live.dead) return;
  if (live.exists && live.record.state == ContentState::kStaging) {
    live.CloseAll();
    live.writers = 0;  // Writers that did not end their writing are gone with their pins.
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

void Contents::Unpin(Live& live) {
  MutexLock lock(live.mutex);
  if (--live.pins > 0) return;
  parts_.charges.NoteRoom(live.place_index);
  if (live.erased) {
    parts_.charges.DropPinned(live);
    return;
  }
  // A clean content without pages is not worth a record.
  const bool empty = live.exists && !live.keys.record && live.pages.Empty();
  if (empty) {
    Status status = Erase(live);
    if (!status.ok()) LogWarning(About(live.ino), ": ", status);
  }
  Rest(live);
}

// Bits of pages go to the index only after their bytes: a clean content says with its epoch how far
// that is true, and the bytes of others are synced here.
Status Contents::StoreRecord(Live& live, kv::Durability durability, std::string_view bytes) {
  if (live.erased) return OkStatus();
  Record& record = live.record;
  const ContentState state = record.state;
  const bool clean = state == ContentState::kClean;
  live.map_behind = false;
  record.bitmap = live.pages.Encode();
  record.limit_bytes = live.pages.limit_bytes();
  if (live.unsynced_pages.exchange(false)) {
    if (clean) {
      record.sync_epoch = parts_.run.UseEpoch();
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
    if (clean) return Erase(live);
    return Status(Code::kTooBig, About(live.ino) + ": too large to be kept in part");
  }
  if (!clean) record.state = Committed(record) ? ContentState::kDirty : ContentState::kStaging;
  Status status = index_.Put(live.ino, record, live.keys, durability, bytes);
  record.state = state;
  if (!status.ok()) live.map_behind = true;
  if (status.ok()) live.stored_bytes = record.allocated_bytes;
  return status;
}

std::optional<ContentInfo> Contents::Find(InodeId ino) {
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

Status Contents::Erase(Live& live) {
  if (live.pins > 0) RETURN_IF_ERROR(OpenForReading(live));
  RETURN_IF_ERROR(index_.Remove(live.ino, live.keys));
  const bool clean = live.record.state == ContentState::kClean;
  if (clean && live.pins > 0) parts_.charges.ChargePinned(live);
  if (clean && live.pins == 0) parts_.space.DropClean(live.place_index, live.ino);
  if (!clean && live.pins == 0) parts_.charges.DropPinned(live);
  if (live.pins > 0) {
    live.erased = true;
    live.dead = true;
    table_.Remove(live);
  } else {
    live.Clear();
  }
  live.map_behind = false;
  if (!clean) parts_.seals.Remove(live.ino);
  return live.place->Remove(live.file);
}

void Contents::StoreResting() {
  if (!maps_behind_.exchange(false)) return;
  for (const LivePtr& shared :
       table_.Some([](const Live& live) { return live.map_behind.load(); })) {
    Live& live = *shared;
    MutexLock lock(live.mutex);
    if (live.pins > 0 || live.dead || !live.exists || !live.map_behind) continue;
    Status stored = StoreRecord(live, kv::Durability::kBuffered);
    if (!stored.ok()) LogWarning("page map of inode ", live.ino.value, ": ", stored);
    // Pages that the index does not know are fetched again.
    live.map_behind = false;
    live.stored_bytes = live.record.allocated_bytes;
    Rest(live);
  }
}

}  // namespace tarn::cache
