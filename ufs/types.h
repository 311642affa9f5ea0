#pragma once

// What the calls of an under file system take and give (ufs/under_file_system.h). Values.

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace tarn::ufs {

struct ObjectInfo;

struct CallOptions {
  Deadline deadline = Deadline::Never();
  std::stop_token stop;
  // Output of ReadPieces: version and attributes, if the store sends them with the bytes; otherwise
  // its etag stays empty. Owned by the caller.
  ObjectInfo* told = nullptr;
};

// A range of bytes of an object.
struct Extent {
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  // The object ends there, in the version that the caller names. A hint: for some stores a whole
  // object costs less than a range of it.
  bool to_end = false;
  // The size of the whole object; 0: the caller does not know it. An answer with another size is
  // wrong.
  uint64_t object_bytes = 0;
};

// kOther: fifo, socket, device.
enum class ObjectType : uint8_t { kFile, kDirectory, kSymlink, kOther };

// What a store can do and hold. Callers branch on these facts, never on the type of the store.
struct UfsTraits {
  std::string scheme;  // "file", "s3", ...
  // Directories are objects: a caller makes one before it makes names in it.
  bool real_directories = false;
  // The store has an AttributeStore: mode, owner, times, xattrs, symlinks, hard links.
  bool attributes = false;
  bool conditional_writes = false;  // Preconditions are exact; otherwise best effort.
  bool atomic_rename = false;       // Move is one atomic step and cheap.
  bool commit_needs_sync = false;   // A commit is durable only after Sync.
  bool directory_markers = false;   // An empty directory may be an object of its own: a marker.
  bool writes_markers = false;      // Tarn creates a marker for each directory.
  bool object_metadata = false;     // CreateOptions::metadata is kept and returned by Stat.
  bool holes = false;               // Parts may leave holes in an object.
  uint64_t max_object_bytes = UINT64_MAX;
  // The least size of all parts but the last; 0: parts may have any size at any offset.
  uint64_t min_part_bytes = 0;
  uint32_t max_parts = UINT32_MAX;
  uint32_t max_key_bytes = 1024;
  uint32_t max_name_bytes = 255;
  // The attributes of objects that keep none. Without an owner here: that of the directory.
  uint32_t default_file_mode = 0644;
  uint32_t default_directory_mode = 0755;
  std::optional<uint32_t> default_uid;
  std::optional<uint32_t> default_gid;
};

struct Timestamps {
  int64_t atime_ns = 0;  // Since the epoch; may be negative.
  int64_t mtime_ns = 0;
};

struct ObjectInfo {
  std::string key;
  ObjectType type = ObjectType::kFile;
  uint64_t size_bytes = 0;
  // Opaque. Changes whenever the bytes or attributes may have changed. Empty for directories.
  std::string etag;
  // A part of the etag that a rename, a link and a change of mode do not change: a local file's
  // inode number, size and, as the last number, mtime. A local directory has its `file` here.
  // Empty: the store has no identities.
  std::string identity;
  // Names the file whatever its bytes: a local file's inode number and birth time. Empty: in this
  // store a file has one name.
  std::string file;
  int64_t mtime_ns = 0;
  // When the store got the object with its attributes, in seconds, the precision of all answers. 0:
  // the etag changes with the attributes, so no reader needs it.
  int64_t stored_s = 0;
  // Valid if Traits().attributes, or if the object came with them; otherwise the defaults apply.
  uint32_t mode = 0;  // Permission bits only.
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t atime_ns = 0;
  bool mode_kept = false;  // The object came with its mode.
  bool uid_kept = false;
  bool gid_kept = false;
  // The object may keep attributes, times included, that a listing leaves out. StatObject tells
  // them.
  bool attributes_untold = false;
  std::string symlink_target;
  std::map<std::string, std::string> xattrs;
  std::map<std::string, std::string> metadata;  // If Traits().object_metadata; only from Stat.
};

struct ListOptions {
  // Only names after this one in the store's order. Empty: from the start.
  std::string start_after;
  size_t page_size = 1000;
};

// The names directly below a prefix. Each ObjectInfo has the full key. Sorted in the store's order,
// in which a directory counts as "name/".
struct ListPage {
  std::vector<ObjectInfo> entries;
  std::string next_start_after;  // For the next page's start_after; empty at the end.
};

// What must be at the key for a change to be made. Otherwise the change answers kStale and changes
// nothing.
struct Precondition {
  enum class Kind : uint8_t { kNone, kAbsent, kEtag } kind = Kind::kNone;
  // ObjectInfo::etag; or ::identity if changes of attributes do not matter; or ::file.
  std::string etag;
};

// Options of Move and Link, which make `to` what `from` is.
struct MoveOptions {
  MoveOptions() = default;
  MoveOptions(Precondition of_source) : source(std::move(of_source)) {}  // NOLINT: a shorthand.
  Precondition source;
  Precondition target;
  // Added to the metadata of the source, if Traits().object_metadata.
  std::map<std::string, std::string> metadata;
  // kDirectory: the markers of a directory, if Traits().directory_markers. No member above counts.
  ObjectType type = ObjectType::kFile;
};

// Which attributes SetAttributes changes.
struct AttributeChange {
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<Timestamps> times;
  std::optional<std::map<std::string, std::string>> xattrs;  // The whole set: others are removed.
  Precondition precondition;  // For the object that is changed or replaced.
};

// Attributes that a store without Traits().attributes may keep with an object.
struct FileAttributes {
  uint32_t mode = 0;  // Permission bits only.
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t mtime_ns = 0;
};

struct CreateOptions {
  uint64_t size_bytes = 0;    // Parts and holes cover exactly [0, size_bytes).
  std::vector<Extent> holes;  // Zeros that no part covers; only if Traits().holes.
  Precondition precondition;
  std::map<std::string, std::string> metadata;
  std::string content_type;  // Empty: by the key's extension.
  std::optional<FileAttributes> attributes;
  // If Traits().attributes: the object has these when it becomes visible. An owner that this
  // process may not give it is left out. The precondition in it does not count.
  std::optional<AttributeChange> exactly;
  // kDirectory: an empty marker, if Traits().directory_markers.
  ObjectType type = ObjectType::kFile;
};

// The source of a copied part: an object of the same store, in the version with this ETag.
struct PartSource {
  std::string key;
  std::string etag;
  uint64_t offset_bytes = 0;
};

struct PendingUpload {
  std::string key;  // In a local directory, which does not record it: the key of its directory.
  std::string upload_id;
  int64_t started_ns = 0;
};

struct DeleteRequest {
  std::string key;
  Precondition precondition;
  // kDirectory: its marker, if Traits().directory_markers.
  ObjectType type = ObjectType::kFile;
};

struct UfsUsage {
  uint64_t capacity_bytes = 0;
  uint64_t free_bytes = 0;
  uint64_t inodes = 0;
  uint64_t free_inodes = 0;
};

}  // namespace tarn::ufs
