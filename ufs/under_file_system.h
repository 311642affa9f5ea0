#pragma once

// The store of record below the cache: an object store or a directory. Thread-safe, blocking. Every
// call takes a Deadline and a stop token (CallOptions): past the one it gives kDeadlineExceeded,
// after the other kCancelled.
//
// Keys are relative to the mount: no leading or trailing '/', no empty, "." or ".." part; the root
// is "". A key is bytes. Reads and calls with a precondition are idempotent: kUnavailable may be
// retried. Others may answer kMaybeCommitted: the caller looks (Stat) and settles.
//
// Two interfaces keep each small: UnderFileSystem is what every store has; AttributeStore what
// Traits() says some have.

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

// One object being written. Nothing of it is visible before Commit. Destroying it uncommitted
// leaves it to be found by ListUploads; Abort removes it.
class Upload {
 public:
  virtual ~Upload() = default;
  virtual std::string UploadId() const = 0;  // With it a later process can abort or resume.
  // ObjectInfo::file of what Commit will make visible. Empty: the store knows no files, or none
  // before.
  virtual std::string File() const = 0;
  // Parts may be written in parallel from several threads and in any order; a part again replaces
  // it.
  virtual Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                           const CallOptions& call) = 0;
  // WritePart with bytes that `read` fills in when they are sent, from an offset in the object:
  // a part of any size takes little memory where that is what parts are sent for (S3). They may be
  // asked for several times, and must be the same each time.
  using ReadBytes = std::function<Status(uint64_t offset_bytes, std::span<std::byte> out)>;
  virtual Status StreamPart(uint64_t offset_bytes, uint64_t length_bytes, const ReadBytes& read,
                            const CallOptions& call);
  // As WritePart, with bytes that the store itself copies. kStale: the source has another ETag.
  // kUnsupported: the store, or this upload, does not copy; write the bytes.
  virtual Status CopyPart(uint64_t offset_bytes, const PartSource& from, uint64_t length_bytes,
                          const CallOptions& call) = 0;
  // Replaces the key atomically. kStale: the precondition failed. The info is of the new object,
  // ETag included.
  virtual Result<ObjectInfo> Commit(const CallOptions& call) = 0;
  virtual Status Abort(const CallOptions& call) = 0;  // Absent is OK.
};

class AttributeStore;

class UnderFileSystem {
 public:
  virtual ~UnderFileSystem() = default;
  virtual const UfsTraits& Traits() const = 0;
  virtual AttributeStore* Attributes() = 0;  // Null unless Traits().attributes. Owned by this.
  // Names the source itself (file system and root inode; endpoint and bucket); kUnavailable when it
  // cannot be recognized, for instance because the disk is not mounted: then absence of keys means
  // nothing.
  virtual Result<std::string> SourceIdentity(const CallOptions& call) = 0;

  virtual Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) = 0;
  // What the object itself says of a key whose type is known, for the attributes that a listing
  // left untold. kNotFound: there is none; a directory may be there without an object of its own.
  virtual Result<ObjectInfo> StatObject(std::string_view key, ObjectType type,
                                        const CallOptions& call);
  virtual Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                                const CallOptions& call) = 0;
  // Fills `out` from `offset`; short only at the end. kStale: `etag` (unless empty), which may be
  // an ObjectInfo::identity, is no longer what is there.
  virtual Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                              std::span<std::byte> out, const CallOptions& call) = 0;
  // Gives `take` the bytes of `extent` in order, as they come: pieces of piece.size() bytes (the
  // last may be shorter), in `piece` or memory like it. How many bytes were given: fewer only at
  // the end. What was given is right even if an error follows. Errors as Read's, and `take`'s,
  // which ends it.
  using TakePiece = std::function<Status(std::span<const std::byte>)>;
  virtual Result<uint64_t> ReadPieces(std::string_view key, std::string_view etag, Extent extent,
                                      std::span<std::byte> piece, const TakePiece& take,
                                      const CallOptions& call);

  // kUnsupported: a marker, where there are none.
  virtual Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                                 const CallOptions& call) = 0;
  // Uploads that no Upload object of this process holds, below the mount.
  virtual Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) = 0;
  virtual Status AbortUpload(const PendingUpload& upload, const CallOptions& call) = 0;

  // Makes `to` (replaced atomically) the object that `from` is; `from` is gone unless
  // Traits().atomic_rename is false, when it stays and the caller deletes it. kStale: a
  // precondition failed. kNotFound: no `from`. Markers are moved with their bytes and metadata,
  // never stay, and need not be there; kBusy: another client changes them all the time.
  virtual Result<ObjectInfo> Move(std::string_view from, std::string_view to,
                                  const MoveOptions& options, const CallOptions& call) = 0;
  // A status a request, in order; absent is OK. Files and symlinks only.
  virtual std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                                     const CallOptions& call) = 0;
  // Makes everything committed before durable. Nothing to do unless Traits().commit_needs_sync.
  virtual Status Sync(const CallOptions& call) = 0;
};

class AttributeStore {
 public:
  virtual ~AttributeStore() = default;
  // Existing directory is OK. kNotDirectory: something else is there. Parents must exist.
  virtual Status MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) = 0;
  // Absent is OK; kNotEmpty leaves it.
  virtual Status RemoveDirectory(std::string_view key, const CallOptions& call) = 0;
  // Replaces a file or symlink at `key` atomically. It has the attributes when it becomes visible.
  virtual Result<ObjectInfo> MakeSymlink(std::string_view key, std::string_view target,
                                         const AttributeChange& attributes,
                                         const CallOptions& call) = 0;
  // Makes `to` (a file or symlink there is replaced atomically) another name of file `from`.
  virtual Result<ObjectInfo> Link(std::string_view from, std::string_view to,
                                  const MoveOptions& options, const CallOptions& call) = 0;
  // Of the object itself, symlinks not followed. The info is read from the very object that was
  // changed, whatever has the key by then. kStale: the precondition failed.
  virtual Result<ObjectInfo> SetAttributes(std::string_view key, const AttributeChange& change,
                                           const CallOptions& call) = 0;
  virtual Result<UfsUsage> Usage(const CallOptions& call) = 0;
};

}  // namespace tarn::ufs
