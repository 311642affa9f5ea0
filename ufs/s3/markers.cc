#include "ufs/s3/markers.h"

#include "base/log.h"
#include "base/strings.h"
#include "ufs/s3/names.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int kTries = 5;  // While another client changes a marker.

bool AreAlike(const ObjectInfo& one, const ObjectInfo& other) {
  return one.etag == other.etag && one.size_bytes == other.size_bytes &&
         one.metadata == other.metadata && one.mode == other.mode && one.uid == other.uid &&
         one.gid == other.gid;
}

}  // namespace

struct Markers::Marker {
  ObjectInfo info;
  bool says_more = false;  // It has bytes or metadata.
};

Result<std::optional<Markers::Marker>> Markers::Find(const std::string& key,
                                                     const CallOptions& call) {
  if (bucket_.FullKey(key).size() > kMaxKeyBytes) return std::optional<Marker>();
  S3Call head = bucket_.NewHead(key);
  const Status asked = bucket_.RunOne(head, call);
  // To a user that may list one prefix only, the store denies absent keys.
  const bool absent = asked.code() == Code::kNotFound || asked.code() == Code::kPermission;
  if (absent) return std::optional<Marker>();
  RETURN_IF_ERROR(asked);
  Marker marker;
  for (const auto& [name, value] : head.response.headers) {
    if (name.starts_with("x-amz-meta-")) marker.says_more = true;
  }
  ASSIGN_OR_RETURN(marker.info, bucket_.InfoOf(key, head.response, call));
  if (marker.info.size_bytes > 0) marker.says_more = true;
  return std::optional<Marker>(std::move(marker));
}

// kStale, kNotFound: another client has changed one of the two.
Status Markers::Copy(const Marker& marker, const std::string& to, const CallOptions& call) {
  ASSIGN_OR_RETURN(const std::optional<Marker> there, Find(to, call));
  if (there && (!marker.says_more || AreAlike(marker.info, there->info))) return OkStatus();
  MoveOptions options({Precondition::Kind::kEtag, marker.info.etag});
  options.target = {Precondition::Kind::kAbsent, ""};
  if (there) options.target = {Precondition::Kind::kEtag, there->info.etag};
  RETURN_IF_ERROR(copier_.Copy(marker.info.key, to, options, call).status());
  if (there && there->info.size_bytes > 0) {
    LogWarning("the marker of a renamed directory has replaced ", bucket_.FullKey(to), " of ",
               there->info.size_bytes, " bytes, ETag ", there->info.etag);
  }
  return OkStatus();
}

Status Markers::Remove(const ObjectInfo& marker, const CallOptions& call) {
  RETURN_IF_ERROR(
      versions_.CheckPrecondition(marker.key, {Precondition::Kind::kEtag, marker.etag}, call));
  S3Call remove = bucket_.NewCall("delete", "DELETE", marker.key);
  const Status removed = bucket_.RunOne(remove, call);
  return removed.code() == Code::kNotFound ? OkStatus() : removed;
}

Status Markers::MoveOne(const std::string& from, const std::string& to, const CallOptions& call) {
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(const std::optional<Marker> marker, Find(from, call));
    if (!marker) return OkStatus();
    if (IsFolderMarker(from) && marker->info.size_bytes > 0) return OkStatus();  // It is a file.
    Status status = Copy(*marker, to, call);
    if (status.ok()) status = Remove(marker->info, call);
    if (status.code() != Code::kStale && status.code() != Code::kNotFound) return status;
  }
  return Status(Code::kBusy,
                Concat("move the marker ", bucket_.FullKey(from), " to ", bucket_.FullKey(to),
                       ": another client changes it all the time"));
}

std::string FolderMarkerOf(std::string_view key) { return Concat(key, kFolderMarker); }

bool IsFolderMarker(std::string_view key) { return key.ends_with(kFolderMarker); }

std::string_view DirectoryOfFolderMarker(std::string_view part, const KeyPage::Entry& entry) {
  const bool marker = entry.object && entry.object->size_bytes == uint64_t{0} &&
                      part.size() > kFolderMarker.size() && part.ends_with(kFolderMarker);
  return marker ? part.substr(0, part.size() - kFolderMarker.size()) : std::string_view();
}

Status Markers::Move(std::string_view from, std::string_view to, const CallOptions& call) {
  RETURN_IF_ERROR(MoveOne(Concat(from, "/"), Concat(to, "/"), call));
  return MoveOne(FolderMarkerOf(from), FolderMarkerOf(to), call);
}

void Markers::DeleteFolderMarkers(std::span<const DeleteRequest> requests,
                                  std::span<const size_t> which, const CallOptions& call,
                                  std::span<Status> results) {
  for (const size_t i : which) {
    if (requests[i].type != ObjectType::kDirectory || !results[i].ok()) continue;
    const Result<std::optional<Marker>> marker = Find(FolderMarkerOf(requests[i].key), call);
    results[i] = marker.status();
    const bool marks = marker.ok() && *marker && (*marker)->info.size_bytes == 0;
    if (marks) results[i] = Remove((*marker)->info, call);
    if (results[i].code() == Code::kStale) results[i] = OkStatus();  // Another object replaced it.
  }
}

}  // namespace tarn::ufs::s3
