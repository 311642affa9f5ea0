#include "outside/observed_ufs.h"

#include <string>
#include <utility>

namespace tarn::outside {
namespace {

using ufs::CallOptions;
using ufs::ObjectInfo;
using Call = Points::Call;

class ObservedUpload final : public ufs::Upload {
 public:
  ObservedUpload(std::unique_ptr<ufs::Upload> base, Points& points, std::string_view key)
      : base_(std::move(base)), points_(points), key_(key) {}
  std::string UploadId() const override { return base_->UploadId(); }
  std::string File() const override { return base_->File(); }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override {
    const Call counted(points_, "WritePart", key_);
    return base_->WritePart(offset_bytes, data, call);
  }
  Status CopyPart(uint64_t offset_bytes, const ufs::PartSource& from, uint64_t length_bytes,
                  const CallOptions& call) override {
    const Call counted(points_, "CopyPart", key_);
    return base_->CopyPart(offset_bytes, from, length_bytes, call);
  }
  Result<ObjectInfo> Commit(const CallOptions& call) override {
    const Call counted(points_, "Commit", key_);
    return base_->Commit(call);
  }
  Status Abort(const CallOptions& call) override {
    const Call counted(points_, "Abort", key_);
    return base_->Abort(call);
  }

 private:
  const std::unique_ptr<ufs::Upload> base_;
  Points& points_;
  const std::string key_;
};

class ObservedUfs final : public ufs::UnderFileSystem, private ufs::AttributeStore {
 public:
  ObservedUfs(std::unique_ptr<ufs::UnderFileSystem> base, Points& points)
      : base_(std::move(base)), points_(points) {}

  const ufs::UfsTraits& Traits() const override { return base_->Traits(); }
  AttributeStore* Attributes() override { return base_->Attributes() == nullptr ? nullptr : this; }
  Result<std::string> SourceIdentity(const CallOptions& call) override {
    const Call counted(points_, "SourceIdentity", "");
    return base_->SourceIdentity(call);
  }
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) override {
    const Call counted(points_, "Stat", key);
    return base_->Stat(key, call);
  }
  Result<ObjectInfo> StatObject(std::string_view key, ufs::ObjectType type,
                                const CallOptions& call) override {
    const Call counted(points_, "StatObject", key);
    return base_->StatObject(key, type, call);
  }
  Result<ufs::ListPage> List(std::string_view key, const ufs::ListOptions& options,
                             const CallOptions& call) override {
    const Call counted(points_, "List", key);
    return base_->List(key, options, call);
  }
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call) override {
    const Call counted(points_, "Read", key);
    return base_->Read(key, etag, offset_bytes, out, call);
  }
  Result<uint64_t> ReadPieces(std::string_view key, std::string_view etag, ufs::Extent extent,
                              std::span<std::byte> piece, const TakePiece& take,
                              const CallOptions& call) override {
    const Call counted(points_, "ReadPieces", key);
    return base_->ReadPieces(key, etag, extent, piece, take, call);
  }
  Result<std::unique_ptr<ufs::Upload>> Create(std::string_view key,
                                              const ufs::CreateOptions& options,
                                              const CallOptions& call) override {
    const Call counted(points_, "Create", key);
    ASSIGN_OR_RETURN(std::unique_ptr<ufs::Upload> upload, base_->Create(key, options, call));
    return std::unique_ptr<ufs::Upload>(
        std::make_unique<ObservedUpload>(std::move(upload), points_, key));
  }
  Result<std::vector<ufs::PendingUpload>> ListUploads(const CallOptions& call) override {
    const Call counted(points_, "ListUploads", "");
    return base_->ListUploads(call);
  }
  Status AbortUpload(const ufs::PendingUpload& upload, const CallOptions& call) override {
    const Call counted(points_, "AbortUpload", upload.key);
    return base_->AbortUpload(upload, call);
  }
  Result<ObjectInfo> Move(std::string_view from, std::string_view to,
                          const ufs::MoveOptions& options, const CallOptions& call) override {
    const Call counted(points_, "Move", std::string(from) + " " + std::string(to));
    return base_->Move(from, to, options, call);
  }
  std::vector<Status> Delete(std::span<const ufs::DeleteRequest> requests,
                             const CallOptions& call) override {
    const Call counted(points_, "Delete", requests.empty() ? "" : requests.front().key);
    return base_->Delete(requests, call);
  }
  Status Sync(const CallOptions& call) override {
    const Call counted(points_, "Sync", "");
    return base_->Sync(call);
  }

 private:
  Status MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) override {
    const Call counted(points_, "MakeDirectory", key);
    return base_->Attributes()->MakeDirectory(key, mode, call);
  }
  Status RemoveDirectory(std::string_view key, const CallOptions& call) override {
    const Call counted(points_, "RemoveDirectory", key);
    return base_->Attributes()->RemoveDirectory(key, call);
  }
  Result<ObjectInfo> MakeSymlink(std::string_view key, std::string_view target,
                                 const ufs::AttributeChange& attributes,
                                 const CallOptions& call) override {
    const Call counted(points_, "MakeSymlink", key);
    return base_->Attributes()->MakeSymlink(key, target, attributes, call);
  }
  Result<ObjectInfo> Link(std::string_view from, std::string_view to,
                          const ufs::MoveOptions& options, const CallOptions& call) override {
    const Call counted(points_, "Link", std::string(from) + " " + std::string(to));
    return base_->Attributes()->Link(from, to, options, call);
  }
  Result<ObjectInfo> SetAttributes(std::string_view key, const ufs::AttributeChange& change,
                                   const CallOptions& call) override {
    const Call counted(points_, "SetAttributes", key);
    return base_->Attributes()->SetAttributes(key, change, call);
  }
  Result<ufs::UfsUsage> Usage(const CallOptions& call) override {
    const Call counted(points_, "Usage", "");
    return base_->Attributes()->Usage(call);
  }

  const std::unique_ptr<ufs::UnderFileSystem> base_;
  Points& points_;
};

}  // namespace

std::unique_ptr<ufs::UnderFileSystem> NewObservedUfs(std::unique_ptr<ufs::UnderFileSystem> base,
                                                     Points& points) {
  return std::make_unique<ObservedUfs>(std::move(base), points);
}

}  // namespace tarn::outside
