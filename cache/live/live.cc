#include "cache/live/live.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

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
    // The file may have lost its name, or only descriptors that are kept for the process are left.
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
  assume_changed = false;
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

std::optional<int64_t> Live::TimeOf(const FileFacts& facts) const {
  if (facts.mtime_ns == kSentinelMtimeNs) return record.mtime_ns;
  const bool given = given_time && given_time->in_file_ns == facts.mtime_ns;
  return given ? given_time->meant_ns : facts.mtime_ns;
}

std::string About(InodeId ino) { return Concat("content of inode ", ino.value); }

Status OpenForReading(Live& live) {
  if (live.read_fd >= 0) return OkStatus();
  ASSIGN_OR_RETURN(Descriptor fd, live.place->Open(live.file, Access::kRead));
  int none = -1;
  if (live.read_fd.compare_exchange_strong(none, fd.get())) fd.Release();
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

Status SyncBytes(Live& live) {
  if (live.write_fd < 0) RETURN_IF_ERROR(OpenForReading(live));
  RETURN_IF_ERROR(SyncData(live.write_fd >= 0 ? live.write_fd : live.read_fd));
  if (!live.name_synced) RETURN_IF_ERROR(live.place->SyncName(live.file));
  live.name_synced = true;
  return OkStatus();
}

Result<Changed> CheckChanged(Live& live) {
  Changed now;
  if (live.record.state != ContentState::kStaging) {
    now.size_bytes = live.record.size_bytes;
    now.allocated_bytes = live.record.allocated_bytes;
    now.mtime_ns = live.record.mtime_ns;
    return now;
  }
  if (live.write_fd < 0) RETURN_IF_ERROR(OpenForReading(live));
  ASSIGN_OR_RETURN(const FileFacts facts,
                   SettledFacts(live, live.write_fd >= 0 ? live.write_fd : live.read_fd));
  const bool touched = facts.mtime_ns != kSentinelMtimeNs;
  now.changed =
      live.fresh || live.assume_changed || touched || facts.size_bytes != live.record.size_bytes;
  now.size_bytes = facts.size_bytes;
  now.allocated_bytes = facts.allocated_bytes;
  now.mtime_ns = live.TimeOf(facts);
  return now;
}

void NoteFile(Live& live) {
  live.record.file_inode = 0;
  if (!OpenForReading(live).ok()) return;  // It is compared with nothing, and so not trusted.
  const Result<FileFacts> facts = Facts(live.read_fd);
  if (!facts.ok()) return;
  live.record.file_inode = facts->inode;
  live.record.file_ctime_ns = facts->ctime_ns;
}

}  // namespace tarn::cache
