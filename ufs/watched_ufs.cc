#include "ufs/watched_ufs.h"

#include <utility>

namespace tarn::ufs {
namespace {

const Status& StatusOf(const Status& status) { return status; }
template <typename T>
Status StatusOf(const Result<T>& result) {
  return result.status();
}

class Watch {
 public:
  Watch(Availability& availability, Clock& clock, bool store)
      : availability_(availability), clock_(clock), store_(store) {}

  // Notes how the call ended, and passes its end on.
  template <typename T>
  T Noted(T end) {
    const Code code = end.code();
    if (code == Code::kCancelled) return end;
    const bool failed = code == Code::kUnavailable || code == Code::kDeadlineExceeded ||
                        code == Code::kMaybeCommitted || (code == Code::kIo && !store_);
    if (failed) {
      availability_.NoteFailure(StatusOf(end), clock_.WallNs());
    } else {
      availability_.NoteAnswer();
    }
    return end;
  }

 private:
  Availability& availability_;
  Clock& clock_;
  const bool store_;
};

class WatchedUpload final : public Upload {
 public:
  WatchedUpload(std::unique_ptr<Upload> upload, const Watch& watch)
      : upload_(std::move(upload)), watch_(watch) {}
  std::string UploadId() const override { return upload_->UploadId(); }
  std::string File() const override { return upload_->File(); }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override {
    return watch_.Noted(upload_->WritePart(offset_bytes, data, call));
  }
  // An error may be that of `read`, which says nothing of the source.
  Status StreamPart(uint64_t offset_bytes, uint64_t length_bytes, const ReadBytes& read,
                    const CallOptions& call) override {
    bool read_failed = false;
    const ReadBytes reading = [&](uint64_t offset, std::span<std::byte> out) {
      Status status = read(offset, out);
      if (!status.ok()) read_failed = true;
      return status;
    };
    Status status = upload_->StreamPart(offset_bytes, length_bytes, reading, call);
    return read_failed ? status : watch_.Noted(std::move(status));
  }
  Status CopyPart(uint64_t offset_bytes, const PartSource& from, uint64_t length_bytes,
                  const CallOptions& call) override {
    return watch_.Noted(upload_->CopyPart(offset_bytes, from, length_bytes, call));
  }
  Result<ObjectInfo> Commit(const CallOptions& call) override {
    return watch_.Noted(upload_->Commit(call));
  }
  Status Abort(const CallOptions& call) override { return watch_.Noted(upload_->Abort(call)); }

 private:
  const std::unique_ptr<Upload> upload_;
  Watch watch_;
};

class WatchedUfs final : public UnderFileSystem, private AttributeStore {
 public:
  WatchedUfs(std::unique_ptr<UnderFileSystem> source, Availability& availability, Clock& clock)
      : source_(std::move(source)), watch_(availability, clock, source_->Traits().scheme == "s3") {}

  const UfsTraits& Traits() const override { return source_->Traits(); }
  AttributeStore* Attributes() override { return store() == nullptr ? nullptr : this; }
  Result<std::string> SourceIdentity(const CallOptions& call) override {
    return source_->SourceIdentity(call);  // Some sources answer without being asked.
  }
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) override {
    return watch_.Noted(source_->Stat(key, call));
  }
  Result<ObjectInfo> StatObject(std::string_view key, ObjectType type,
                                const CallOptions& call) override {
    return watch_.Noted(source_->StatObject(key, type, call));
  }
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call) override {
    return watch_.Noted(source_->List(directory_key, options, call));
  }
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call) override {
    return watch_.Noted(source_->Read(key, etag, offset_bytes, out, call));
  }
  // An error may be that of `take`, which says nothing of the source.
  Result<uint64_t> ReadPieces(std::string_view key, std::string_view etag, Extent extent,
                              std::span<std::byte> piece, const TakePiece& take,
                              const CallOptions& call) override {
    bool take_failed = false;
    const TakePiece taking = [&](std::span<const std::byte> bytes) {
      Status status = take(bytes);
      if (!status.ok()) take_failed = true;
      return status;
    };
    Result<uint64_t> got = source_->ReadPieces(key, etag, extent, piece, taking, call);
    return take_failed ? got : watch_.Noted(std::move(got));
  }
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call) override {
    ASSIGN_OR_RETURN(std::unique_ptr<Upload> upload,
                     watch_.Noted(source_->Create(key, options, call)));
    return std::unique_ptr<Upload>(std::make_unique<WatchedUpload>(std::move(upload), watch_));
  }
  Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) override {
    return watch_.Noted(source_->ListUploads(call));
  }
  Status AbortUpload(const PendingUpload& upload, const CallOptions& call) override {
    return watch_.Noted(source_->AbortUpload(upload, call));
  }
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override {
    return watch_.Noted(source_->Move(from, to, options, call));
  }
  std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                             const CallOptions& call) override {
    std::vector<Status> ends = source_->Delete(requests, call);
    for (Status& end : ends) end = watch_.Noted(std::move(end));
    return ends;
  }
  // A store does nothing here, which is no answer.
  Status Sync(const CallOptions& call) override { return source_->Sync(call); }

 private:
  AttributeStore* store() const { return source_->Attributes(); }
  Status MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) override {
    return watch_.Noted(store()->MakeDirectory(key, mode, call));
  }
  Status RemoveDirectory(std::string_view key, const CallOptions& call) override {
    return watch_.Noted(store()->RemoveDirectory(key, call));
  }
  Result<ObjectInfo> MakeSymlink(std::string_view key, std::string_view target,
                                 const AttributeChange& attributes,
                                 const CallOptions& call) override {
    return watch_.Noted(store()->MakeSymlink(key, target, attributes, call));
  }
  Result<ObjectInfo> Link(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override {
    return watch_.Noted(store()->Link(from, to, options, call));
  }
  Result<ObjectInfo> SetAttributes(std::string_view key, const AttributeChange& change,
                                   const CallOptions& call) override {
    return watch_.Noted(store()->SetAttributes(key, change, call));
  }
  Result<UfsUsage> Usage(const CallOptions& call) override {
    return watch_.Noted(store()->Usage(call));
  }

  const std::unique_ptr<UnderFileSystem> source_;
  Watch watch_;
};

}  // namespace

std::optional<Availability::Outage> Availability::Get() const {
  MutexLock lock(mutex_);
  return outage_;
}

void Availability::NoteFailure(const Status& status, int64_t now_ns) {
  MutexLock lock(mutex_);
  if (!outage_) outage_ = Outage{now_ns, ""};
  outage_->last_error = status.Text();
}

void Availability::NoteAnswer() {
  MutexLock lock(mutex_);
  outage_.reset();
}

std::unique_ptr<UnderFileSystem> NewWatchedUfs(std::unique_ptr<UnderFileSystem> source,
                                               Availability& availability, Clock& clock) {
  return std::make_unique<WatchedUfs>(std::move(source), availability, clock);
}

}  // namespace tarn::ufs
