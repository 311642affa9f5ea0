#include "cache/handle/filling.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/checksum.h"

namespace tarn::cache {
namespace {

uint64_t PageEnd(uint64_t page, uint64_t limit_bytes) {
  return std::min((page + 1) * kPageBytes, limit_bytes);
}

// Zeros stay a hole where no bytes were ever written. A page that failed its checksum has bytes.
bool StaysHole(int fd, uint64_t begin, std::span<const std::byte> data) {
  const bool zeros =
      data[0] == std::byte{0} && memcmp(data.data(), data.data() + 1, data.size() - 1) == 0;
  if (!zeros) return false;
  const off_t next = lseek(fd, static_cast<off_t>(begin), SEEK_DATA);
  return next < 0 ? errno == ENXIO : static_cast<uint64_t>(next) >= begin + data.size();
}

// Writes a page from the UFS, with the holes of 64 KiB and more that a local source has kept.
Status WriteFilled(int fd, uint64_t begin, std::span<const std::byte> data) {
  constexpr size_t kHoleBytes = 64 << 10;
  size_t from = 0;  // Everything before it is written, or a hole.
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

Status Filling::MakeRoom(const Live& live) {
  if (live.staging && !parts_.space.PinnedRoom(kPageBytes)) {
    return Status(Code::kNoSpace, "add page: the cache is full of unpersisted contents");
  }
  return parts_.evictor.MakeRoom(live.place_index, kPageBytes);
}

// Writes one page into the file; false if it is there already.
Result<bool> Filling::PutPage(Live& live, uint64_t page, std::span<const std::byte> data) {
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
  if (written.code() == Code::kNoSpace && parts_.evictor.RelieveDisk(live.place_index)) {
    written = WriteFilled(live.fill_fd.get(), begin, data.first(wanted));
  }
  RETURN_IF_ERROR(written);
  // A page that was absent is no change of the committed bytes.
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
Status Filling::ChargeAhead(Live& live, uint64_t bytes) {
  MutexLock lock(live.mutex);
  if (!parts_.space.PinnedRoom(bytes)) {
    return Status(Code::kNoSpace, "add page: the cache is full of unpersisted contents");
  }
  RETURN_IF_ERROR(parts_.evictor.MakeRoom(live.place_index, bytes));
  parts_.charges.Recharge(live, live.record.allocated_bytes + bytes);
  return OkStatus();
}

Status Filling::AddPage(Live& live, uint64_t page_index, std::span<const std::byte> data) {
  if (live.pages.Has(page_index)) return OkStatus();
  const uint64_t bytes = std::min<uint64_t>(data.size(), kPageBytes);
  const uint64_t charge = (bytes + 4095) / 4096 * 4096;
  const bool charged = live.staging;
  if (charged) {
    RETURN_IF_ERROR(ChargeAhead(live, charge));
  } else {
    RETURN_IF_ERROR(parts_.evictor.MakeRoom(live.place_index, bytes));
  }
  const Result<bool> put = PutPage(live, page_index, data);
  const bool added = put.ok() && *put;
  MutexLock lock(live.mutex);
  const uint64_t allocated = live.record.allocated_bytes;
  if (added && !charged) parts_.charges.Recharge(live, allocated + charge);
  if (!added && charged) parts_.charges.Recharge(live, allocated - std::min(allocated, charge));
  if (!added) return put.status();
  if (!live.pages.Complete() || !live.map_behind) return OkStatus();
  return parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
}

}  // namespace tarn::cache
