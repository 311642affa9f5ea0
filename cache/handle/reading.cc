#include "cache/handle/reading.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "cache/live/verifying.h"

namespace tarn::cache {
namespace {

// Zeros follow the end of the base until a program writes there.
Status ReadAbsent(const Live& live, uint64_t offset_bytes, std::span<std::byte> out,
                  const LiveReader::ReadBase& base) {
  const uint64_t limit = live.pages.limit_bytes();
  const size_t below =
      offset_bytes < limit ? std::min<uint64_t>(out.size(), limit - offset_bytes) : 0;
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(below), out.end(), std::byte{0});
  return below == 0 ? OkStatus() : base(offset_bytes, out.first(below));
}

}  // namespace

int ReadDescriptorOf(Live& live) {
  Status opened = OpenForReading(live);
  if (!opened.ok()) LogError("read descriptor: ", opened);
  return live.read_fd;
}

uint64_t CurrentSizeOf(Live& live) {
  if (!live.staging) return live.size_bytes;
  Result<FileFacts> facts = Facts(ReadDescriptorOf(live));
  if (!facts.ok()) LogError("current size: ", facts.status());
  return facts.ok() ? facts->size_bytes : live.size_bytes.load();
}

Result<size_t> Reading::Readable(Live& live, uint64_t offset_bytes, uint64_t length_bytes) {
  RETURN_IF_ERROR(OpenForReading(live));
  const uint64_t size = CurrentSizeOf(live);
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
    RETURN_IF_ERROR(VerifyRange(live, offset_bytes, length));
  }
  return static_cast<size_t>(length);
}

Status Reading::VerifyRange(Live& live, uint64_t offset_bytes, uint64_t length_bytes) {
  const uint64_t last = (offset_bytes + length_bytes - 1) / kPageBytes;
  for (uint64_t page = offset_bytes / kPageBytes; page <= last; ++page) {
    Status verified = VerifyPage(live, page);
    if (verified.code() == Code::kCorruption) {
      MutexLock lock(live.mutex);
      if (live.only_copy) return damage_.Note(live, verified.message());
      LogError(verified.message(), "; it is fetched again");
      RETURN_IF_ERROR(contents_.StoreRecord(live, kv::Durability::kBuffered));
    }
    RETURN_IF_ERROR(verified);
  }
  if (!live.suspect || !live.verified.Complete()) return OkStatus();
  MutexLock lock(live.mutex);
  damage_.Trust(live);
  return OkStatus();
}

Result<size_t> Reading::Read(Live& live, uint64_t offset_bytes, std::span<std::byte> out) {
  ASSIGN_OR_RETURN(const size_t length, Readable(live, offset_bytes, out.size()));
  return ReadAt(live.read_fd, offset_bytes, out.first(length));
}

Result<size_t> Reading::ReadThrough(Live& live, uint64_t offset_bytes, std::span<std::byte> out,
                                    const LiveReader::ReadBase& base) {
  const uint64_t size = CurrentSizeOf(live);
  if (offset_bytes >= size) return size_t{0};
  const size_t length = std::min<uint64_t>(out.size(), size - offset_bytes);
  for (size_t done = 0; done < length;) {
    const uint64_t at = offset_bytes + done;
    const uint64_t page = at / kPageBytes;
    const uint64_t page_end = std::min((page + 1) * kPageBytes, offset_bytes + length);
    const std::span<std::byte> piece = out.subspan(done, page_end - at);
    Result<size_t> got = Read(live, at, piece);
    if (!got.ok() && !live.pages.Has(page)) {
      RETURN_IF_ERROR(ReadAbsent(live, at, piece, base));
      got = piece.size();
    }
    if (!got.ok()) return got;
    done += *got;
    if (*got < piece.size()) return done;  // The file was cut meanwhile.
  }
  return length;
}

}  // namespace tarn::cache
