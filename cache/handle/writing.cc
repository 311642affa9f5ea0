#include "cache/handle/writing.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/log.h"
#include "base/strings.h"
#include "cache/live/verifying.h"

namespace tarn::cache {
namespace {

// Writes into a file with absent pages; true if pages became present.
Result<bool> WriteIncomplete(Live& live, uint64_t offset_bytes, std::span<const std::byte> data) {
  MutexLock lock(live.fill_mutex);
  const uint64_t limit = live.pages.limit_bytes();
  const uint64_t end = offset_bytes + data.size();
  const uint64_t first = offset_bytes / kPageBytes;
  const uint64_t last = (end - 1) / kPageBytes;
  const bool starts_inside = offset_bytes > first * kPageBytes;
  const bool ends_inside = end < std::min((last + 1) * kPageBytes, std::max(limit, end));
  if ((starts_inside && !live.pages.Has(first)) || (ends_inside && !live.pages.Has(last))) {
    return Status(Code::kNotFound, "write: a page that is covered in part is absent");
  }
  RETURN_IF_ERROR(WriteAt(live.write_fd, offset_bytes, data));
  bool changed = false;
  for (uint64_t page = first; page <= last; ++page) changed |= live.pages.Set(page);
  if (changed) live.unsynced_pages = true;
  return changed;
}

}  // namespace

// The UFS has the generation that is about to be changed: the index says so before a byte can be.
Status Writing::BecomeStaging(Live& live, Truncate truncate) {
  Record& record = live.record;
  if (live.suspect && truncate == Truncate::kNo) RETURN_IF_ERROR(parts_.damage.VerifyAll(live));
  if (record.state == ContentState::kClean) {
    if (!parts_.space.PinnedRoom(record.allocated_bytes)) {
      return Status(Code::kNoSpace, "write: the cache is full of unpersisted contents");
    }
    record.state = ContentState::kStaging;
    record.base_in_ufs = true;
    record.base_generation = record.generation;
    record.cut = truncate == Truncate::kToZero;
    record.checksums.clear();
    Status stored = parts_.contents.StoreRecord(live, kv::Durability::kDurable);
    if (!stored.ok()) {
      record.state = ContentState::kClean;
      return stored;
    }
    parts_.charges.ChargePinned(live);
    MutexLock lock(live.fill_mutex);
    live.verify = false;
    live.unwritten = std::move(live.checksums);
    live.checksums.clear();
  } else if (record.sealed || record.damaged) {
    record.damaged = false;
    Unseal(live);
    RETURN_IF_ERROR(parts_.contents.StoreRecord(live, kv::Durability::kBuffered));
  }
  live.suspect = false;
  live.damaged = false;
  record.state = ContentState::kStaging;
  live.staging = true;
  return OkStatus();
}

Status Writing::Begin(Live& live, Truncate truncate) {
  MutexLock lock(live.mutex);
  if (live.erased) return Status(Code::kStale, About(live.ino) + " was erased");
  if (live.damaged && truncate == Truncate::kNo) {
    return Status(Code::kIo, Concat("open the ", About(live.ino), " for writing: its cache file ",
                                    "was changed by something else; truncate it or remove it"));
  }
  if (live.writers == 0) {
    const bool clean = live.record.state == ContentState::kClean;
    Result<Descriptor> opened = live.place->Open(live.file, Access::kReadWrite);
    if (opened.code() == Code::kNotFound) {
      return Status(Code::kIo, About(live.ino) + ": its cache file was removed");
    }
    ASSIGN_OR_RETURN(Descriptor fd, std::move(opened));
    if (clean) RETURN_IF_ERROR(MarkTime(live, fd.get(), kSentinelMtimeNs));
    Status staging = BecomeStaging(live, truncate);
    if (!staging.ok() && clean && live.checked && !live.suspect) {
      NoteFile(live);
      live.map_behind = true;  // The index has the file's facts of before MarkTime.
    }
    RETURN_IF_ERROR(staging);
    live.OpenForWriting(std::move(fd));
  }
  ++live.writers;
  if (truncate == Truncate::kNo) return OkStatus();
  Status cut = ResizeLocked(live, 0);
  if (!cut.ok() && --live.writers == 0) live.CloseForWriting();
  return cut;
}

void Writing::End(Live& live) {
  MutexLock lock(live.mutex);
  CHECK(live.writers > 0);
  if (--live.writers == 0) {
    // A reader that comes from now on must not find the file gone with this descriptor.
    Status opened = OpenForReading(live);
    if (!opened.ok()) LogError("end writing: ", opened);
    live.CloseForWriting();
  }
}

Status Writing::Resize(Live& live, uint64_t size_bytes) {
  MutexLock lock(live.mutex);
  return ResizeLocked(live, size_bytes);
}

Status Writing::ResizeLocked(Live& live, uint64_t size_bytes) {
  const int fd = live.write_fd;
  if (fd < 0) return Status(Code::kInvalid, "resize: not open for writing");
  const bool complete = live.pages.Complete();
  // Recovery takes a file that is too short for damaged unless it knows of this cut. If only the
  // file has these bytes, the record of the cut must be on the disk before the file is cut: the
  // shorter file can reach the disk at any moment.
  if (size_bytes < live.record.size_bytes && !live.record.cut) {
    const bool durably = IsOnlySyncedCopy(live.record) && !live.record.has_bytes;
    live.record.cut = true;
    Status noted = parts_.contents.StoreRecord(
        live, durably ? kv::Durability::kDurable : kv::Durability::kBuffered);
    if (!noted.ok()) live.record.cut = false;
    RETURN_IF_ERROR(noted);
  }
  {
    MutexLock lock(live.fill_mutex);
    const uint64_t tail = size_bytes % kPageBytes;
    if (tail != 0 && size_bytes < live.pages.limit_bytes() &&
        !live.pages.Has(size_bytes / kPageBytes)) {
      return Status(Code::kNotFound, "resize: the page that is cut is absent");
    }
    if (ftruncate(fd, static_cast<off_t>(size_bytes)) != 0) {
      return ErrnoStatus(errno, "resize " + About(live.ino));
    }
    live.pages.Cut(size_bytes);
  }
  ASSIGN_OR_RETURN(const FileFacts facts, Facts(fd));
  parts_.charges.Recharge(live, facts.allocated_bytes);
  return complete ? OkStatus() : parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
}

Status Writing::Write(Live& live, uint64_t offset_bytes, std::span<const std::byte> data) {
  if (data.empty()) return OkStatus();
  const int fd = live.write_fd;
  if (fd < 0) return Status(Code::kInvalid, "write: not open for writing");
  RETURN_IF_ERROR(Reserve(live, offset_bytes, data.size()));
  if (!live.pages.Complete()) {
    ASSIGN_OR_RETURN(const bool appeared, WriteIncomplete(live, offset_bytes, data));
    if (!appeared) return OkStatus();
    // If the index forgot these pages they would be filled with old bytes.
    MutexLock lock(live.mutex);
    return parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
  }
  Status written = WriteAt(fd, offset_bytes, data);
  if (written.code() == Code::kNoSpace && parts_.evictor.RelieveDisk(live.place_index)) {
    written = WriteAt(fd, offset_bytes, data);
  }
  return written;
}

// Charges what the write may add before it is accepted. That is too much for an overwrite of
// present bytes; the next sample of the file's blocks corrects it.
Status Writing::Reserve(Live& live, uint64_t offset_bytes, uint64_t length_bytes) {
  ASSIGN_OR_RETURN(const FileFacts facts, Facts(live.write_fd));
  if (offset_bytes + length_bytes <= facts.allocated_bytes) return OkStatus();
  MutexLock lock(live.mutex);
  const uint64_t growth = (length_bytes + 4095) / 4096 * 4096;
  RETURN_IF_ERROR(parts_.evictor.MakePinnedRoom(live, growth));
  parts_.charges.Recharge(live, facts.allocated_bytes + growth);
  return OkStatus();
}

}  // namespace tarn::cache
