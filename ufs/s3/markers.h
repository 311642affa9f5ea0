#pragma once

// The objects that stand for directories: `dir/`, and `dir_$folder$` of Hadoop's tools, which is
// empty. Thread-safe; blocks on the store.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ufs/s3/bucket.h"
#include "ufs/s3/copier.h"
#include "ufs/s3/pages.h"
#include "ufs/s3/versions.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

inline constexpr std::string_view kFolderMarker = "_$folder$";

std::string FolderMarkerOf(std::string_view key);
bool IsFolderMarker(std::string_view key);
// The directory that an entry of a listing marks in Hadoop's way; empty: it is no such marker. An
// object with bytes is a file. `part`: the last part of the entry's key.
std::string_view DirectoryOfFolderMarker(std::string_view part, const KeyPage::Entry& entry);

class Markers {
 public:
  // All outlive it.
  Markers(Bucket& bucket, Versions& versions, Copier& copier)
      : bucket_(bucket), versions_(versions), copier_(copier) {}

  // Makes every marker of directory `from` one of `to`, with its bytes and metadata. A marker that
  // has bytes or metadata replaces that of `to`. After a failure the caller may call it again.
  // kBusy: another client changes the markers all the time.
  Status Move(std::string_view from, std::string_view to, const CallOptions& call);
  // Removes the `_$folder$` markers of those of `which` whose results are OK. Files of such names
  // stay.
  void DeleteFolderMarkers(std::span<const DeleteRequest> requests, std::span<const size_t> which,
                           const CallOptions& call, std::span<Status> results);

 private:
  struct Marker;
  Result<std::optional<Marker>> Find(const std::string& key, const CallOptions& call);
  Status MoveOne(const std::string& from, const std::string& to, const CallOptions& call);
  Status Copy(const Marker& marker, const std::string& to, const CallOptions& call);
  Status Remove(const ObjectInfo& marker, const CallOptions& call);

  Bucket& bucket_;
  Versions& versions_;
  Copier& copier_;
};

}  // namespace tarn::ufs::s3
