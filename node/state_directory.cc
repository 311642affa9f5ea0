#include "node/state_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>

#include "base/boot.h"
#include "base/checksum.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/paths.h"
#include "base/strings.h"
#include "base/units.h"
#include "cli/registry.h"

namespace tarn {
namespace {

constexpr double kPartOfFreeSpace = 0.8;
// How long a mount waits for another process that holds the state directory: one that was killed;
// one whose mount is gone and that closes its stores; one whose files may still be open.
constexpr Nanos kDying = std::chrono::seconds(30);
constexpr Nanos kEnding = std::chrono::minutes(2);
constexpr Nanos kDetached = std::chrono::seconds(10);

// Makes "data-sets" of /data/sets, so that users recognize the directory.
std::string Readable(const std::string& path) {
  std::string name;
  for (const char c : path.substr(1)) {
    const bool plain = isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
    name += plain ? c : '-';
  }
  constexpr size_t kMost = 60;
  return name.size() > kMost ? name.substr(name.size() - kMost) : name;
}

std::string ReadPid(int lock) {
  char text[32] = {};
  const ssize_t size = pread(lock, text, sizeof text - 1, 0);
  return size <= 0 ? "unknown"
                   : std::string(Trimmed(std::string_view(text, static_cast<size_t>(size))));
}

// How long to wait for the holder. A process holds its lock until its last thread is gone. It is
// registered while it serves: a holder that is not registered is starting or ending.
Nanos PatienceWith(int64_t holder) {
  if (holder > 0 && !cli::ProcessRuns(holder)) return kDying;
  const Result<std::vector<cli::RunningMount>> mounts = cli::ListRunningMounts();
  if (!mounts.ok()) return Nanos::zero();
  for (const cli::RunningMount& mount : *mounts) {
    if (mount.pid != holder) continue;
    return IsMounted(mount.source, mount.mount_point) ? Nanos::zero() : kDetached;
  }
  return kEnding;
}

int64_t HolderOf(int lock) { return strtoll(ReadPid(lock).c_str(), nullptr, 10); }

bool LockOnceItsHolderIsGone(int lock) {
  Clock& clock = SystemClock();
  const MonotonicTime begin = clock.Now();
  while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (clock.Now() - begin >= PatienceWith(HolderOf(lock))) return false;
    clock.SleepFor(std::chrono::milliseconds(10), std::stop_token());
  }
  return true;
}

Result<struct statvfs> FileSystemWith(const std::string& directory) {
  struct statvfs fs = {};
  if (statvfs(directory.c_str(), &fs) == 0) return fs;
  return ErrnoStatus(errno, Concat("statvfs ", directory));
}

// Chosen once and noted in a file, because the cache itself takes from the free space later.
Result<uint64_t> DefaultCapacity(const std::string& directory) {
  const std::string note = directory + "/capacity";
  std::ifstream noted(note);
  uint64_t bytes = 0;
  if (noted >> bytes && bytes > 0) return bytes;
  ASSIGN_OR_RETURN(const struct statvfs fs, FileSystemWith(directory));
  bytes = static_cast<uint64_t>(static_cast<double>(fs.f_bavail) *
                                static_cast<double>(fs.f_frsize) * kPartOfFreeSpace);
  std::ofstream(note) << bytes << "\n";
  return bytes;
}

// A size that a user has given. A disk that is full now may have room later: its total counts.
Result<uint64_t> GivenCapacity(const std::string& directory, uint64_t bytes) {
  const std::string what =
      Concat("tarn.worker.page.store.sizes: ", bytes, " bytes for ", directory, " are ");
  if (bytes < kLeastCacheBytes) {
    return Status(Code::kInvalid, Concat(what, "too few for a cache; give at least ",
                                         kLeastCacheBytes >> 20, "MiB"));
  }
  ASSIGN_OR_RETURN(const struct statvfs fs, FileSystemWith(directory));
  const uint64_t total = uint64_t{fs.f_blocks} * fs.f_frsize;
  if (total == 0 || bytes <= total) return bytes;  // A file system without blocks says 0.
  return Status(Code::kInvalid, Concat(what, "more than its whole disk has, which is ", total,
                                       " bytes (", total >> 20, "MiB)"));
}

}  // namespace

std::string DefaultStatePath(const Source& source) {
  char hash[17];
  snprintf(hash, sizeof hash, "%08llx",
           static_cast<unsigned long long>(Checksum(source.uri + source.where) & 0xffffffffu));
  const std::string name = Concat(Readable(source.path), "-", hash);
  if (geteuid() == 0) return "/var/lib/tarn/" + name;
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return Concat(state, "/tarn/", name);
  const char* home = std::getenv("HOME");
  return Concat(home == nullptr ? "/tmp" : home, "/.local/state/tarn/", name);
}

Result<std::unique_ptr<StateDirectory>> StateDirectory::Open(const std::string& path,
                                                             const Source& source) {
  const std::string absolute = path.empty() ? DefaultStatePath(source) : Absolute(path);
  MadeDirectories made;
  if (Status status = made.Make(absolute); !status.ok()) {
    return Status(status.code(), Concat("state directory ", absolute, ": ", status.message()));
  }
  const std::string lock_path = absolute + "/LOCK";
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return ErrnoStatus(errno, Concat("state directory ", absolute, ": open its lock"));
  if (!LockOnceItsHolderIsGone(lock)) {
    const std::string pid = ReadPid(lock);
    close(lock);
    const bool detached = PatienceWith(strtoll(pid.c_str(), nullptr, 10)) == kDetached;
    const char* advice = detached ? "); its mount is detached, close the files that are still open"
                                  : "); unmount that one first";
    return Status(Code::kBusy,
                  Concat("state directory ", absolute, " is in use by another process (pid ", pid,
                         advice, ", or choose another with --state"));
  }
  struct stat st = {};
  const bool known = fstat(lock, &st) == 0;
  if (known && st.st_nlink == 0) {  // Its holder was a start that failed, and removed it.
    close(lock);
    return Open(path, source);
  }
  const bool ended_cleanly = known && st.st_size == 0;
  // Another start may have made it, served, and ended, while this one waited for the lock.
  if (access((absolute + "/meta").c_str(), F_OK) == 0) made = MadeDirectories();
  return std::unique_ptr<StateDirectory>(
      new StateDirectory(absolute, lock, ended_cleanly, std::move(made)));
}

StateDirectory::~StateDirectory() {
  if (discarded_) made_.Remove();
  close(lock_);
}

Status StateDirectory::NotePid() const {
  const std::string pid = Concat(getpid(), "\n");
  const bool written =
      ftruncate(lock_, 0) == 0 && pwrite(lock_, pid.data(), pid.size(), 0) > 0 && fsync(lock_) == 0;
  if (!written) {
    return ErrnoStatus(errno, Concat("state directory ", path_, ": write its lock"));
  }
  return OkStatus();
}

Status StateDirectory::NoteCleanEnd() const {
  if (ftruncate(lock_, 0) == 0) return OkStatus();
  return ErrnoStatus(errno, Concat("state directory ", path_, ": write its lock"));
}

std::string StateDirectory::Boot() const {
  Result<std::string> boot = BootAndMount(lock_);
  if (boot.ok()) return *std::move(boot);
  LogWarning("state directory ", path_, ": ", boot.status());
  return "";
}

Result<cache::CacheOptions> StateDirectory::CacheFor(const Properties& properties) {
  cache::CacheOptions options;
  options.pinned_ratio = properties.Get(property::kPinnedRatio);
  options.evictor = properties.Get(property::kEvictorType);
  options.scrub.bytes_per_second = properties.Get(property::kScrubRate);
  options.scrub.period = properties.Get(property::kScrubPeriod);
  options.directories = properties.Get(property::kPageStoreDirs);
  if (options.directories.empty()) options.directories = {path_ + "/cache"};
  const std::vector<uint64_t>& sizes = properties.Get(property::kPageStoreSizes);
  if (sizes.size() > 1 && sizes.size() != options.directories.size()) {
    return Status(Code::kInvalid,
                  Concat("tarn.worker.page.store.sizes has ", sizes.size(), " values for ",
                         options.directories.size(), " directories: give one, or one each"));
  }
  for (size_t i = 0; i < options.directories.size(); ++i) {
    RETURN_IF_ERROR(made_.Make(options.directories[i]));
    const std::string& directory = options.directories[i];
    ASSIGN_OR_RETURN(const uint64_t bytes,
                     sizes.empty() ? DefaultCapacity(directory)
                                   : GivenCapacity(directory, sizes[sizes.size() == 1 ? 0 : i]));
    options.capacities_bytes.push_back(bytes);
  }
  return options;
}

}  // namespace tarn
