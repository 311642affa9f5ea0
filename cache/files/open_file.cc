#include "cache/files/open_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/wall_time.h"

namespace tarn::cache {
namespace {

constexpr uint64_t kBlockBytes = 4096;

}  // namespace

Result<size_t> ReadAt(int fd, uint64_t offset_bytes, std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset_bytes + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "read a cache file");
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

Status WriteAt(int fd, uint64_t offset_bytes, std::span<const std::byte> data) {
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t n =
        pwrite(fd, data.data() + done, data.size() - done, static_cast<off_t>(offset_bytes + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus(errno, "write a cache file");
    done += static_cast<size_t>(n);
  }
  return OkStatus();
}

Status CutFile(int fd, uint64_t size_bytes) {
  if (ftruncate(fd, static_cast<off_t>(size_bytes)) == 0) return OkStatus();
  return ErrnoStatus(errno, "cut a cache file");
}

Result<FileFacts> Facts(int fd) {
  struct stat st {};
  if (fstat(fd, &st) != 0) return ErrnoStatus(errno, "stat a cache file");
  FileFacts facts;
  facts.size_bytes = static_cast<uint64_t>(st.st_size);
  const uint64_t blocks = (facts.size_bytes + kBlockBytes - 1) / kBlockBytes;
  facts.allocated_bytes = std::min(static_cast<uint64_t>(st.st_blocks) * 512, blocks * kBlockBytes);
  facts.mtime_ns = WallNanos(st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  facts.ctime_ns = WallNanos(st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
  facts.inode = st.st_ino;
  return facts;
}

Result<std::vector<ByteRange>> DataOf(int fd, uint64_t size_bytes) {
  constexpr uint64_t kLeastHole = 64 << 10;
  std::vector<ByteRange> data;
  for (uint64_t at = 0; at < size_bytes;) {
    const off_t begin = lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;
    const off_t end = begin < 0 ? begin : lseek(fd, begin, SEEK_HOLE);
    if (end < 0) return ErrnoStatus(errno, "look for holes in a cache file");
    const uint64_t first = static_cast<uint64_t>(begin) / kLeastHole * kLeastHole;
    const uint64_t last = (static_cast<uint64_t>(end) + kLeastHole - 1) / kLeastHole * kLeastHole;
    at = std::min(last, size_bytes);
    if (!data.empty() && data.back().end_bytes >= first) {
      data.back().end_bytes = at;
    } else if (first < size_bytes) {
      data.push_back({first, at});
    }
  }
  return data;
}

Status SetMtime(int fd, int64_t mtime_ns) {
  const timespec times[2] = {{0, UTIME_OMIT}, TimeOf(mtime_ns)};
  if (futimens(fd, times) != 0) return ErrnoStatus(errno, "set the time of a cache file");
  return OkStatus();
}

Status SyncData(int fd) {
  if (fdatasync(fd) != 0) return ErrnoStatus(errno, "sync a cache file");
  return OkStatus();
}

namespace {

Result<bool> CanLease(int fd, int kind) {
  // The kernel announces an open that comes during the lease by a signal. The default one would end
  // the process; this one is ignored.
  if (fcntl(fd, F_SETSIG, SIGURG) != 0) return ErrnoStatus(errno, "set the signal of a lease");
  if (fcntl(fd, F_SETLEASE, kind) == 0) {
    if (fcntl(fd, F_SETLEASE, F_UNLCK) != 0) return ErrnoStatus(errno, "release a lease");
    return true;
  }
  if (errno == EAGAIN || errno == EBUSY) return false;
  return ErrnoStatus(errno, "lease a cache file");
}

}  // namespace

Result<bool> IsUnwritten(int fd) { return CanLease(fd, F_RDLCK); }
Result<bool> IsOnlyOpen(int fd) { return CanLease(fd, F_WRLCK); }

}  // namespace tarn::cache
