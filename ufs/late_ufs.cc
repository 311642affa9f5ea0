#include "ufs/late_ufs.h"

#include <atomic>
#include <utility>

#include "base/mutex.h"
#include "base/status.h"

namespace tarn::ufs {
namespace {

using SourcePtr = std::shared_ptr<UnderFileSystem>;

// Keeps the source alive while a writer sends to it.
class KeepingUpload final : public Upload {
 public:
  KeepingUpload(SourcePtr source, std::unique_ptr<Upload> upload)
      : source_(std::move(source)), upload_(std::move(upload)) {}
  std::string UploadId() const override { return upload_->UploadId(); }
  std::string File() const override { return upload_->File(); }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override {
    return upload_->WritePart(offset_bytes, data, call);
  }
  Status StreamPart(uint64_t offset_bytes, uint64_t length_bytes, const ReadBytes& read,
                    const CallOptions& call) override {
    return upload_->StreamPart(offset_bytes, length_bytes, read, call);
  }
  Status CopyPart(uint64_t offset_bytes, const PartSource& from, uint64_t length_bytes,
                  const CallOptions& call) override {
    return upload_->CopyPart(offset_bytes, from, length_bytes, call);
  }
  Result<ObjectInfo> Commit(const CallOptions& call) override { return upload_->Commit(call); }
  Status Abort(const CallOptions& call) override { return upload_->Abort(call); }

 private:
  const SourcePtr source_;  // Outlives the upload.
  const std::unique_ptr<Upload> upload_;
};

class SlotUfs final : public LateUfs, private AttributeStore {
 public:
  explicit SlotUfs(const UfsTraits& expected)
      : expected_(expected), why_(Code::kIo, "the source was not opened yet") {}

  void Connect(std::unique_ptr<UnderFileSystem> source) override {
    MutexLock lock(mutex_);
    CHECK(!own_);
    own_ = std::make_unique<UfsTraits>(source->Traits());
    CHECK(own_->attributes == expected_.attributes);
    traits_ = own_.get();
    source_ = std::move(source);
  }
  void Disconnect(Status why) override {
    SourcePtr source;  // Destroyed after the lock is released.
    MutexLock lock(mutex_);
    source = std::exchange(source_, nullptr);
    why_ = std::move(why);
  }
  Status State() const override {
    MutexLock lock(mutex_);
    return source_ ? OkStatus() : why_;
  }

  const UfsTraits& Traits() const override { return *traits_; }
  AttributeStore* Attributes() override { return expected_.attributes ? this : nullptr; }
  Result<std::string> SourceIdentity(const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->SourceIdentity(call);
  }
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Stat(key, call);
  }
  Result<ObjectInfo> StatObject(std::string_view key, ObjectType type,
                                const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->StatObject(key, type, call);
  }
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->List(directory_key, options, call);
  }
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Read(key, etag, offset_bytes, out, call);
  }
  Result<uint64_t> ReadPieces(std::string_view key, std::string_view etag, Extent extent,
                              std::span<std::byte> piece, const TakePiece& take,
                              const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->ReadPieces(key, etag, extent, piece, take, call);
  }
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call) override {
    ASSIGN_OR_RETURN(SourcePtr source, Source());
    ASSIGN_OR_RETURN(std::unique_ptr<Upload> upload, source->Create(key, options, call));
    return std::unique_ptr<Upload>(
        std::make_unique<KeepingUpload>(std::move(source), std::move(upload)));
  }
  Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->ListUploads(call);
  }
  Status AbortUpload(const PendingUpload& upload, const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->AbortUpload(upload, call);
  }
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Move(from, to, options, call);
  }
  std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                             const CallOptions& call) override {
    Result<SourcePtr> source = Source();
    if (!source.ok()) return std::vector<Status>(requests.size(), source.status());
    return (*source)->Delete(requests, call);
  }
  Status Sync(const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Sync(call);
  }

 private:
  Status MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Attributes()->MakeDirectory(key, mode, call);
  }
  Status RemoveDirectory(std::string_view key, const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Attributes()->RemoveDirectory(key, call);
  }
  Result<ObjectInfo> MakeSymlink(std::string_view key, std::string_view target,
                                 const AttributeChange& attributes,
                                 const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Attributes()->MakeSymlink(key, target, attributes, call);
  }
  Result<ObjectInfo> Link(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Attributes()->Link(from, to, options, call);
  }
  Result<ObjectInfo> SetAttributes(std::string_view key, const AttributeChange& change,
                                   const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Attributes()->SetAttributes(key, change, call);
  }
  Result<UfsUsage> Usage(const CallOptions& call) override {
    ASSIGN_OR_RETURN(const SourcePtr source, Source());
    return source->Attributes()->Usage(call);
  }

  Result<SourcePtr> Source() const {
    MutexLock lock(mutex_);
    if (source_) return source_;
    return why_;
  }

  const UfsTraits expected_;
  std::atomic<const UfsTraits*> traits_{&expected_};
  mutable Mutex mutex_;  // A leaf; not held over calls of the source.
  SourcePtr source_ GUARDED_BY(mutex_);
  // The traits of the source, which may be gone.
  std::unique_ptr<const UfsTraits> own_ GUARDED_BY(mutex_);
  Status why_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<LateUfs> NewLateUfs(const UfsTraits& expected) {
  return std::make_unique<SlotUfs>(expected);
}

}  // namespace tarn::ufs
