#include "ufs/s3/markers.h"

#include <optional>

#include "base/log.h"
#include "base/strings.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/names.h"
#include "ufs/s3/s3_ufs.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int kTries = 5;  // While another client changes a marker.

struct Marker {
  ObjectInfo info;
  bool says_more = false;  // Than that the directory is there.
};

Result<std::optional<Marker>> Find(S3UnderFileSystem& ufs, const std::string& key,
                                   const CallOptions& call) {
  if (ufs.FullKey(key).size() > kMaxKeyBytes) return std::optional<Marker>();
  S3Call head = ufs.NewCall("stat", "HEAD", key);
  AddCustomerKey(ufs.options(), head.headers);
  const Status asked = ufs.RunOne(head, call);
  // A user that may list below a prefix only is denied keys that are not there.
  const bool absent = asked.code() == Code::kNotFound || asked.code() == Code::kPermission;
  if (absent) return std::optional<Marker>();
  RETURN_IF_ERROR(asked);
  Marker marker;
  for (const auto& [name, value] : head.response.headers)
    if (name.starts_with("x-amz-meta-")) marker.says_more = true;
  ASSIGN_OR_RETURN(marker.info, ufs.InfoOf(key, head.response, call));
  if (marker.info.size_bytes > 0) marker.says_more = true;
  return std::optional<Marker>(std::move(marker));
}

bool AreAlike(const ObjectInfo& one, const ObjectInfo& other) {
  return one.etag == other.etag && one.size_bytes == other.size_bytes &&
         one.metadata == other.metadata && one.mode == other.mode && one.uid == other.uid &&
         one.gid == other.gid;
}

// kStale, kNotFound: another client has changed one of the two.
Status Copy(S3UnderFileSystem& ufs, const Marker& marker, const std::string& to,
            const CallOptions& call) {
  ASSIGN_OR_RETURN(const std::optional<Marker> there, Find(ufs, to, call));
  if (there && (!marker.says_more || AreAlike(marker.info, there->info))) return OkStatus();
  MoveOptions options({Precondition::Kind::kEtag, marker.info.etag});
  options.target = {Precondition::Kind::kAbsent, ""};
  if (there) options.target = {Precondition::Kind::kEtag, there->info.etag};
  RETURN_IF_ERROR(ufs.MoveObject(marker.info.key, to, options, call).status());
  if (there && there->info.size_bytes > 0) {
    LogWarning("the marker of a renamed directory has replaced ", ufs.FullKey(to), " of ",
               there->info.size_bytes, " bytes, ETag ", there->info.etag);
  }
  return OkStatus();
}

Status Remove(S3UnderFileSystem& ufs, const ObjectInfo& marker, const CallOptions& call) {
  RETURN_IF_ERROR(
      ufs.CheckPrecondition(marker.key, {Precondition::Kind::kEtag, marker.etag}, call));
  S3Call remove = ufs.NewCall("delete", "DELETE", marker.key);
  const Status removed = ufs.RunOne(remove, call);
  return removed.code() == Code::kNotFound ? OkStatus() : removed;
}

Status MoveOne(S3UnderFileSystem& ufs, const std::string& from, const std::string& to,
               const CallOptions& call) {
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(const std::optional<Marker> marker, Find(ufs, from, call));
    if (!marker) return OkStatus();
    if (IsFolderMarker(from) && marker->info.size_bytes > 0) return OkStatus();  // It is a file.
    Status status = Copy(ufs, *marker, to, call);
    if (status.ok()) status = Remove(ufs, marker->info, call);
    if (status.code() != Code::kStale && status.code() != Code::kNotFound) return status;
  }
  return Status(Code::kBusy, Concat("move the marker ", ufs.FullKey(from), " to ", ufs.FullKey(to),
                                    ": another client changes it all the time"));
}

}  // namespace

std::string FolderMarkerOf(std::string_view key) { return Concat(key, kFolderMarker); }

bool IsFolderMarker(std::string_view key) { return key.ends_with(kFolderMarker); }

Status MoveMarkers(S3UnderFileSystem& ufs, std::string_view from, std::string_view to,
                   const CallOptions& call) {
  RETURN_IF_ERROR(MoveOne(ufs, Concat(from, "/"), Concat(to, "/"), call));
  return MoveOne(ufs, FolderMarkerOf(from), FolderMarkerOf(to), call);
}

void DeleteFolderMarkers(S3UnderFileSystem& ufs, std::span<const DeleteRequest> requests,
                         std::span<const size_t> which, const CallOptions& call,
                         std::span<Status> results) {
  for (const size_t i : which) {
    if (requests[i].type != ObjectType::kDirectory || !results[i].ok()) continue;
    const Result<std::optional<Marker>> marker = Find(ufs, FolderMarkerOf(requests[i].key), call);
    results[i] = marker.status();
    const bool marks = marker.ok() && *marker && (*marker)->info.size_bytes == 0;
    if (marks) results[i] = Remove(ufs, (*marker)->info, call);
    if (results[i].code() == Code::kStale) results[i] = OkStatus();  // It is another one by now.
  }
}

}  // namespace tarn::ufs::s3
