#pragma once

// One bucket, or what is below a prefix of it, as a UFS. Internal to ufs/s3: see ufs/s3/open.h.
// Thread-safe.

#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "ufs/s3/client.h"
#include "ufs/s3/options.h"
#include "ufs/s3/upload_journal.h"
#include "ufs/s3/xml.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs::s3 {

struct PieceProgress;

class S3UnderFileSystem final : public UnderFileSystem {
 public:
  S3UnderFileSystem(S3Options options, std::unique_ptr<Client> client, Clock& clock);
  // The bucket is there and may be listed, our own uploads are known, and so is what the store can
  // do. kNotFound: no such bucket; kPermission: it may not be listed; kUnavailable.
  Status Start(const CallOptions& call);

  const UfsTraits& Traits() const override { return traits_; }
  AttributeStore* Attributes() override { return nullptr; }
  Result<std::string> SourceIdentity(const CallOptions& call) override;
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) override;
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call) override;
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call) override;
  Result<uint64_t> ReadPieces(std::string_view key, std::string_view etag, Extent extent,
                              std::span<std::byte> piece, const TakePiece& take,
                              const CallOptions& call) override;
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call) override;
  Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) override;
  Status AbortUpload(const PendingUpload& upload, const CallOptions& call) override;
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const Precondition& source,
                          const CallOptions& call) override;
  std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                             const CallOptions& call) override;
  Status Sync(const CallOptions& call) override;

  // For uploads, which must not outlive this.
  const S3Options& options() const { return options_; }
  std::string FullKey(std::string_view key) const;  // Of the bucket.
  std::string FullKey(const DeleteRequest& request) const;
  S3Call NewCall(std::string_view verb, std::string method, std::string_view key) const;
  Status RunOne(S3Call& one, const CallOptions& call) const;
  Result<ObjectInfo> Head(std::string_view key, const CallOptions& call) const;
  // kStale: something else is there than the precondition says.
  Status CheckPrecondition(std::string_view key, const Precondition& precondition,
                           const CallOptions& call) const;
  // Whether the store itself holds a PUT, or the completion of an upload, to its precondition.
  bool PutsAreConditional() const { return puts_are_conditional_; }
  bool IsAws() const { return client_->IsAws(); }
  bool CompletionsAreConditional() const { return traits_.conditional_writes; }
  void Run(std::span<S3Call> calls, const CallOptions& call) const { client_->Run(calls, call); }
  Result<std::string> StartUpload(std::string_view key, sigv4::Pairs headers,
                                  const CallOptions& call);
  struct PartTarget {
    std::string key;
    std::string upload_id;
    uint32_t number = 0;
  };
  // The part's ETag. kStale: the source was replaced.
  Result<std::string> CopyToPart(const PartSource& from, uint64_t length_bytes,
                                 const PartTarget& to, const CallOptions& call) const;
  Status AbortById(std::string_view key, const std::string& upload_id, const CallOptions& call);
  // Aborts the uploads of this key that nobody here holds: the answer that told their id was lost.
  void AbortUnknown(std::string_view key, const CallOptions& call);
  void LetGo(const std::string& upload_id);   // Nobody holds it any more.
  void Forget(const std::string& upload_id);  // It is committed or aborted.

 private:
  struct Range;
  struct Raw;  // A page of a listing as the store gives it.
  Status CheckObjectKey(std::string_view key) const;
  Status CheckNewObject(std::string_view key, const CreateOptions& options) const;
  Result<size_t> ReadRanges(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                            std::span<std::byte> out, const CallOptions& call) const;
  Status GetPieces(std::string_view key, PieceProgress& progress, std::span<std::byte> piece,
                   const CallOptions& call) const;
  Result<size_t> ReadAtEnd(std::string_view key, std::string_view etag,
                           const CallOptions& call) const;
  // One listing, asked for again where the answer cannot be understood.
  Result<ObjectListing> RunListing(S3Call& list, const CallOptions& call) const;
  Result<Raw> ListRaw(std::string_view prefix, std::string_view after, size_t count,
                      const CallOptions& call) const;
  Status AddEntries(std::string_view directory_key, const Raw& raw, std::string_view after,
                    ListPage& page, const CallOptions& call);
  Result<bool> IsHiddenByDirectory(const Raw& raw, std::string_view full_key,
                                   const CallOptions& call) const;
  void NoteSkipped(std::string_view full_key, std::string_view why);
  // All uploads of keys that begin so, page by page.
  Status EachUpload(const std::string& full_prefix, const CallOptions& call,
                    const std::function<void(const ListedUpload&)>& visit) const;
  Status ProbeConditionalWrites(const CallOptions& call);
  Result<std::unique_ptr<Upload>> NewUpload(std::string_view key, const CreateOptions& options,
                                            sigv4::Pairs headers, const CallOptions& call);
  Result<ObjectInfo> Copy(const ObjectInfo& source, std::string_view to, const CallOptions& call);
  Result<ObjectInfo> CopyInParts(const ObjectInfo& source, sigv4::Pairs headers,
                                 std::string_view to, const CallOptions& call);
  // For stores that do not copy such an object (kUnsupported): its bytes come and go by here. Each
  // part has as long as is left of the call.
  Result<ObjectInfo> CopyByHand(const ObjectInfo& source, sigv4::Pairs headers, std::string_view to,
                                const CallOptions& call);
  S3Call NewPartCopy(const PartSource& from, uint64_t length_bytes, const PartTarget& to) const;
  Status CopyParts(const ObjectInfo& source, std::string_view to, const std::string& upload_id,
                   const CallOptions& call, ObjectInfo* info);
  void DeleteEach(std::span<const DeleteRequest> requests, std::span<const size_t> which,
                  const CallOptions& call, std::vector<Status>& results) const;
  std::vector<size_t> CheckDeletes(std::span<const DeleteRequest> requests, const CallOptions& call,
                                   std::vector<Status>& results) const;
  void DeleteTogether(std::span<const DeleteRequest> requests, std::span<const size_t> which,
                      const CallOptions& call, std::vector<Status>& results,
                      std::vector<size_t>& alone);
  Status DeleteBatch(std::span<const std::string> keys, const CallOptions& call,
                     std::span<Status> results) const;

  const S3Options options_;
  const std::unique_ptr<Client> client_;
  Clock& clock_;
  const int64_t opened_ns_;
  SkippedKeys own_skipped_;  // Where the options have none.
  SkippedKeys& skipped_;
  UfsTraits traits_;
  bool puts_are_conditional_ = false;
  std::unique_ptr<UploadJournal> journal_;  // Null: none is kept.
  std::atomic<bool> batches_work_ = true;

  Mutex mutex_;
  std::set<std::string> held_ GUARDED_BY(mutex_);  // Uploads of this process.
};

// Whether the etag is the bytes' MD5, or that of a multipart upload, as S3 makes them unless it
// encrypts with keys of its own.
bool IsMd5(std::string_view etag);

}  // namespace tarn::ufs::s3
