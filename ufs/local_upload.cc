// Uploads to a local directory: a file of a reserved name beside the target, renamed over it at
// commit.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/strings.h"
#include "ufs/coverage.h"
#include "ufs/local_ufs.h"

namespace tarn::ufs {
namespace {

class LocalUpload final : public Upload {
 public:
  LocalUpload(LocalUfs& ufs, std::string_view key, std::unique_ptr<FreshName> source,
              Descriptor file, const CreateOptions& options)
      : ufs_(ufs),
        key_(key),
        source_(std::move(source)),
        file_(std::move(file)),
        precondition_(options.precondition),
        coverage_(options.size_bytes) {}

  std::string UploadId() const override { return source_->id(); }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override;
  Result<ObjectInfo> Commit(const CallOptions& call) override;
  Status Abort(const CallOptions& call) override;

 private:
  LocalUfs& ufs_;
  const std::string key_;
  const std::unique_ptr<FreshName> source_;
  const Descriptor file_;
  const Precondition precondition_;
  Mutex mutex_;
  Coverage coverage_ GUARDED_BY(mutex_);
};

Status LocalUpload::WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                              const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(coverage_.CheckPart(offset_bytes, data.size()));
  }
  size_t done = 0;
  while (done < data.size()) {
    RETURN_IF_ERROR(CheckCall(call));
    const ssize_t put = pwrite(file_.get(), data.data() + done, data.size() - done,
                               static_cast<off_t>(offset_bytes + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoStatus(errno, Concat("upload ", key_));
    done += static_cast<size_t>(put);
  }
  MutexLock lock(mutex_);
  coverage_.Add(offset_bytes, data.size());
  return OkStatus();
}

Result<ObjectInfo> LocalUpload::Commit(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(coverage_.CheckComplete());
  }
  // Synced before anybody sees it: a power cut must not leave half an object under its name.
  if (fdatasync(file_.get()) != 0) return ErrnoStatus(errno, Concat("sync upload ", key_));
  // Looked up anew: the directory of Create may have been moved away since.
  ASSIGN_OR_RETURN(Place target, FindNew(ufs_.root(), key_));
  RETURN_IF_ERROR(CheckPrecondition(target, precondition_));
  const OwnerAccess::Grant grant(ufs_.access(), target.directory.get(), kChangeNames);
  const bool absent = precondition_.kind == Precondition::Kind::kAbsent;
  Status renamed = RenameOver(source_->place(), target, absent ? RENAME_NOREPLACE : 0);
  if (absent && renamed.code() == Code::kExists) {
    return Status(Code::kStale, Concat("commit ", key_, ": something is there"));
  }
  RETURN_IF_ERROR(renamed);
  RETURN_IF_ERROR(ufs_.Changed(target.directory));
  return Describe(target, key_);
}

Status LocalUpload::Abort(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  return source_->Remove();
}

}  // namespace

FreshName::FreshName(LocalUfs& ufs, const Place& target, std::string_view key)
    : ufs_(ufs),
      place_{Duplicate(target.directory), NewUploadName()},
      id_(KeyBeside(key, place_.name)) {
  ufs_.Hold(id_);
}

Status FreshName::Remove() const {
  const OwnerAccess::Grant grant(ufs_.access(), place_.directory.get(), kChangeNames);
  if (unlinkat(place_.directory.get(), place_.name.c_str(), 0) == 0 || errno == ENOENT) {
    return OkStatus();
  }
  return ErrnoStatus(errno, Concat("remove upload ", id_));
}

Result<std::unique_ptr<Upload>> LocalUfs::Create(std::string_view key, const CreateOptions& options,
                                                 const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  if (key.empty()) return Status(Code::kIsDirectory, "upload to the root");
  RETURN_IF_ERROR(CheckMarker(traits_, key, options));
  ASSIGN_OR_RETURN(Place target, FindNew(root_.get(), key));
  // Better now than after all bytes are there: a name too long, a directory in the way.
  Result<struct statx> there = StatAt(target.directory.get(), target.name.c_str());
  if (!there.ok() && there.code() != Code::kNotFound) return there.status();
  if (there.ok() && S_ISDIR(there->stx_mode)) {
    return Status(Code::kIsDirectory, Concat("upload ", key));
  }
  auto source = std::make_unique<FreshName>(*this, target, key);
  const OwnerAccess::Grant grant(access_, target.directory.get(), kChangeNames);
  Descriptor file(openat(source->place().directory.get(), source->place().name.c_str(),
                         O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.ok()) return ErrnoStatus(errno, Concat("upload ", key));
  return std::unique_ptr<Upload>(
      std::make_unique<LocalUpload>(*this, key, std::move(source), std::move(file), options));
}

void LocalUfs::Hold(const std::string& upload_id) {
  MutexLock lock(uploads_mutex_);
  uploads_.insert(upload_id);
}

void LocalUfs::LetGo(const std::string& upload_id) {
  MutexLock lock(uploads_mutex_);
  uploads_.erase(upload_id);
}

bool LocalUfs::IsHeld(const std::string& upload_id) {
  MutexLock lock(uploads_mutex_);
  return uploads_.contains(upload_id);
}

Status LocalUfs::AbortUpload(const PendingUpload& upload, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  const size_t slash = upload.upload_id.rfind('/');
  const bool at_root = slash == std::string::npos;
  const std::string name = at_root ? upload.upload_id : upload.upload_id.substr(slash + 1);
  if (!IsUploadName(name)) {
    return Status(Code::kInvalid, Concat("abort upload ", upload.upload_id, ": not an upload"));
  }
  Result<Descriptor> directory =
      OpenDirectory(root_.get(), at_root ? "" : upload.upload_id.substr(0, slash));
  if (directory.code() == Code::kNotFound) return OkStatus();
  if (!directory.ok()) return directory.status();
  if (unlinkat(directory->get(), name.c_str(), 0) == 0 || errno == ENOENT) return OkStatus();
  return ErrnoStatus(errno, Concat("abort upload ", upload.upload_id));
}

}  // namespace tarn::ufs
