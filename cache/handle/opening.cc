#include "cache/handle/opening.h"

#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/log.h"
#include "base/strings.h"

namespace tarn::cache {
namespace {

constexpr int64_t kLastUseStepNs = 3600ll * 1'000'000'000;  // How exact last use is in the index.

}  // namespace

std::unique_ptr<LiveFile> Opening::NewHandle(const LivePtr& live) {
  return std::make_unique<LiveHandle>(parts_.handles, live);
}

Result<Descriptor> Opening::MakeFile(Live& live) {
  live.place_index = parts_.space.EmptiestPlace();
  live.place = parts_.places[live.place_index].get();
  live.record = {};
  live.record.place_id = live.place->id();
  live.record.file_id = parts_.run.NextFileId();
  live.file = {live.ino, live.record.file_id};
  live.record.last_use_ns = parts_.clock.WallNs();
  live.checked = true;
  Result<Descriptor> made = live.place->Create(live.file);
  if (made.code() == Code::kExists) {  // A stray: no record names it, for `live` has none.
    ASSIGN_OR_RETURN(const std::string where, live.place->SetAside(live.file));
    LogWarning("a file that is not this cache's had the name of the ", About(live.ino),
               ": it is in ", where);
    made = live.place->Create(live.file);
  }
  if (made.code() == Code::kNoSpace && parts_.evictor.RelieveDisk(live.place_index)) {
    made = live.place->Create(live.file);
  }
  return made;
}

Result<std::unique_ptr<LiveFile>> Opening::Open(const ContentId& content) {
  return parts_.contents.With(content.ino,
                              [&](const LivePtr& live) { return OpenLocked(live, content); });
}

Result<std::unique_ptr<LiveFile>> Opening::OpenLocked(const LivePtr& live, const ContentId& content)
    NO_THREAD_SAFETY_ANALYSIS {
  if (!live->exists) return Status(Code::kNotFound, About(live->ino));
  if (parts_.takeovers.Awaits(live->ino)) {
    return Status(Code::kIo, Concat("open the ", About(live->ino), ": it is copied first, since a ",
                                    "program has it open through a mount that died; try again"));
  }
  const Record& record = live->record;
  const bool clean = record.state == ContentState::kClean;
  const bool same = record.generation == content.generation ||
                    (record.state == ContentState::kStaging && Committed(record) &&
                     record.prior_generation == content.generation);
  if (!same) {
    if (clean && live->pins == 0) RETURN_IF_ERROR(parts_.contents.Erase(*live));
    return Status(Code::kNotFound, About(live->ino) + ": another generation is here");
  }
  Status opened = OpenForReading(*live);
  if (opened.code() == Code::kNotFound) {
    if (!clean) return Status(Code::kIo, About(live->ino) + ": its file is missing");
    RETURN_IF_ERROR(parts_.contents.Erase(*live));
  }
  RETURN_IF_ERROR(opened);
  RETURN_IF_ERROR(parts_.damage.CheckFile(*live));
  if (!live->exists) return Status(Code::kNotFound, About(live->ino) + ": it is fetched again");
  if (clean) {
    const int64_t now_ns = parts_.clock.WallNs();
    parts_.space.Touch(live->place_index, live->ino, now_ns);
    if (now_ns - record.last_use_ns > kLastUseStepNs && live->keys.record) {
      live->record.last_use_ns = now_ns;
      RETURN_IF_ERROR(parts_.contents.StoreRecord(*live, kv::Durability::kBuffered));
    }
  }
  return NewHandle(live);
}

Result<std::unique_ptr<LiveFile>> Opening::AddClean(const ContentId& content, uint64_t size_bytes) {
  return parts_.contents.With(
      content.ino, [&](const LivePtr& live) { return AddCleanLocked(live, content, size_bytes); });
}

Result<std::unique_ptr<LiveFile>> Opening::AddCleanLocked(
    const LivePtr& live, const ContentId& content, uint64_t size_bytes) NO_THREAD_SAFETY_ANALYSIS {
  if (live->exists) {
    if (live->record.generation == content.generation) return OpenLocked(live, content);
    const bool clean = live->record.state == ContentState::kClean;
    if (!clean || live->pins > 0) {
      return Status(Code::kExists, About(content.ino) + ": another generation is in use");
    }
    RETURN_IF_ERROR(parts_.contents.Erase(*live));
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
  parts_.space.SetClean(live->place_index, live->ino, 0, parts_.clock.WallNs());
  if (size_bytes == 0) {
    RETURN_IF_ERROR(parts_.contents.StoreRecord(*live, kv::Durability::kBuffered));
  }
  return NewHandle(live);
}

Result<std::unique_ptr<LiveFile>> Opening::Stage(InodeId ino) {
  return parts_.contents.With(ino, [&](const LivePtr& live) { return StageLocked(live); });
}

Result<std::unique_ptr<LiveFile>> Opening::StageLocked(const LivePtr& live)
    NO_THREAD_SAFETY_ANALYSIS {
  if (live->exists) return Status(Code::kExists, About(live->ino));
  if (!parts_.space.PinnedRoom(1)) {
    return Status(Code::kNoSpace, "stage a file: the cache is full of unpersisted contents");
  }
  ASSIGN_OR_RETURN(Descriptor file, MakeFile(*live));
  live->record.state = ContentState::kStaging;
  live->pages.Reset(0, PageMap::Fill::kPresent);
  Status stored = parts_.contents.StoreRecord(*live, kv::Durability::kBuffered);
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
  parts_.space.Pin(live->place_index, 0, 1);
  return NewHandle(live);
}

}  // namespace tarn::cache
