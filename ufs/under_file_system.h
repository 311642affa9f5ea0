#pragma once

// The store of record below the cache: an object store or a directory. Thread-safe; blocks. Every
// call takes a deadline and a stop token (CallOptions). It answers kDeadlineExceeded once the
// deadline has passed, and kCancelled once the token has fired.
//
// Keys are relative to the mount: no leading or trailing '/', no empty, "." or ".." part; the root
// is "". A key is bytes. Reads and calls with a precondition are idempotent: the caller may retry
// after kUnavailable. Other calls may answer kMaybeCommitted: the caller looks (Stat) and settles.
//
// Every store implements UnderFileSystem. Some have an AttributeStore too, as Traits() says.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ufs/types.h"

namespace tarn::ufs {

// One object being written. Nothing of it is visible before Commit. An upload that is destroyed
// uncommitted is a leftover: ListUploads finds it. Abort removes it.
class Upload {
 public:
  virtual ~Upload() = default;
  virtual std::string UploadId() const = 0;  // With it a later process can abort or resume.
  // The ObjectInfo::file of the object that Commit will make visible. Empty: the store has none, or
  // does not know it before.
  virtual std::string File() const = 0;
  // Several threads may write parts at once and in any order. A part that is written again replaces
  // the first.
  virtual Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                           const CallOptions& call) = 0;
  // WritePart with bytes that `read` fills in while they are sent, from an offset in the object. So
  // a part of any size needs little memory on S3. The store may ask for bytes several times, and
  // must get the same each time.
  using ReadBytes = std::function<Status(uint64_t offset_bytes, std::span<std::byte> out)>;
  virtual Status StreamPart(uint64_t offset_bytes, uint64_t length_bytes, const ReadBytes& read,
                            const CallOptions& call);
  // Fills a part with bytes that the store itself copies. kStale: the source has another ETag.
  // kUnsupported: the store or this upload does not copy, so the caller writes the bytes.
  virtual Status CopyPart(uint64_t offset_bytes, const PartSource& from, uint64_t length_bytes,
                          const CallOptions& call) = 0;
  // Replaces the key atomically. Returns the info of the new object, ETag included. kStale: the
  // precondition failed.
  virtual Result<ObjectInfo> Commit(const CallOptions& call) = 0;
  virtual Status Abort(const CallOptions& call) = 0;  // Absent is OK.
};

class AttributeStore;

class UnderFileSystem {
 public:
  virtual ~UnderFileSystem() = default;
  virtual const UfsTraits& Traits() const = 0;
  virtual AttributeStore* Attributes() = 0;  // Null unless Traits().attributes. Owned by this.
  // Names the source itself: file system and root inode, or endpoint and bucket. kUnavailable: the
  // source cannot be recognized, for instance because the disk is not mounted. Then the absence of
  // a key means nothing.
  virtual Result<std::string> SourceIdentity(const CallOptions& call) = 0;

  virtual Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) = 0;
  // Asks the object itself, for the attributes that a listing left untold. The caller knows the
  // type. kNotFound: there is no object. A directory may exist without an object of its own.
  virtual Result<ObjectInfo> StatObject(std::string_view key, ObjectType type,
                                        const CallOptions& call);
  virtual Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                                const CallOptions& call) = 0;
  // Fills `out` from `offset`; short only at the end. `etag` may be an ObjectInfo::identity; empty:
  // any version. kStale: another version is there.
  virtual Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                              std::span<std::byte> out, const CallOptions& call) = 0;
  // Passes the bytes of `extent` to `take` in order, as they come: pieces of piece.size() bytes
  // (the last may be shorter), in `piece` or in other memory. Returns how many bytes `take` got:
  // fewer only at the end. They are right even if an error follows. Codes are those of Read, and of
  // `take`, whose error ends the reading.
  using TakePiece = std::function<Status(std::span<const std::byte>)>;
  virtual Result<uint64_t> ReadPieces(std::string_view key, std::string_view etag, Extent extent,
                                      std::span<std::byte> piece, const TakePiece& take,
                                      const CallOptions& call);

  // kUnsupported: a marker, in a store without markers.
  virtual Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                                 const CallOptions& call) = 0;
  // Leftover uploads below the mount: no Upload object of this process refers to them.
  virtual Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) = 0;
  virtual Status AbortUpload(const PendingUpload& upload, const CallOptions& call) = 0;

  // Makes `to` the object that `from` is, atomically. Then `from` is gone if
  // Traits().atomic_rename; otherwise it stays, and the caller deletes it. kStale: a precondition
  // failed; kNotFound: no `from`. Markers are moved with their bytes and metadata: they never stay,
  // and need not be there. kBusy: another client changes them all the time.
  virtual Result<ObjectInfo> Move(std::string_view from, std::string_view to,
                                  const MoveOptions& options, const CallOptions& call) = 0;
  // One status for each request, in order; absent is OK. Files and symlinks only.
  virtual std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                                     const CallOptions& call) = 0;
  // Makes all earlier commits durable. Does nothing unless Traits().commit_needs_sync.
  virtual Status Sync(const CallOptions& call) = 0;
};

class AttributeStore {
 public:
  virtual ~AttributeStore() = default;
  // An existing directory is OK. kNotDirectory: the key is no directory. Parents must exist.
  virtual Status MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) = 0;
  // Absent is OK. kNotEmpty: it stays.
  virtual Status RemoveDirectory(std::string_view key, const CallOptions& call) = 0;
  // Replaces a file or symlink at `key` atomically. The new one has the attributes from the start.
  virtual Result<ObjectInfo> MakeSymlink(std::string_view key, std::string_view target,
                                         const AttributeChange& attributes,
                                         const CallOptions& call) = 0;
  // Makes `to` another name of file `from`. Replaces a file or symlink there atomically.
  virtual Result<ObjectInfo> Link(std::string_view from, std::string_view to,
                                  const MoveOptions& options, const CallOptions& call) = 0;
  // Changes the object itself and follows no symlink. The info is that of the changed object, even
  // if another one has the key by then. kStale: the precondition failed.
  virtual Result<ObjectInfo> SetAttributes(std::string_view key, const AttributeChange& change,
                                           const CallOptions& call) = 0;
  virtual Result<UfsUsage> Usage(const CallOptions& call) = 0;
};

}  // namespace tarn::ufs
