#include "cache/live/verifying.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/checksum.h"
#include "base/strings.h"

namespace tarn::cache {
namespace {

Status CheckBytes(Live& live, uint64_t page) REQUIRES(live.fill_mutex) {
  const bool known = page < live.checksums.size() && live.checksums[page] != 0;
  if (!known && (!live.suspect || live.only_copy)) return OkStatus();
  if (known) {
    const uint64_t begin = page * kPageBytes;
    std::vector<std::byte> bytes(std::min(kPageBytes, live.size_bytes - begin));
    ASSIGN_OR_RETURN(const size_t got, ReadAt(live.read_fd, begin, bytes));
    if (got == bytes.size() && Checksum(bytes) == live.checksums[page]) return OkStatus();
  }
  if (!live.only_copy) {
    live.pages.Clear(page);
    if (known) live.checksums[page] = 0;
  }
  return Status(Code::kCorruption, Concat("page ", page, " of inode ", live.ino.value,
                                          " does not match its checksum"));
}

}  // namespace

Status CheckPage(Live& live, uint64_t page) {
  MutexLock lock(live.fill_mutex);
  return CheckBytes(live, page);
}

Status VerifyPage(Live& live, uint64_t page) {
  MutexLock lock(live.fill_mutex);
  if (!live.verify || live.verified.Has(page)) return OkStatus();
  RETURN_IF_ERROR(CheckBytes(live, page));
  live.verified.Set(page);
  return OkStatus();
}

void Suspect(Live& live) {
  live.verified.Reset(live.record.size_bytes, PageMap::Fill::kAbsent);
  live.suspect = true;
  live.verify = true;
}

void Unseal(Live& live) {
  live.record.sealed = false;
  live.record.checksums.clear();
  MutexLock lock(live.fill_mutex);
  live.verify = false;
  live.checksums.clear();
}

Status Refill(Live& live) {
  MutexLock lock(live.fill_mutex);
  const uint64_t size = live.record.size_bytes;
  ASSIGN_OR_RETURN(const Descriptor file, OpenForFilling(live));
  if (ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    return ErrnoStatus(errno, "mend the cache file of " + About(live.ino));
  }
  live.pages.Reset(size, PageMap::Fill::kAbsent);
  live.checksums.assign((size + kPageBytes - 1) / kPageBytes, 0);
  live.map_behind = true;
  return OkStatus();
}

}  // namespace tarn::cache
