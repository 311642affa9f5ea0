#include "ufs/s3/lookup.h"

#include <span>
#include <string>
#include <vector>

#include "base/strings.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/markers.h"
#include "ufs/s3/names.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {

// Without the right to list, only a marker tells a directory from an absent name.
Result<ObjectInfo> Lookup::StatUnlisted(std::string_view key, S3Call& object, const Status& refusal,
                                        const CallOptions& call) {
  if (object.status.ok()) return bucket_.InfoOf(key, object.response, call);
  S3Call marker = bucket_.NewHead(key);
  marker.key += '/';
  marker.what += '/';
  if (!bucket_.RunOne(marker, call).ok()) return refusal;
  ObjectInfo marked = bucket_.DirectoryInfo(key);
  const Result<ObjectInfo> told = bucket_.InfoOf(key, marker.response, call);
  if (told.ok()) TakeTold(*told, marked);
  return marked;
}

Result<ObjectInfo> Lookup::Stat(std::string_view key, const CallOptions& call) {
  RETURN_IF_ERROR(CheckKeyForS3(bucket_.options().prefix, key));
  ObjectInfo directory = bucket_.DirectoryInfo(key);
  if (key.empty()) return directory;
  const std::string prefix = Concat(bucket_.FullKey(key), "/");
  std::vector<S3Call> calls = {bucket_.NewHead(key), bucket_.pages().CallForOne(prefix)};
  if (bucket_.has_folder_markers()) calls.push_back(bucket_.NewHead(FolderMarkerOf(key)));
  bucket_.Run(calls, call);
  const Result<KeyPage> below = bucket_.pages().FinishOne(prefix, std::move(calls[1]), call);
  if (below.ok() && !below->entries.empty()) {
    // The directory's marker is the first of all keys below it.
    const bool marked = below->entries.front().full_key == prefix;
    directory.attributes_untold = marked && bucket_.options().keep_attributes;
    return directory;
  }
  if (calls.size() > 2 && calls[2].status.ok()) return directory;
  S3Call& object = calls[0];
  if (below.code() == Code::kPermission) return StatUnlisted(key, object, below.status(), call);
  RETURN_IF_ERROR(below.status());
  RETURN_IF_ERROR(object.status);
  ASSIGN_OR_RETURN(ObjectInfo info, bucket_.InfoOf(key, object.response, call));
  if (info.size_bytes > 0 || !IsFolderMarker(key)) return info;
  return Status(Code::kNotFound, Concat(object.what, ": it marks a directory"));
}

// What HEAD tells but the size, by a GET of one byte. An empty object has no such range: then by a
// GET of all of it.
Result<ObjectInfo> Lookup::StatByGet(std::string_view key, const CallOptions& call) const {
  Status status;
  for (const char* range : {"bytes=0-0", ""}) {
    std::byte byte{};
    S3Call get = bucket_.NewCall("stat", "GET", key);
    get.sink = std::span(&byte, 1);
    if (*range != '\0') get.headers.emplace_back("Range", range);
    AddCustomerKey(bucket_.options(), get.headers);
    status = bucket_.RunOne(get, call);
    if (status.code() == Code::kRange) continue;
    RETURN_IF_ERROR(status);
    ObjectInfo info;
    TakeHeaders(bucket_.options(), get.response, info);
    return info;
  }
  return status;
}

bool Lookup::IsKnownAbsent(const std::string& full_marker, const CallOptions& call) {
  S3Call one = bucket_.pages().CallForOne(full_marker);
  (void)bucket_.RunOne(one, call);
  const Result<KeyPage> below = bucket_.pages().FinishOne(full_marker, std::move(one), call);
  return below.ok() && (below->entries.empty() || below->entries.front().full_key != full_marker);
}

Result<ObjectInfo> Lookup::StatObject(std::string_view key, ObjectType type,
                                      const CallOptions& call) {
  RETURN_IF_ERROR(CheckKeyForS3(bucket_.options().prefix, key));
  const bool directory = type == ObjectType::kDirectory;
  // The root's marker is the prefix itself.
  if (key.empty() && (!directory || bucket_.options().prefix.empty())) {
    return Status(Code::kNotFound, "the root of a bucket is no object");
  }
  const std::string object_key = key.empty() ? std::string() : ObjectKey(key, type);
  Result<ObjectInfo> info = bucket_.Head(object_key, call);
  const bool refused = info.code() == Code::kPermission || info.code() == Code::kUnsupported;
  // A policy that allows listings by their prefix refuses the HEAD of an absent marker, too.
  if (refused && directory) {
    const std::string marker = bucket_.FullKey(object_key);
    if (IsKnownAbsent(marker, call)) {
      return Status(Code::kNotFound, Concat("stat ", marker, ": absent"));
    }
  }
  if (refused) {
    Result<ObjectInfo> got = StatByGet(object_key, call);
    if (got.ok()) info = std::move(got);
  }
  RETURN_IF_ERROR(info.status());
  info->key = std::string(key);
  info->type = type;
  return info;
}

}  // namespace tarn::ufs::s3
