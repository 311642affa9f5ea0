// Bytes of a live file through the daemon.

#include "cache/live/live_handle.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/checksum.h"
#include "base/log.h"
#include "base/strings.h"
#include "cache/live/live_store.h"

namespace tarn::cache {
namespace {

constexpr uint64_t kEvictOnDiskFull = 64 << 20;

uint64_t PageEnd(uint64_t page, uint64_t limit_bytes) {
  return std::min((page + 1) * kPageBytes, limit_bytes);
}

// Zeros stay a hole where nothing was ever written. A page that failed its checksum was.
bool StaysHole(int fd, uint64_t begin, std::span<const std::byte> data) {
  const bool zeros =
      data[0] == std::byte{0} && memcmp(data.data(), data.data() + 1, data.size() - 1) == 0;
  if (!zeros) return false;
  const off_t next = lseek(fd, static_cast<off_t>(begin), SEEK_DATA);
  return next < 0 ? errno == ENXIO : static_cast<uint64_t>(next) >= begin + data.size();
}

// Of a page from the UFS. A local source has kept holes of this size and more.
Status WriteFilled(int fd, uint64_t begin, std::span<const std::byte> data) {
  constexpr size_t kHoleBytes = 64 << 10;
  size_t from = 0;  // What lies before is written, or a hole.
  for (size_t at = 0; at < data.size();) {
    const size_t end = std::min(at + kHoleBytes, data.size());
    if (StaysHole(fd, begin + at, data.subspan(at, end - at))) {
      if (at > from) RETURN_IF_ERROR(WriteAt(fd, begin + from, data.subspan(from, at - from)));
      from = end;
    }
    at = end;
  }
  return from < data.size() ? WriteAt(fd, begin + from, data.subspan(from)) : OkStatus();
}

}  // namespace

LiveHandle::~LiveHandle() { store_.Unpin(*live_); }

ContentInfo LiveHandle::Info() const {
  Live& live = *live_;
  MutexLock lock(live.mutex);
  ContentInfo info = InfoOf(live.ino, live.record);
  info.complete = live.pages.Complete();
  return info;
}

int LiveHandle::ReadDescriptor() const {
  Status opened = store_.OpenForReading(*live_);
  if (!opened.ok()) LogError("read descriptor: ", opened);
  return live_->read_fd;
}

Result<int> LiveHandle::AnyDescriptor() const {
  if (const int fd = live_->write_fd; fd >= 0) return fd;
  RETURN_IF_ERROR(store_.OpenForReading(*live_));
  return live_->read_fd.load();
}

uint64_t LiveHandle::CurrentSize() const {
  if (!live_->staging) return live_->size_bytes;
  Result<FileFacts> facts = Facts(ReadDescriptor());
  if (!facts.ok()) LogError("current size: ", facts.status());
  return facts.ok() ? facts->size_bytes : live_->size_bytes.load();
}

Result<size_t> LiveHandle::Readable(uint64_t offset_bytes, uint64_t length_bytes) {
  Live& live = *live_;
  RETURN_IF_ERROR(store_.OpenForReading(live));
  const uint64_t size = CurrentSize();
  if (offset_bytes >= size || length_bytes == 0) return size_t{0};
  const uint64_t length = std::min(length_bytes, size - offset_bytes);
  if (!live.pages.HasRange(offset_bytes, length)) {
    return Status(Code::kNotFound, "read: a page is not in the cache");
  }
  if (live.damaged && !live.verify) {
    return Status(Code::kCorruption, Concat("read: the cache file of inode ", live.ino.value,
                                            " was changed by something else"));
  }
  if (live.verify && (live.suspect || !live.verified.HasRange(offset_bytes, length))) {
    RETURN_IF_ERROR(VerifyRange(offset_bytes, length));
  }
  return static_cast<size_t>(length);
}

Status LiveHandle::VerifyRange(uint64_t offset_bytes, uint64_t length_bytes) {
  Live& live = *live_;
  const uint64_t last = (offset_bytes + length_bytes - 1) / kPageBytes;
  for (uint64_t page = offset_bytes / kPageBytes; page <= last; ++page) {
    Status verified = VerifyPage(live, page);
    if (verified.code() == Code::kCorruption) {
      MutexLock lock(live.mutex);
      if (live.only_copy) return store_.NoteDamage(live, verified.message());
      LogError(verified.message(), "; it is fetched again");
      RETURN_IF_ERROR(store_.StoreRecord(live, kv::Durability::kBuffered));
    }
    RETURN_IF_ERROR(verified);
  }
  if (!live.suspect || !live.verified.Complete()) return OkStatus();
  MutexLock lock(live.mutex);
  store_.Trust(live);
  return OkStatus();
}

Result<size_t> LiveHandle::Read(uint64_t offset_bytes, std::span<std::byte> out) {
  ASSIGN_OR_RETURN(const size_t length, Readable(offset_bytes, out.size()));
  return ReadAt(live_->read_fd, offset_bytes, out.first(length));
}

Result<size_t> LiveHandle::ReadThrough(uint64_t offset_bytes, std::span<std::byte> out,
                                       const ReadBase& base) {
  const uint64_t size = CurrentSize();
  if (offset_bytes >= size) return size_t{0};
  const size_t length = std::min<uint64_t>(out.size(), size - offset_bytes);
  for (size_t done = 0; done < length;) {
    const uint64_t at = offset_bytes + done;
    const uint64_t page = at / kPageBytes;
    const std::span<std::byte> piece = out.subspan(done, PageEnd(page, offset_bytes + length) - at);
    Result<size_t> got = Read(at, piece);
    if (!got.ok() && !live_->pages.Has(page)) {
      RETURN_IF_ERROR(ReadAbsent(at, piece, base));
      got = piece.size();
    }
    if (!got.ok()) return got;
    done += *got;
    if (*got < piece.size()) return done;  // Cut meanwhile.
  }
  return length;
}

// What grew behind the end of the base is zeros until it is written.
Status LiveHandle::ReadAbsent(uint64_t offset_bytes, std::span<std::byte> out,
                              const ReadBase& base) const {
  const uint64_t limit = live_->pages.limit_bytes();
  const size_t below =
      offset_bytes < limit ? std::min<uint64_t>(out.size(), limit - offset_bytes) : 0;
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(below), out.end(), std::byte{0});
  return below == 0 ? OkStatus() : base(offset_bytes, out.first(below));
}

Status LiveHandle::MakeRoom() {
  if (live_->staging && !store_.space_.PinnedRoom(kPageBytes)) {
    return Status(Code::kNoSpace, "add page: the cache is full of unpersisted contents");
  }
  return store_.MakeRoom(live_->place_index, kPageBytes);
}

// Writes one page into the file; false if it is there already.
Result<bool> LiveHandle::PutPage(uint64_t page, std::span<const std::byte> data) {
  Live& live = *live_;
  const uint64_t begin = page * kPageBytes;
  const uint64_t limit = live.pages.limit_bytes();
  const uint64_t wanted = begin < limit ? PageEnd(page, limit) - begin : 0;
  if (data.size() < wanted) return Status(Code::kInvalid, "add page: too few bytes");
  const uint64_t checksum = live.staging ? 0 : Checksum(data.first(wanted));
  MutexLock lock(live.fill_mutex);
  // Present, or cut off meanwhile; what a cut leaves of a page is present.
  if (live.pages.Has(page)) return false;
  if (!live.fill_fd) {
    ASSIGN_OR_RETURN(live.fill_fd, OpenForFilling(live));
  }
  ASSIGN_OR_RETURN(const FileFacts before, Facts(live.fill_fd.get()));
  Status written = WriteFilled(live.fill_fd.get(), begin, data.first(wanted));
  if (written.code() == Code::kNoSpace &&
      store_.EvictFrom(live.place_index, kEvictOnDiskFull) > 0) {
    written = WriteFilled(live.fill_fd.get(), begin, data.first(wanted));
  }
  RETURN_IF_ERROR(written);
  // A page that was absent is no change of what was committed.
  if (live.staging || before.mtime_ns == kSentinelMtimeNs) {
    RETURN_IF_ERROR(SetMtime(live.fill_fd.get(), before.mtime_ns));
  }
  if (page < live.checksums.size()) live.checksums[page] = checksum;
  live.verified.Set(page);
  live.unsynced_pages = true;
  live.map_behind = true;
  live.pages.Set(page);
  if (live.pages.Complete()) live.fill_fd.Reset();
  return true;
}

// Pages come in parallel: each has its room before it is written.
Status LiveHandle::ChargeAhead(uint64_t bytes) {
  Live& live = *live_;
  MutexLock lock(live.mutex);
  if (!store_.space_.PinnedRoom(bytes)) {
    return Status(Code::kNoSpace, "add page: the cache is full of unpersisted contents");
  }
  RETURN_IF_ERROR(store_.MakeRoom(live.place_index, bytes));
  store_.Recharge(live, live.record.allocated_bytes + bytes);
  return OkStatus();
}

Status LiveHandle::AddPage(uint64_t page_index, std::span<const std::byte> data) {
  Live& live = *live_;
  if (live.pages.Has(page_index)) return OkStatus();
  const uint64_t bytes = std::min<uint64_t>(data.size(), kPageBytes);
  const uint64_t charge = (bytes + 4095) / 4096 * 4096;
  const bool charged = live.staging;
  if (charged) {
    RETURN_IF_ERROR(ChargeAhead(charge));
  } else {
    RETURN_IF_ERROR(store_.MakeRoom(live.place_index, bytes));
  }
  const Result<bool> put = PutPage(page_index, data);
  const bool added = put.ok() && *put;
  MutexLock lock(live.mutex);
  const uint64_t allocated = live.record.allocated_bytes;
  if (added && !charged) store_.Recharge(live, allocated + charge);
  if (!added && charged) store_.Recharge(live, allocated - std::min(allocated, charge));
  if (!added) return put.status();
  if (!live.pages.Complete() || !live.map_behind) return OkStatus();
  return store_.StoreRecord(live, kv::Durability::kBuffered);
}

// Into a file with absent pages; true if pages became present.
Result<bool> LiveHandle::WriteIncomplete(uint64_t offset_bytes, std::span<const std::byte> data) {
  Live& live = *live_;
  MutexLock lock(live.fill_mutex);
  const uint64_t limit = live.pages.limit_bytes();
  const uint64_t end = offset_bytes + data.size();
  const uint64_t first = offset_bytes / kPageBytes;
  const uint64_t last = (end - 1) / kPageBytes;
  const bool starts_inside = offset_bytes > first * kPageBytes;
  const bool ends_inside = end < PageEnd(last, std::max(limit, end));
  if ((starts_inside && !live.pages.Has(first)) || (ends_inside && !live.pages.Has(last))) {
    return Status(Code::kNotFound, "write: a page that is covered in part is absent");
  }
  RETURN_IF_ERROR(WriteAt(live.write_fd, offset_bytes, data));
  bool changed = false;
  for (uint64_t page = first; page <= last; ++page) changed |= live.pages.Set(page);
  if (changed) live.unsynced_pages = true;
  return changed;
}

Status LiveHandle::Write(uint64_t offset_bytes, std::span<const std::byte> data) {
  Live& live = *live_;
  if (data.empty()) return OkStatus();
  const int fd = live.write_fd;
  if (fd < 0) return Status(Code::kInvalid, "write: not open for writing");
  RETURN_IF_ERROR(Reserve(offset_bytes, data.size()));
  if (!live.pages.Complete()) {
    ASSIGN_OR_RETURN(const bool appeared, WriteIncomplete(offset_bytes, data));
    if (!appeared) return OkStatus();
    // If the index forgot these pages they would be filled with old bytes.
    MutexLock lock(live.mutex);
    return store_.StoreRecord(live, kv::Durability::kBuffered);
  }
  Status written = WriteAt(fd, offset_bytes, data);
  if (written.code() == Code::kNoSpace &&
      store_.EvictFrom(live.place_index, kEvictOnDiskFull) > 0) {
    written = WriteAt(fd, offset_bytes, data);
  }
  return written;
}

// Charges what the write may add before it is accepted. Too much for overwrites of what is there;
// the next sample of the file's blocks corrects it.
Status LiveHandle::Reserve(uint64_t offset_bytes, uint64_t length_bytes) {
  Live& live = *live_;
  ASSIGN_OR_RETURN(const FileFacts facts, Facts(live.write_fd));
  if (offset_bytes + length_bytes <= facts.allocated_bytes) return OkStatus();
  MutexLock lock(live.mutex);
  const uint64_t growth = (length_bytes + 4095) / 4096 * 4096;
  RETURN_IF_ERROR(store_.MakePinnedRoom(live, growth));
  store_.Recharge(live, facts.allocated_bytes + growth);
  return OkStatus();
}

Status LiveHandle::Resize(uint64_t size_bytes) {
  Live& live = *live_;
  MutexLock lock(live.mutex);
  return store_.ResizeLocked(live, size_bytes);
}

}  // namespace tarn::cache
