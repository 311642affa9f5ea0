#pragma once

// One bucket, or what is below a prefix of it, as a UFS. Internal to ufs/s3: see ufs/s3_ufs.h.
// Thread-safe.

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/mutex.h"
#include "s3wire/xml.h"
#include "ufs/s3/client.h"
#include "ufs/s3/pages.h"
#include "ufs/s3/upload_journal.h"
#include "ufs/s3_options.h"
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
  Result<ObjectInfo> StatObject(std::string_view key, ObjectType type,
                                const CallOptions& call) override;
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
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const MoveOptions& options,
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
  Result<ObjectInfo> Head(std::string_view key, const CallOptions& call);
  // What an answer to HEAD says; a size that it lacks is looked up.
  Result<ObjectInfo> InfoOf(std::string_view key, http::Response& answer, const CallOptions& call);
  // kStale: something else is there than the precondition says.
  Status CheckPrecondition(std::string_view key, const Precondition& precondition,
                           const CallOptions& call);
  // Read and Move of a file, or of the key of a marker.
  Result<size_t> ReadObject(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                            std::span<std::byte> out, const CallOptions& call);
  Result<ObjectInfo> MoveObject(std::string_view from, std::string_view to,
                                const MoveOptions& options, const CallOptions& call);
  // Whether the object with the ETag `there` is the version that `expected`, perhaps of a listing,
  // names.
  bool IsVersion(std::string_view key, std::string_view there, std::string_view expected,
                 const CallOptions& call);
  // Whether the store itself holds a PUT, or the completion of an upload, to its precondition.
  bool PutsAreConditional() const { return puts_are_conditional_; }
  // It takes such a PUT at all, whether it looks at the condition or not.
  bool TakesConditions() const { return takes_conditions_; }
  bool IsAws() const { return client_->IsAws(); }
  bool SignsPayloads() const { return client_->SignsPayloads(); }
  // An ETag of 32 hexadecimal digits is the MD5 of what one PUT sent, as far as is known,
  bool EtagsMayBeMd5() const { return etags_may_be_md5_; }
  void NoteOpaqueEtags(std::string_view what);
  // The MD5 of the version with this ETag. kStale: another one is there.
  Result<Md5Digest> ReadBack(std::string_view key, const std::string& etag, uint64_t size_bytes,
                             const CallOptions& call);
  // and that of a part was, at least once.
  bool PartEtagsAreMd5() const { return part_etags_are_md5_; }
  void NotePartEtagIsMd5() { part_etags_are_md5_ = true; }
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
  // The bucket is there; what is mounted is no object; what kind of markers it has.
  Status LookAtRoot(const CallOptions& call);
  Result<ObjectInfo> StatUnlisted(std::string_view key, S3Call& object, const ObjectInfo& directory,
                                  const Status& refusal, const CallOptions& call);
  Status CheckObjectKey(std::string_view key) const;
  Status CheckNewObject(std::string_view key, const CreateOptions& options) const;
  enum class Accept : uint8_t { kIdentity, kGzip };  // HttpRequest::accepts_gzip.
  Result<size_t> ReadRanges(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                            std::span<std::byte> out, Accept accept, const CallOptions& call);
  Status GetPieces(std::string_view key, PieceProgress& progress, std::span<std::byte> piece,
                   const CallOptions& call) const;
  Result<size_t> ReadAtEnd(std::string_view key, std::string_view etag, const CallOptions& call);
  Result<std::optional<ObjectInfo>> InfoOfEntry(const std::string& prefix, const KeyPage& raw,
                                                const KeyPage::Entry& entry,
                                                const CallOptions& call);
  Status AddEntries(std::string_view directory_key, const std::string& prefix, const KeyPage& raw,
                    ListPage& page, const CallOptions& call);
  Result<bool> IsHiddenByDirectory(const KeyPage& raw, std::string_view full_key,
                                   const CallOptions& call);
  // What a listing has of this one object; nullopt: nothing.
  Result<std::optional<s3wire::ListedObject>> Listed(std::string_view key, const CallOptions& call);
  // The ETag that HEAD and GET have for the version that `etag` of a listing names.
  std::string KnownAs(std::string_view key, std::string_view etag) const;  // As far as is known.
  // Looks. kStale: another version is there.
  Result<std::string> ResolveEtag(std::string_view key, std::string_view etag,
                                  const CallOptions& call);
  void DistrustListedEtags(std::string_view key, std::string_view listed, std::string_view own);
  Status SampleEtags(std::span<const ObjectInfo> entries, const CallOptions& call);
  // Asks for what the listing of these files lacks, or cannot be trusted in.
  Status ConfirmEntries(std::vector<ObjectInfo>& entries, const CallOptions& call);
  void TellAttributes(ListPage& page, const CallOptions& call);
  void NoteSkipped(std::string_view full_key, std::string_view why);
  // All uploads of keys that begin so, page by page.
  Status EachUpload(const std::string& full_prefix, const CallOptions& call,
                    const std::function<void(const s3wire::ListedUpload&)>& visit) const;
  Status ProbeConditionalWrites(const CallOptions& call);
  // Parts have `part_bytes`, or more where they would be too many.
  Result<std::unique_ptr<Upload>> NewUpload(std::string_view key, const CreateOptions& options,
                                            sigv4::Pairs headers, uint64_t part_bytes,
                                            const CallOptions& call);
  // `instead`: of the metadata that the source has; empty: the copy has the same.
  Result<ObjectInfo> Copy(const ObjectInfo& source, sigv4::Pairs instead, std::string_view to,
                          const CallOptions& call);
  Result<ObjectInfo> CopyInParts(const ObjectInfo& source, sigv4::Pairs headers,
                                 std::string_view to, const CallOptions& call);
  // For stores that do not copy such an object. Each part has what the call has left.
  Result<ObjectInfo> CopyByHand(const ObjectInfo& source, sigv4::Pairs headers, std::string_view to,
                                const CallOptions& call);
  S3Call NewPartCopy(const PartSource& from, uint64_t length_bytes, const PartTarget& to) const;
  Status CopyParts(const ObjectInfo& source, std::string_view to, const std::string& upload_id,
                   const CallOptions& call, ObjectInfo* info);

  const S3Options options_;
  const std::unique_ptr<Client> client_;
  Clock& clock_;
  const int64_t opened_ns_;
  SkippedKeys own_skipped_;  // Where the options have none.
  SkippedKeys& skipped_;
  UfsTraits traits_;
  bool puts_are_conditional_ = false;
  bool takes_conditions_ = true;
  std::unique_ptr<UploadJournal> journal_;  // Null: none is kept.
  std::atomic<bool> batches_work_ = true;
  std::atomic<bool> etags_may_be_md5_ = true;
  std::atomic<bool> part_etags_are_md5_ = false;
  Pages pages_;
  std::atomic<bool> has_folder_markers_ = false;  // Keys that end in "_$folder$" were seen.
  std::atomic<bool> listed_etags_count_ = true;   // They are those of HEAD and GET.
  std::atomic<bool> put_etags_known_ = false;     // An object made by one PUT was compared,
  std::atomic<bool> part_etags_known_ = false;    // and one made of parts.

  mutable Mutex mutex_;
  std::set<std::string> held_ GUARDED_BY(mutex_);  // Uploads of this process.
  // By key and ETag of a listing: the ETag of HEAD and GET.
  std::map<std::pair<std::string, std::string>, std::string> aliases_ GUARDED_BY(mutex_);
};

// Whether it is an MD5 of bytes or parts, as S3 makes unless it encrypts with keys of its own.
bool IsMd5(std::string_view etag);
// Whether an answer's ETag may be the MD5 of the bytes sent. It is not where the store encrypts
// with keys of a key service or a customer, of itself too if the bucket says so. Others have ETags
// of their own that look like one.
bool MayBeMd5(const S3Options& options, const http::Response& answer);

}  // namespace tarn::ufs::s3
