// A directory of a disk. Files lie in 256 subdirectories, by file id, so that files made one after
// another are neighbours. A subdirectory is made with its first file.

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstdio>
#include <optional>

#include "base/strings.h"
#include "cache/files/directory_state.h"
#include "cache/files/file_place.h"
#include "cache/files/spare_files.h"

namespace tarn::cache {
namespace {

constexpr unsigned kSubdirectories = 256;
constexpr const char* kAside = "unknown";  // A subdirectory for files that no record names.
constexpr unsigned kNeighbourBits = 12;    // 4096 file ids in a row share a subdirectory.

unsigned SubdirectoryOf(uint64_t file_id) {
  return static_cast<unsigned>(file_id >> kNeighbourBits) % kSubdirectories;
}

std::array<char, 4> SubdirectoryName(unsigned n) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {kDigits[n / 16], kDigits[n % 16], '\0', '\0'};
}

struct FileName {
  explicit FileName(FileId file) {
    char* at = text.data();
    const auto dir = SubdirectoryName(SubdirectoryOf(file.value));
    *at++ = dir[0];
    *at++ = dir[1];
    *at++ = '/';
    at = std::to_chars(at, text.end(), file.ino.value, 16).ptr;
    *at++ = '.';
    at = std::to_chars(at, text.end(), file.value, 16).ptr;
    *at = '\0';
  }
  const char* c_str() const { return text.data(); }
  std::array<char, 48> text;
};

bool ParseName(std::string_view name, FileId* file) {
  const char* end = name.data() + name.size();
  auto [dot, error] = std::from_chars(name.data(), end, file->ino.value, 16);
  if (error != std::errc() || dot == end || *dot != '.') return false;
  auto [rest, id_error] = std::from_chars(dot + 1, end, file->value, 16);
  return id_error == std::errc() && rest == end;
}

// ext, XFS and btrfs make the name of a new file durable together with its bytes.
bool NamesFollowBytes(int fd) {
  struct statfs st {};
  if (fstatfs(fd, &st) != 0) return false;
  const auto type = static_cast<unsigned long>(st.f_type);
  return type == 0xEF53 || type == 0x58465342 || type == 0x9123683E;
}

// The kernel gives the lowest free number, so a descriptor from this one on says that few are left.
// They are kept for the metadata, for connections and for persisting: without them the whole
// process fails, not one open.
int FirstKeptDescriptor() {
  constexpr int kKept = 128;
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX) return INT_MAX;
  const int all = static_cast<int>(limit.rlim_cur);
  return all - std::min(kKept, all / 4);
}

class Directory final : public FilePlace {
 public:
  Directory(std::string path, Descriptor fd, std::unique_ptr<DirectoryState> state)
      : path_(std::move(path)),
        fd_(std::move(fd)),
        state_(std::move(state)),
        names_follow_bytes_(NamesFollowBytes(fd_.get())),
        spares_(fd_.get()) {}

  uint64_t id() const override { return state_->directory_id(); }
  const std::string& name() const override { return path_; }
  bool PowerCut() const override { return state_->power_cut(); }
  Result<uint64_t> LastRun() override;
  Status BeginRun(uint64_t run) override { return state_->Begin(run); }

  Result<Descriptor> Create(FileId file) override {
    Result<Descriptor> made = Make(file);
    if (!made.ok() || made->get() < first_kept_) return made;
    RETURN_IF_ERROR(Remove(file));
    return ErrnoStatus(EMFILE, Concat("create a file in ", path_));
  }
  Result<Descriptor> Open(FileId file, Access access) override {
    Result<Descriptor> opened = OpenOrUnfence(file, access);
    if (!opened.ok() || opened->get() < first_kept_) return opened;
    return ErrnoStatus(EMFILE, Concat("open a file in ", path_));
  }

  Status Remove(FileId file) override {
    const FileName name(file);
    if (spares_.Keep(name.c_str())) return OkStatus();
    if (Unlink(name)) return OkStatus();
    const int error = errno;
    // The sweep of stray files may remove it between any two of these calls.
    if (error == EPERM) Unfence(file);
    if (error == EPERM && Unlink(name)) return OkStatus();
    return ErrnoStatus(error, Concat("remove ", path_, "/", name.c_str()));
  }

  Result<std::string> SetAside(FileId file) override;

  Status SyncName(FileId file) override {
    if (names_follow_bytes_) return OkStatus();
    const auto name = SubdirectoryName(SubdirectoryOf(file.value));
    const Descriptor dir(openat(fd_.get(), name.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!dir || fsync(dir.get()) != 0) return ErrnoStatus(errno, Concat("sync ", path_));
    return OkStatus();
  }

  Status SyncAll() override {
    if (syncfs(fd_.get()) != 0) return ErrnoStatus(errno, "sync " + path_);
    return OkStatus();
  }

  Result<Descriptor> Snapshot(int fd) override;
  Status Fence(int fd, Fenced fenced) override;
  Status Each(const std::function<void(FileId)>& visit) override;
  Status MarkEnd() override { return state_->MarkEnd(); }

 private:
  Status MakeSubdirectory(unsigned n);
  Result<Descriptor> OpenOrUnfence(FileId file, Access access) {
    if (access == Access::kRead) return OpenFlags(file, O_RDONLY, "open");
    Result<Descriptor> opened = OpenFlags(file, O_RDWR, "open");
    if (opened.code() != Code::kNotPermitted || !Unfence(file)) return opened;
    return OpenFlags(file, O_RDWR, "open");
  }
  bool Unlink(const FileName& name) {  // Absent is fine.
    return unlinkat(fd_.get(), name.c_str(), 0) == 0 || errno == ENOENT;
  }
  bool Unfence(FileId file) {  // False: there was no fence.
    const Result<Descriptor> opened = OpenFlags(file, O_RDONLY, "open");
    return opened.ok() && Fence(opened->get(), Fenced::kNo).ok();
  }
  Result<Descriptor> Make(FileId file) {
    if (Descriptor spare = spares_.Take(FileName(file).c_str())) return spare;
    constexpr int kFlags = O_RDWR | O_CREAT | O_EXCL;
    Result<Descriptor> made = OpenFlags(file, kFlags, "create");
    if (made.code() != Code::kNotFound) return made;
    RETURN_IF_ERROR(MakeSubdirectory(SubdirectoryOf(file.value)));
    return OpenFlags(file, kFlags, "create");
  }
  Result<Descriptor> OpenFlags(FileId file, int flags, std::string_view verb) {
    const FileName name(file);
    Descriptor opened(openat(fd_.get(), name.c_str(), flags | O_CLOEXEC, 0600));
    if (!opened) return ErrnoStatus(errno, Concat(verb, " ", path_, "/", name.c_str()));
    return opened;
  }

  const std::string path_;
  const Descriptor fd_;
  const std::unique_ptr<DirectoryState> state_;
  const bool names_follow_bytes_;
  const int first_kept_ = FirstKeptDescriptor();
  SpareFiles spares_;
};

// From the state, or if that was lost, from the names of the files.
Result<uint64_t> Directory::LastRun() {
  if (const std::optional<uint64_t> run = state_->last_run()) return *run;
  uint64_t last = 0;
  RETURN_IF_ERROR(Each([&](FileId file) { last = std::max(last, file.value >> kRunShift); }));
  return last;
}

Result<std::string> Directory::SetAside(FileId file) {
  const FileName name(file);
  if (mkdirat(fd_.get(), kAside, 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, Concat("make ", path_, "/", kAside));
  }
  const std::string plain = std::string(name.c_str()).substr(3);  // Without its subdirectory.
  for (int n = 0;; ++n) {
    const std::string aside = Concat(kAside, "/", plain, n == 0 ? "" : Concat("-", n));
    const auto move = [&] {
      return renameat2(fd_.get(), name.c_str(), fd_.get(), aside.c_str(), RENAME_NOREPLACE) == 0;
    };
    if (move() || (errno == EPERM && Unfence(file) && move())) return Concat(path_, "/", kAside);
    if (errno != EEXIST) {
      return ErrnoStatus(errno, Concat("move ", path_, "/", name.c_str(), " to ", kAside));
    }
  }
}

Status Directory::MakeSubdirectory(unsigned n) {
  if (mkdirat(fd_.get(), SubdirectoryName(n).data(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "make a subdirectory of " + path_);
  }
  if (fsync(fd_.get()) != 0) return ErrnoStatus(errno, "sync " + path_);
  return OkStatus();
}

Result<Descriptor> Directory::Snapshot(int fd) {
  Descriptor copy(openat(fd_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!copy) return ErrnoStatus(errno, "snapshot in " + path_);
  if (ioctl(copy.get(), FICLONE, fd) != 0) {
    return Status(Code::kUnsupported, "snapshot in " + path_);
  }
  const std::string again = "/proc/self/fd/" + std::to_string(copy.get());
  Descriptor reading(open(again.c_str(), O_RDONLY | O_CLOEXEC));
  if (!reading) return ErrnoStatus(errno, "snapshot in " + path_);
  return reading;
}

// An immutable file takes no write through open descriptors. Setting the flag also makes the kernel
// look at the next store into each mapped page.
Status Directory::Fence(int fd, Fenced fenced) {
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) {
    return Status(Code::kUnsupported, "fence a file in " + path_);
  }
  const int wanted = fenced == Fenced::kYes ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
  if (wanted == flags || ioctl(fd, FS_IOC_SETFLAGS, &wanted) == 0) return OkStatus();
  return Status(Code::kUnsupported, "fence a file in " + path_);
}

Status Directory::Each(const std::function<void(FileId)>& visit) {
  for (unsigned n = 0; n < kSubdirectories; ++n) {
    const auto name = SubdirectoryName(n);
    Descriptor fd(openat(fd_.get(), name.data(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd && errno == ENOENT) continue;
    if (!fd) return ErrnoStatus(errno, Concat("list ", path_, "/", name.data()));
    DIR* dir = fdopendir(fd.get());
    if (dir == nullptr) return ErrnoStatus(errno, "list " + path_);
    fd.Release();
    errno = 0;
    while (const dirent* entry = readdir(dir)) {
      FileId file;
      if (ParseName(entry->d_name, &file) && SubdirectoryOf(file.value) == n) visit(file);
      errno = 0;
    }
    const int error = errno;
    closedir(dir);
    if (error != 0) return ErrnoStatus(error, "list " + path_);
  }
  return OkStatus();
}

}  // namespace

Result<std::unique_ptr<FilePlace>> OpenDirectory(const std::string& path) {
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return ErrnoStatus(errno, "make cache directory " + path);
  }
  Descriptor fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "open cache directory " + path);
  ASSIGN_OR_RETURN(std::unique_ptr<DirectoryState> state, DirectoryState::Open(fd.get(), path));
  return std::unique_ptr<FilePlace>(
      std::make_unique<Directory>(path, std::move(fd), std::move(state)));
}

}  // namespace tarn::cache
