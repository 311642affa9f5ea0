#include "ufs/local/local_ufs.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "ufs/local.h"
#include "ufs/local/local_exchange.h"

namespace tarn::ufs {

UfsTraits LocalTraits() {
  UfsTraits traits;
  traits.scheme = "file";
  traits.real_directories = true;
  traits.attributes = true;
  traits.atomic_rename = true;
  traits.commit_needs_sync = true;
  traits.holes = true;
  traits.max_key_bytes = PATH_MAX - 1;  // All is opened from the root on, by at most the whole key.
  return traits;
}

LocalUfs::LocalUfs(std::string path, Descriptor root, const struct statx& root_stat)
    : path_(std::move(path)),
      root_(std::move(root)),
      root_device_(DeviceOf(root_stat)),
      root_inode_(root_stat.stx_ino),
      traits_(LocalTraits()) {}

Result<std::string> LocalUfs::SourceIdentity(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  struct stat now = {};
  if (stat(path_.c_str(), &now) != 0 || now.st_dev != root_device_ || now.st_ino != root_inode_) {
    return Status(Code::kUnavailable,
                  Concat(path_, " is no longer the directory that was mounted: is its disk gone?"));
  }
  struct statfs fs = {};
  if (fstatfs(root_.get(), &fs) != 0) return ErrnoStatus(errno, Concat("statfs ", path_));
  int words[2];
  static_assert(sizeof words == sizeof fs.f_fsid);
  memcpy(words, &fs.f_fsid, sizeof words);
  // Some file systems have no id of their own.
  if (words[0] == 0 && words[1] == 0) return Concat("file:dev:", root_device_, ":", root_inode_);
  return Concat("file:", words[0], ":", words[1], ":", root_inode_);
}

Result<ObjectInfo> LocalUfs::Stat(std::string_view key, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  ASSIGN_OR_RETURN(Place place, Find(root_.get(), key));
  return Describe(place, key);
}

namespace {

// What is no regular file is never opened: a device may act on it.
Status CheckReadable(const struct statx& st, std::string_view key) {
  if (S_ISREG(st.stx_mode)) return OkStatus();
  if (S_ISDIR(st.stx_mode)) return Status(Code::kIsDirectory, Concat("read ", key));
  return Status(Code::kInvalid, Concat("read ", key, ": no file"));
}

Status CheckEtag(const struct statx& st, std::string_view key, std::string_view etag) {
  if (etag.empty() || IsVersion(st, etag)) return OkStatus();
  return Status(Code::kStale, Concat("read ", key, ": it was changed"));
}

Result<Descriptor> OpenFile(int root, std::string_view key, std::string_view etag) {
  ASSIGN_OR_RETURN(Place place, Find(root, key));
  ASSIGN_OR_RETURN(struct statx st, StatAt(place.directory.get(), place.name.c_str()));
  RETURN_IF_ERROR(CheckReadable(st, key));
  RETURN_IF_ERROR(CheckEtag(st, key, etag));
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
  Descriptor file(openat(place.directory.get(), place.name.c_str(), kFlags | O_NOATIME));
  if (!file && errno == EPERM) {  // O_NOATIME is for the owner only.
    file = Descriptor(openat(place.directory.get(), place.name.c_str(), kFlags));
  }
  if (!file) return ErrnoStatus(errno, Concat("read ", key));
  return file;
}

}  // namespace

Result<size_t> LocalUfs::Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                              std::span<std::byte> out, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  ASSIGN_OR_RETURN(Descriptor file, OpenFile(root_.get(), key, etag));
  size_t done = 0;
  while (done < out.size()) {
    RETURN_IF_ERROR(CheckCall(call));
    const ssize_t got = pread(file.get(), out.data() + done, out.size() - done,
                              static_cast<off_t>(offset_bytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, Concat("read ", key, " at ", offset_bytes + done));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  // Looked at afterwards: bytes of a version that was replaced or written to meanwhile do not
  // count.
  ASSIGN_OR_RETURN(struct statx st, StatDescriptor(file.get()));
  RETURN_IF_ERROR(CheckEtag(st, key, etag));
  return done;
}

Result<ObjectInfo> LocalUfs::Move(std::string_view from, std::string_view to,
                                  const MoveOptions& options, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  if (options.type == ObjectType::kDirectory)
    return Status(Code::kUnsupported, Concat("move ", from, "/: no markers of directories here"));
  ASSIGN_OR_RETURN(Place old_place, Find(root_.get(), from));
  ASSIGN_OR_RETURN(Place new_place, FindNew(root_.get(), to));
  ASSIGN_OR_RETURN(const Descriptor object, OpenObject(old_place));
  ASSIGN_OR_RETURN(const struct statx st, StatDescriptor(object.get()));
  if (options.source.kind == Precondition::Kind::kEtag && !IsVersion(st, options.source.etag))
    return Status(Code::kStale, Concat("move ", from, " to ", to, ": it was replaced"));
  const OwnerAccess::Grant from_grant(access_, old_place.directory.get(), kChangeNames);
  const OwnerAccess::Grant to_grant(access_, new_place.directory.get(), kChangeNames);
  RETURN_IF_ERROR(PutInPlace(old_place, new_place, options));
  RETURN_IF_ERROR(Changed(new_place.directory));
  // Another writer's version may have the name by now. Taken for ours, it would never be seen.
  return DescribeGiven(object.get(), st, to);
}

Status LocalUfs::DeleteOne(const DeleteRequest& request) {
  Result<Place> place = Find(root_.get(), request.key);
  // Below what is no directory, nothing is.
  if (IsNowhere(place.code()) || place.code() == Code::kNotDirectory) return OkStatus();
  if (!place.ok()) return place.status();
  Result<struct statx> st = StatAt(place->directory.get(), place->name.c_str());
  if (IsNowhere(st.code())) return OkStatus();
  if (!st.ok()) return st.status();
  const OwnerAccess::Grant grant(access_, place->directory.get(), kChangeNames);
  if (request.precondition.kind == Precondition::Kind::kEtag && !S_ISDIR(st->stx_mode)) {
    const FreshName aside(*this, *place, request.key);
    RETURN_IF_ERROR(RemoveVersion(*place, aside.place(), request.precondition.etag));
    return Changed(place->directory);
  }
  RETURN_IF_ERROR(CheckPrecondition(*place, request.precondition));
  if (unlinkat(place->directory.get(), place->name.c_str(), 0) == 0 || errno == ENOENT) {
    return Changed(place->directory);
  }
  return ErrnoStatus(errno, Concat("delete ", request.key));
}

std::vector<Status> LocalUfs::Delete(std::span<const DeleteRequest> requests,
                                     const CallOptions& call) {
  std::vector<Status> results;
  results.reserve(requests.size());
  for (const DeleteRequest& request : requests) {
    Status status = CheckCall(call);
    results.push_back(status.ok() ? DeleteOne(request) : status);
  }
  return results;
}

Status LocalUfs::Changed(const Descriptor& directory) {
  ASSIGN_OR_RETURN(struct statx st, StatDescriptor(directory.get()));
  const uint64_t device = DeviceOf(st);
  if (device == root_device_) return OkStatus();
  Descriptor readable(openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable) return ErrnoStatus(errno, "open a directory of another file system");
  MutexLock lock(sync_mutex_);
  changed_devices_.try_emplace(device, std::move(readable));
  return OkStatus();
}

// The errno of the first that failed, after all were tried.
int LocalUfs::SyncDevices(const std::map<uint64_t, Descriptor>& others) {
  int error = syncfs(root_.get()) == 0 ? 0 : errno;
  for (const auto& [device, directory] : others) {
    if (syncfs(directory.get()) != 0 && error == 0) error = errno;
  }
  return error;
}

// One syncfs serves all who asked before it began. The kernel reports a write-back error once, so
// it is passed to those who asked meanwhile as well: their bytes may be among the lost.
Status LocalUfs::Sync(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  std::shared_ptr<SyncRound> round;
  std::map<uint64_t, Descriptor> others;
  {
    MutexLock lock(sync_mutex_);
    if (next_round_ == nullptr) next_round_ = std::make_shared<SyncRound>();
    round = next_round_;
    while (syncing_ && !round->done) sync_done_.Wait(sync_mutex_);
    if (round->done) return round->status;
    syncing_ = true;
    next_round_ = nullptr;
    others.swap(changed_devices_);
  }
  const int error = SyncDevices(others);
  MutexLock lock(sync_mutex_);
  syncing_ = false;
  if (error != 0) round->status = ErrnoStatus(error, Concat("sync ", path_));
  round->done = true;
  if (error != 0 && next_round_ != nullptr) {
    *next_round_ = *round;
    next_round_ = nullptr;
  }
  sync_done_.NotifyAll();
  return round->status;
}

Result<UfsUsage> LocalUfs::Usage(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  struct statfs fs = {};
  if (fstatfs(root_.get(), &fs) != 0) return ErrnoStatus(errno, Concat("statfs ", path_));
  const auto block = static_cast<uint64_t>(fs.f_frsize > 0 ? fs.f_frsize : fs.f_bsize);
  UfsUsage usage;
  usage.capacity_bytes = fs.f_blocks * block;
  usage.free_bytes = fs.f_bavail * block;
  usage.inodes = fs.f_files;
  usage.free_inodes = fs.f_ffree;
  return usage;
}

namespace {

// SourceIdentity looks at the path again, maybe after the process has changed its directory.
Result<std::string> AbsolutePath(const std::string& path) {
  if (path.starts_with('/')) return path;
  char here[PATH_MAX];
  if (getcwd(here, sizeof here) == nullptr) return ErrnoStatus(errno, "current directory");
  return Concat(here, "/", path);
}

}  // namespace

Result<std::unique_ptr<UnderFileSystem>> OpenLocalUfs(const std::string& root) {
  Descriptor directory(open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return ErrnoStatus(errno, Concat("open directory ", root));
  ASSIGN_OR_RETURN(struct statx st, StatDescriptor(directory.get()));
  ASSIGN_OR_RETURN(std::string path, AbsolutePath(root));
  return std::unique_ptr<UnderFileSystem>(
      std::make_unique<LocalUfs>(std::move(path), std::move(directory), st));
}

}  // namespace tarn::ufs
