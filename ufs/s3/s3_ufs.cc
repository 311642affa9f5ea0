// One bucket, or the part of it below a prefix, as an under file system. Door: ufs/s3.h.

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/strings.h"
#include "ufs/s3.h"
#include "ufs/s3/bucket.h"
#include "ufs/s3/copier.h"
#include "ufs/s3/deletion.h"
#include "ufs/s3/etag_digests.h"
#include "ufs/s3/lister.h"
#include "ufs/s3/lookup.h"
#include "ufs/s3/markers.h"
#include "ufs/s3/multipart_uploads.h"
#include "ufs/s3/names.h"
#include "ufs/s3/object_writer.h"
#include "ufs/s3/piece_reader.h"
#include "ufs/s3/probe.h"
#include "ufs/s3/reader.h"
#include "ufs/s3/versions.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr uint64_t kMaxObjectBytes = 5ULL << 40;
constexpr uint32_t kMaxParts = 10'000;
constexpr size_t kCustomerKeyBytes = 32;

Status CheckOptions(const S3Options& options) {
  if (options.encryption == Encryption::kCustomer) {
    const std::optional<std::string> key = DecodeBase64(options.customer_key);
    if (!key || key->size() != kCustomerKeyBytes) {
      return Status(Code::kInvalid,
                    "tarn.underfs.s3.encryption.customer.key: not 32 bytes in base64");
    }
  }
  return CheckKey(options.prefix.substr(0, options.prefix.size() - !options.prefix.empty()));
}

class S3UnderFileSystem final : public UnderFileSystem {
 public:
  S3UnderFileSystem(std::unique_ptr<Bucket> bucket, std::unique_ptr<UploadJournal> journal,
                    const Conditions& conditions)
      : bucket_(std::move(bucket)),
        traits_(TraitsOf(bucket_->options())),
        multiparts_(*bucket_, std::move(journal)),
        writer_({*bucket_, versions_, reader_, multiparts_, digests_, conditions}) {
    traits_.conditional_writes = conditions.holds_completions;
  }

  const UfsTraits& Traits() const override { return traits_; }
  AttributeStore* Attributes() override { return nullptr; }
  Result<std::string> SourceIdentity(const CallOptions& call) override;
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) override {
    RETURN_IF_ERROR(bucket_->Check(call));
    return lookup_.Stat(key, call);
  }
  Result<ObjectInfo> StatObject(std::string_view key, ObjectType type,
                                const CallOptions& call) override {
    RETURN_IF_ERROR(bucket_->Check(call));
    return lookup_.StatObject(key, type, call);
  }
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call) override {
    RETURN_IF_ERROR(bucket_->Check(call));
    return lister_.List(directory_key, options, call);
  }
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call) override {
    RETURN_IF_ERROR(CheckObject(key, call));
    return reader_.Read(key, etag, offset_bytes, out, call);
  }
  Result<uint64_t> ReadPieces(std::string_view key, std::string_view etag, Extent extent,
                              std::span<std::byte> piece, const TakePiece& take,
                              const CallOptions& call) override {
    RETURN_IF_ERROR(CheckObject(key, call));
    return piece_reader_.Read(key, etag, extent, piece, take, call);
  }
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call) override {
    RETURN_IF_ERROR(bucket_->Check(call));
    return writer_.Create(key, options, call);
  }
  Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) override {
    RETURN_IF_ERROR(bucket_->Check(call));
    return multiparts_.List(call);
  }
  Status AbortUpload(const PendingUpload& upload, const CallOptions& call) override {
    RETURN_IF_ERROR(CheckObject(upload.key, call));
    return multiparts_.Abort(upload.key, upload.upload_id, call);
  }
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override;
  std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                             const CallOptions& call) override;
  Status Sync(const CallOptions& call) override { return bucket_->Check(call); }

 private:
  Status CheckObject(std::string_view key, const CallOptions& call) const {
    RETURN_IF_ERROR(bucket_->Check(call));
    return bucket_->CheckObjectKey(key);
  }

  const std::unique_ptr<Bucket> bucket_;
  UfsTraits traits_;
  Versions versions_{*bucket_};
  Lookup lookup_{*bucket_};
  Lister lister_{*bucket_, versions_};
  Reader reader_{*bucket_, versions_};
  PieceReader piece_reader_{*bucket_, versions_, reader_};
  EtagDigests digests_{bucket_->client()};
  MultipartUploads multiparts_;
  ObjectWriter writer_;
  Copier copier_{*bucket_, versions_, reader_, multiparts_, writer_};
  Markers markers_{*bucket_, versions_, copier_};
  std::atomic<bool> batches_work_ = true;
};

Result<std::string> S3UnderFileSystem::SourceIdentity(const CallOptions& call) {
  RETURN_IF_ERROR(bucket_->Check(call));
  // No request is needed to tell a bucket that is gone from an empty one: its listing fails with
  // NoSuchBucket. A bucket of AWS has one name all over the world, whatever its region.
  const Client& client = bucket_->client();
  return Concat("s3:", client.IsAws() ? "aws" : client.Endpoint(), "/", bucket_->options().bucket,
                "/", bucket_->options().prefix);
}

Result<ObjectInfo> S3UnderFileSystem::Move(std::string_view from, std::string_view to,
                                           const MoveOptions& options, const CallOptions& call) {
  RETURN_IF_ERROR(CheckObject(from, call));
  RETURN_IF_ERROR(bucket_->CheckObjectKey(to));
  if (options.type != ObjectType::kDirectory) return copier_.Copy(from, to, options, call);
  RETURN_IF_ERROR(markers_.Move(from, to, call));
  return bucket_->DirectoryInfo(to);
}

std::vector<Status> S3UnderFileSystem::Delete(std::span<const DeleteRequest> requests,
                                              const CallOptions& call) {
  const Status status = bucket_->Check(call);
  if (!status.ok()) return std::vector<Status>(requests.size(), status);
  return Deletion({*bucket_, versions_, markers_, batches_work_}, requests, call).Run();
}

}  // namespace

UfsTraits TraitsOf(const S3Options& options) {
  UfsTraits traits;
  traits.scheme = "s3";
  traits.object_metadata = true;
  traits.directory_markers = true;
  traits.writes_markers = options.write_directory_markers;
  traits.max_object_bytes = kMaxObjectBytes;
  traits.min_part_bytes = options.part_bytes;
  traits.max_parts = kMaxParts;
  traits.max_key_bytes = static_cast<uint32_t>(kMaxKeyBytes - options.prefix.size());
  traits.max_name_bytes = kMaxNameBytes;
  traits.default_file_mode = options.default_file_mode;
  traits.default_directory_mode = options.default_directory_mode;
  traits.default_uid = options.default_uid;
  traits.default_gid = options.default_gid;
  return traits;
}

Result<std::unique_ptr<UnderFileSystem>> OpenS3Ufs(const S3Options& options,
                                                   const Environment& environment, Clock& clock,
                                                   const CallOptions& call) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(std::unique_ptr<Client> client, NewClient(options, environment, clock));
  auto bucket = std::make_unique<Bucket>(options, std::move(client), clock);
  RETURN_IF_ERROR(LookAtRoot(*bucket, call));
  std::unique_ptr<UploadJournal> journal;
  if (!options.upload_journal.empty()) {
    ASSIGN_OR_RETURN(journal, UploadJournal::Open(options.upload_journal));
  }
  ASSIGN_OR_RETURN(const Conditions conditions, ProbeConditions(*bucket, call));
  return std::unique_ptr<UnderFileSystem>(
      std::make_unique<S3UnderFileSystem>(std::move(bucket), std::move(journal), conditions));
}

}  // namespace tarn::ufs::s3
