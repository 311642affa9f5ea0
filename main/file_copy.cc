#include "main/file_copy.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>

#include "base/descriptor.h"
#include "base/strings.h"
#include "main/fs_place.h"

namespace tarn {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
// A signal and the progress line wait for one step.
constexpr size_t kStepBytes = size_t{16} << 20;

volatile std::sig_atomic_t stopped = 0;

mode_t Umask() {
  const mode_t mask = umask(0);
  umask(mask);
  return mask;
}

// Whether copy_file_range cannot serve these two files, and reading and writing may.
bool NeedsBuffer(int error) {
  return error == EXDEV || error == ENOSYS || error == EOPNOTSUPP || error == EINVAL;
}

Status WriteAll(int to, const char* bytes, size_t size, const std::string& text) {
  while (size > 0) {
    const ssize_t written = write(to, bytes, size);
    if (written < 0 && errno == EINTR) {
      RETURN_IF_ERROR(NotStopped());
      continue;
    }
    if (written < 0) return PathError(errno, "write", text);
    bytes += written;
    size -= static_cast<size_t>(written);
  }
  return OkStatus();
}

Status CheckSource(int from, const NameAt& source, const NameAt& to) {
  struct stat st = {};
  if (fstat(from, &st) != 0) return PathError(errno, "look at", source.text);
  if (S_ISDIR(st.st_mode)) return PathError(EISDIR, "read", source.text);
  if (!S_ISREG(st.st_mode)) {
    return PathError(Code::kInvalid, "copy", source.text, "it is not a regular file");
  }
  struct stat old = {};
  if (fstatat(to.directory, to.name, &old, AT_SYMLINK_NOFOLLOW) != 0) return OkStatus();
  if (S_ISDIR(old.st_mode)) return PathError(EISDIR, "replace", to.text);
  if (old.st_dev != st.st_dev || old.st_ino != st.st_ino) return OkStatus();
  return PathError(Code::kInvalid, "copy", source.text, "it is the same file as " + to.text);
}

// A file that could not be made whole goes; the error that is returned says why.
Status Discard(const NameAt& to, const char* temporary, Status why) {
  if (unlinkat(to.directory, temporary, 0) == 0 || errno == ENOENT) return why;
  const Status stays = ErrnoStatus(errno, Concat("remove ", temporary));
  return Status(why.code(), Concat(why.message(), "; ", stays.message()));
}

Status Rename(const NameAt& to, const char* temporary) {
  if (renameat(to.directory, temporary, to.directory, to.name) == 0) return OkStatus();
  return Discard(to, temporary, PathError(errno, "replace", to.text));
}

}  // namespace

void StopCopiesBySignals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { stopped = 1; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

Status NotStopped() {
  return stopped == 0 ? OkStatus() : Status(Code::kCancelled, "the copy was interrupted");
}

std::string FileCopy::NextTemporaryName() {
  return Concat(".tarn-cp-", getpid(), "-", ++temporaries_);
}

Status FileCopy::CopyBytes(const NameAt& from, const NameAt& to) {
  RETURN_IF_ERROR(NotStopped());
  // Without O_NONBLOCK the open of a fifo would wait for a writer.
  const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const Descriptor source(openat(from.directory, from.name, flags));
  if (!source) return PathError(errno, "read", from.text);
  RETURN_IF_ERROR(CheckSource(source.get(), from, to));
  const std::string temporary = NextTemporaryName();
  const Status written = Write(source.get(), from.text, to, temporary.c_str());
  if (!written.ok()) return Discard(to, temporary.c_str(), written);
  RETURN_IF_ERROR(Rename(to, temporary.c_str()));
  progress_.AddFile();
  return OkStatus();
}

Status FileCopy::Write(int from, const std::string& from_text, const NameAt& to,
                       const char* temporary) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Descriptor fresh(openat(to.directory, temporary, flags, 0600));
  if (!fresh) return PathError(errno, "create", to.text);
  RETURN_IF_ERROR(Transfer(from, from_text, fresh.get(), to.text));
  struct stat st = {};
  if (fstat(from, &st) != 0) return PathError(errno, "look at", from_text);
  RETURN_IF_ERROR(Finish(st, fresh.get(), to.text));
  if (fsync(fresh.get()) != 0) return PathError(errno, "sync", to.text);
  if (close(fresh.Release()) != 0) return PathError(errno, "close", to.text);
  return OkStatus();
}

Status FileCopy::Transfer(int from, const std::string& from_text, int to,
                          const std::string& to_text) {
  for (;;) {
    RETURN_IF_ERROR(NotStopped());
    const ssize_t copied = copy_file_range(from, nullptr, to, nullptr, kStepBytes, 0);
    if (copied < 0 && errno == EINTR) continue;
    if (copied < 0 && !NeedsBuffer(errno)) return PathError(errno, "copy to", to_text);
    // Some file systems give nothing to copy_file_range, and bytes to read.
    if (copied <= 0) break;
    progress_.AddBytes(static_cast<uint64_t>(copied));
  }
  buffer_.resize(kBufferBytes);
  for (;;) {
    RETURN_IF_ERROR(NotStopped());
    const ssize_t got = read(from, buffer_.data(), buffer_.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return PathError(errno, "read", from_text);
    if (got == 0) return OkStatus();
    RETURN_IF_ERROR(WriteAll(to, buffer_.data(), static_cast<size_t>(got), to_text));
    progress_.AddBytes(static_cast<uint64_t>(got));
  }
}

Status FileCopy::Finish(const struct stat& from, int file, const std::string& text) const {
  const bool kept = attributes_ == Attributes::kKept;
  // A change of the owner takes setuid off, so the mode comes after it.
  if (kept && geteuid() == 0 && fchown(file, from.st_uid, from.st_gid) != 0) {
    return PathError(errno, "give the owner to", text);
  }
  const mode_t mode = kept ? from.st_mode & 07777 : from.st_mode & 0777 & ~Umask();
  if (fchmod(file, mode) != 0) return PathError(errno, "give the mode to", text);
  if (!kept) return OkStatus();
  const timespec times[2] = {from.st_atim, from.st_mtim};
  if (futimens(file, times) == 0) return OkStatus();
  return PathError(errno, "give the times to", text);
}

Status FileCopy::CopySymlink(const NameAt& from, const NameAt& to) {
  RETURN_IF_ERROR(NotStopped());
  char target[PATH_MAX + 1];
  const ssize_t size = readlinkat(from.directory, from.name, target, PATH_MAX);
  if (size < 0) return PathError(errno, "read the symlink", from.text);
  target[size] = '\0';
  const std::string temporary = NextTemporaryName();
  if (symlinkat(target, to.directory, temporary.c_str()) != 0) {
    return PathError(errno, "create", to.text);
  }
  RETURN_IF_ERROR(Rename(to, temporary.c_str()));
  progress_.AddFile();
  return OkStatus();
}

}  // namespace tarn
