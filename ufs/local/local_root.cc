#include "ufs/local/local_root.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/strings.h"
#include "ufs/local/local_paths.h"
#include "ufs/shared/call.h"

namespace tarn::ufs {
namespace {

// SourceIdentity looks at the path later, maybe after the process has changed its directory.
Result<std::string> AbsolutePath(const std::string& path) {
  if (path.starts_with('/')) return path;
  char here[PATH_MAX];
  if (getcwd(here, sizeof here) == nullptr) return ErrnoStatus(errno, "current directory");
  return Concat(here, "/", path);
}

}  // namespace

LocalRoot::LocalRoot(std::string path, Descriptor directory, const struct statx& st,
                     const Clock& clock)
    : path_(std::move(path)),
      directory_(std::move(directory)),
      device_(DeviceOf(st)),
      inode_(st.stx_ino),
      clock_(clock),
      syncer_(directory_, device_, path_) {}

Result<std::unique_ptr<LocalRoot>> LocalRoot::Open(const std::string& path, const Clock& clock) {
  Descriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(errno, Concat("open directory ", path));
  ASSIGN_OR_RETURN(struct statx st, StatDescriptor(directory.get()));
  ASSIGN_OR_RETURN(std::string absolute, AbsolutePath(path));
  return std::unique_ptr<LocalRoot>(
      new LocalRoot(std::move(absolute), std::move(directory), st, clock));
}

Status LocalRoot::Check(const CallOptions& call) const { return CheckCall(call, clock_); }

Result<std::string> LocalRoot::SourceIdentity() const {
  struct stat now = {};
  if (stat(path_.c_str(), &now) != 0 || now.st_dev != device_ || now.st_ino != inode_) {
    return Status(Code::kUnavailable,
                  Concat(path_, " is no longer the directory that was mounted: is its disk gone?"));
  }
  struct statfs fs = {};
  if (fstatfs(directory_.get(), &fs) != 0) return ErrnoStatus(errno, Concat("statfs ", path_));
  int words[2];
  static_assert(sizeof words == sizeof fs.f_fsid);
  memcpy(words, &fs.f_fsid, sizeof words);
  // Some file systems have no id of their own.
  if (words[0] == 0 && words[1] == 0) return Concat("file:dev:", device_, ":", inode_);
  return Concat("file:", words[0], ":", words[1], ":", inode_);
}

Result<UfsUsage> LocalRoot::Usage() const {
  struct statfs fs = {};
  if (fstatfs(directory_.get(), &fs) != 0) return ErrnoStatus(errno, Concat("statfs ", path_));
  const auto block = static_cast<uint64_t>(fs.f_frsize > 0 ? fs.f_frsize : fs.f_bsize);
  UfsUsage usage;
  usage.capacity_bytes = fs.f_blocks * block;
  usage.free_bytes = fs.f_bavail * block;
  usage.inodes = fs.f_files;
  usage.free_inodes = fs.f_ffree;
  return usage;
}

}  // namespace tarn::ufs
