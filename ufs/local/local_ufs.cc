// A local directory as an under file system. Door: ufs/local.h.

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/random.h"
#include "base/strings.h"
#include "ufs/local.h"
#include "ufs/local/held_uploads.h"
#include "ufs/local/leftover_uploads.h"
#include "ufs/local/local_attributes.h"
#include "ufs/local/local_exchange.h"
#include "ufs/local/local_lister.h"
#include "ufs/local/local_names.h"
#include "ufs/local/local_paths.h"
#include "ufs/local/local_root.h"
#include "ufs/local/local_upload.h"
#include "ufs/shared/call.h"

namespace tarn::ufs {
namespace {

// Only regular files are opened: opening a device may act on it.
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

class LocalUfs final : public UnderFileSystem, public AttributeStore {
 public:
  explicit LocalUfs(std::unique_ptr<LocalRoot> root) : root_(std::move(root)) {}

  const UfsTraits& Traits() const override { return traits_; }
  AttributeStore* Attributes() override { return this; }
  Result<std::string> SourceIdentity(const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return root_->SourceIdentity();
  }
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) override;
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return lister_.List(directory_key, options, call);
  }
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call) override;
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call) override;
  Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) override {
    return leftovers_.List(call);
  }
  Status AbortUpload(const PendingUpload& upload, const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return leftovers_.Abort(upload);
  }
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return names_.Move(from, to, options);
  }
  std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                             const CallOptions& call) override;
  Status Sync(const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return root_->syncer().Sync();
  }

  Status MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return names_.MakeDirectory(key, mode);
  }
  Status RemoveDirectory(std::string_view key, const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return names_.RemoveDirectory(key);
  }
  Result<ObjectInfo> MakeSymlink(std::string_view key, std::string_view target,
                                 const AttributeChange& attributes,
                                 const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return names_.MakeSymlink(key, target, attributes);
  }
  Result<ObjectInfo> Link(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return names_.Link(from, to, options);
  }
  Result<ObjectInfo> SetAttributes(std::string_view key, const AttributeChange& change,
                                   const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return SetAttributesAt(*root_, key, change);
  }
  Result<UfsUsage> Usage(const CallOptions& call) override {
    RETURN_IF_ERROR(root_->Check(call));
    return root_->Usage();
  }

 private:
  const std::unique_ptr<LocalRoot> root_;
  const UfsTraits traits_ = LocalTraits();
  LocalLister lister_{*root_};
  HeldUploads held_{RandomSeed()};
  LeftoverUploads leftovers_{*root_, held_};
  LocalNames names_{*root_, held_, leftovers_};
};

Result<ObjectInfo> LocalUfs::Stat(std::string_view key, const CallOptions& call) {
  RETURN_IF_ERROR(root_->Check(call));
  ASSIGN_OR_RETURN(Place place, Find(root_->get(), key));
  return Describe(place, key);
}

Result<size_t> LocalUfs::Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                              std::span<std::byte> out, const CallOptions& call) {
  RETURN_IF_ERROR(root_->Check(call));
  ASSIGN_OR_RETURN(Descriptor file, OpenFile(root_->get(), key, etag));
  size_t done = 0;
  while (done < out.size()) {
    RETURN_IF_ERROR(root_->Check(call));
    const ssize_t got = pread(file.get(), out.data() + done, out.size() - done,
                              static_cast<off_t>(offset_bytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, Concat("read ", key, " at ", offset_bytes + done));
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  // Look at the version afterwards: bytes of a file that was replaced or written to meanwhile do
  // not count.
  ASSIGN_OR_RETURN(struct statx st, StatDescriptor(file.get()));
  RETURN_IF_ERROR(CheckEtag(st, key, etag));
  return done;
}

Result<std::unique_ptr<Upload>> LocalUfs::Create(std::string_view key, const CreateOptions& options,
                                                 const CallOptions& call) {
  RETURN_IF_ERROR(root_->Check(call));
  if (key.empty()) return Status(Code::kIsDirectory, "upload to the root");
  RETURN_IF_ERROR(CheckMarker(traits_, key, options));
  return NewLocalUpload(*root_, held_, key, options);
}

std::vector<Status> LocalUfs::Delete(std::span<const DeleteRequest> requests,
                                     const CallOptions& call) {
  std::vector<Status> results;
  results.reserve(requests.size());
  for (const DeleteRequest& request : requests) {
    Status status = root_->Check(call);
    results.push_back(status.ok() ? names_.Delete(request) : status);
  }
  return results;
}

}  // namespace

UfsTraits LocalTraits() {
  UfsTraits traits;
  traits.scheme = "file";
  traits.real_directories = true;
  traits.attributes = true;
  traits.atomic_rename = true;
  traits.commit_needs_sync = true;
  traits.holes = true;
  traits.max_key_bytes = PATH_MAX - 1;  // Each object is opened by its whole key from the root.
  return traits;
}

Result<std::unique_ptr<UnderFileSystem>> OpenLocalUfs(const std::string& root, const Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<LocalRoot> opened, LocalRoot::Open(root, clock));
  return std::unique_ptr<UnderFileSystem>(std::make_unique<LocalUfs>(std::move(opened)));
}

}  // namespace tarn::ufs
