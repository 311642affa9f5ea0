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
  // For ReadPieces: gets the version and the attributes that came with the bytes, where the store
  // sends them along; else its etag stays empty. Owned by the caller.
  ObjectInfo* told = nullptr;
};

// Bytes of an object.
struct Extent {
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  // The caller knows, of the version it names, that the object ends there. A hint: some stores
  // serve a whole object for less than a range of it.
  bool to_end = false;
  // Of the whole object, as far as the caller knows; 0: it does not. An answer that says otherwise
  // is of something else.
  uint64_t object_bytes = 0;
};

// kOther: fifo, socket, device.
enum class ObjectType : uint8_t { kFile, kDirectory, kSymlink, kOther };

// What a store can hold. Facts as data; nobody asks for the type.
struct UfsTraits {
  std::string scheme;  // "file", "s3", ...
  // Directories exist by themselves and must be made before what is in them.
  bool real_directories = false;
  // AttributeStore is there: mode, owner, times, xattrs, symlinks, hard links.
  bool attributes = false;
  bool conditional_writes = false;  // Preconditions are exact; otherwise best effort.
  bool atomic_rename = false;       // Move is one atomic step and cheap.
  bool commit_needs_sync = false;   // A commit is durable only after Sync.
  bool directory_markers = false;   // An empty directory may be an object of its own: a marker.
  bool writes_markers = false;      // Each directory made here is to have one, by Create.
  bool object_metadata = false;     // CreateOptions::metadata is kept and returned by Stat.
  bool holes = false;               // An object has holes where no part is written.
  uint64_t max_object_bytes = UINT64_MAX;
  uint64_t min_part_bytes = 0;  // Of all parts but the last; 0: parts of any size at any offset.
  uint32_t max_parts = UINT32_MAX;
  uint32_t max_key_bytes = 1024;
  uint32_t max_name_bytes = 255;
  // What counts where an object keeps none. Without an owner: that of the directory.
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
  // Changes whenever the bytes or attributes may have; opaque. Empty for directories.
  std::string etag;
  // A part of the etag that a rename, a link and a change of mode leave as it is (a local file's
  // inode number, size and mtime, the last number). Of a local directory: which one it is. Empty:
  // the store has none.
  std::string identity;
  // Which file it is, whatever its bytes (a local file's inode number and birth). Empty: the store
  // knows no files with several names.
  std::string file;
  int64_t mtime_ns = 0;
  // When the store took the object, attributes included, in seconds: that is what all answers tell.
  // 0: the etag tells as much.
  int64_t stored_s = 0;
  // Where Traits().attributes, or the object came with them; otherwise the defaults apply.
  uint32_t mode = 0;  // Permission bits only.
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t atime_ns = 0;
  bool mode_kept = false;  // The object came with it.
  bool uid_kept = false;
  bool gid_kept = false;
  // A listing does not tell what the object itself may keep, times included: StatObject does.
  bool attributes_untold = false;
  std::string symlink_target;
  std::map<std::string, std::string> xattrs;
  std::map<std::string, std::string> metadata;  // Where Traits().object_metadata; only from Stat.
};

struct ListOptions {
  // A name: only names sorting behind it in the store's order. Empty: from the start.
  std::string start_after;
  size_t page_size = 1000;
};

// The names directly below a prefix, each as an ObjectInfo whose key is full. Sorted by the store's
// order, in which a directory counts as "name/".
struct ListPage {
  std::vector<ObjectInfo> entries;
  std::string next_start_after;  // For the next page's start_after; empty at the end.
};

// What must hold of the key for a change to be made; otherwise kStale (something else is there) and
// nothing changed.
struct Precondition {
  enum class Kind : uint8_t { kNone, kAbsent, kEtag } kind = Kind::kNone;
  // ObjectInfo::etag; or ::identity, where changes of attributes do not matter; or ::file.
  std::string etag;
};

// Of a move, a copy or a link, which makes `to` what `from` is.
struct MoveOptions {
  MoveOptions() = default;
  MoveOptions(Precondition of_source) : source(std::move(of_source)) {}  // NOLINT: a shorthand.
  Precondition source;
  Precondition target;
  // Added to what the source has, where Traits().object_metadata.
  std::map<std::string, std::string> metadata;
  // kDirectory: the markers of a directory, where Traits() say so; nothing else above counts.
  ObjectType type = ObjectType::kFile;
};

// Which attributes SetAttributes changes.
struct AttributeChange {
  std::optional<uint32_t> mode;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
  std::optional<Timestamps> times;
  std::optional<std::map<std::string, std::string>> xattrs;  // The whole set; others are removed.
  Precondition precondition;  // Of the object that is changed, or replaced.
};

// What a store without Traits().attributes may keep beside an object's bytes.
struct FileAttributes {
  uint32_t mode = 0;  // Permission bits only.
  uint32_t uid = 0;
  uint32_t gid = 0;
  int64_t mtime_ns = 0;
};

struct CreateOptions {
  uint64_t size_bytes = 0;    // Known before; parts and holes cover exactly [0, size_bytes).
  std::vector<Extent> holes;  // Zeros that no part covers; only where Traits().holes.
  Precondition precondition;
  std::map<std::string, std::string> metadata;
  std::string content_type;  // Empty: by the key's extension.
  std::optional<FileAttributes> attributes;
  // Where Traits().attributes: the object has them when it becomes visible. An owner that may not
  // be given is left out. Its precondition does not count.
  std::optional<AttributeChange> exactly;
  ObjectType type = ObjectType::kFile;  // kDirectory: an empty marker, where Traits() say so.
};

// Where bytes of a part come from: an object of the same store, as it was when it had this ETag.
struct PartSource {
  std::string key;
  std::string etag;
  uint64_t offset_bytes = 0;
};

struct PendingUpload {
  std::string key;  // Of a local directory, which does not record it: that of its directory.
  std::string upload_id;
  int64_t started_ns = 0;
};

struct DeleteRequest {
  std::string key;
  Precondition precondition;
  ObjectType type = ObjectType::kFile;  // kDirectory: its marker, where Traits() say so.
};

struct UfsUsage {
  uint64_t capacity_bytes = 0;
  uint64_t free_bytes = 0;
  uint64_t inodes = 0;
  uint64_t free_inodes = 0;
};

}  // namespace tarn::ufs
