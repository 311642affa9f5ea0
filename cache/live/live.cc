#include "cache/live/live.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/checksum.h"
#include "base/log.h"
#include "base/strings.h"

namespace tarn::cache {

Live::~Live() { CloseAll(); }

void Live::CloseAll() {
  const int reading = read_fd.exchange(-1);
  const int writing = write_fd.exchange(-1);
  if (reading >= 0) close(reading);
  if (writing >= 0 && writing != reading) close(writing);
}

void Live::OpenForWriting(Descriptor writable) {
  const int fd = read_fd;
  const bool shared = fd >= 0 && dup3(writable.get(), fd, O_CLOEXEC) == fd;
  write_fd = shared ? fd : writable.Release();
}

void Live::CloseForWriting() {
  const int fd = write_fd.exchange(-1);
  if (fd != read_fd) {
    close(fd);
    return;
  }
  Status closed = MakeReadOnly();
  if (!closed.ok()) LogError("end writing: ", closed);
}

void Live::CloseForReading() {
  if (const int fd = read_fd.exchange(-1); fd >= 0 && fd != write_fd) close(fd);
}

Status Live::MakeReadOnly() const {
  const int fd = read_fd;
  const int flags = fd >= 0 ? fcntl(fd, F_GETFL) : O_RDONLY;
  if ((flags & O_ACCMODE) == O_RDONLY) return OkStatus();
  Result<Descriptor> readable = place->Open(file, Access::kRead);
  if (!readable.ok()) {
    // It may have lost its name, or only those descriptors are left that are kept for the process.
    const std::string path = Concat("/proc/self/fd/", fd);
    readable = Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!*readable) return ErrnoStatus(errno, "open " + path + " to read");
  }
  if (dup3(readable->get(), fd, O_CLOEXEC) != fd) return ErrnoStatus(errno, "replace it");
  return OkStatus();
}

void Live::Clear() {
  exists = false;
  writers = 0;
  record = {};
  keys = {};
  stored_bytes = 0;
  fresh = false;
  unnoticed = false;
  given_time.reset();
  name_synced = true;
  map_behind = false;
  unsynced_pages = false;
  staging = false;
  size_bytes = 0;
  verify = false;
  suspect = false;
  only_copy = false;
  damaged = false;
  checked = false;
  pages.Reset(0, PageMap::Fill::kPresent);
  verified.Reset(0, PageMap::Fill::kPresent);
  CloseAll();
  MutexLock lock(fill_mutex);
  fill_fd.Reset();
  checksums.clear();
  unwritten.clear();
}

namespace {

// With fill_mutex held.
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

Result<Descriptor> OpenForFilling(Live& live) {
  Result<Descriptor> named = live.place->Open(live.file, Access::kReadWrite);
  if (named.code() != Code::kNotFound || live.read_fd < 0) return named;
  const std::string path = "/proc/self/fd/" + std::to_string(live.read_fd.load());
  Descriptor unnamed(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!unnamed) return ErrnoStatus(errno, "open an erased cache file");
  return unnamed;
}

Result<FileFacts> SettledFacts(Live& live, int fd) {
  MutexLock lock(live.fill_mutex);
  return Facts(fd);
}

Status MarkTime(Live& live, int fd, int64_t mtime_ns) {
  MutexLock lock(live.fill_mutex);
  return SetMtime(fd, mtime_ns);
}

// When it was changed last: not by what the sentinel says.
std::optional<int64_t> Live::TimeOf(const FileFacts& facts) const {
  if (facts.mtime_ns == kSentinelMtimeNs) return record.mtime_ns;
  const bool given = given_time && given_time->in_file_ns == facts.mtime_ns;
  return given ? given_time->meant_ns : facts.mtime_ns;
}

LivePtr LiveTable::Get(InodeId ino) {
  Shard& shard = ShardOf(ino);
  MutexLock lock(shard.mutex);
  LivePtr& slot = shard.lives[ino];
  if (!slot) slot = std::make_shared<Live>(ino);
  return slot;
}

void LiveTable::Remove(const Live& live) {
  Shard& shard = ShardOf(live.ino);
  MutexLock lock(shard.mutex);
  const auto found = shard.lives.find(live.ino);
  if (found != shard.lives.end() && found->second.get() == &live) shard.lives.erase(found);
}

std::vector<LivePtr> LiveTable::Some(bool (*wanted)(const Live&)) {
  std::vector<LivePtr> some;
  for (Shard& shard : shards_) {
    MutexLock lock(shard.mutex);
    for (const auto& [ino, live] : shard.lives) {
      if (wanted(*live)) some.push_back(live);
    }
  }
  return some;
}

}  // namespace tarn::cache
