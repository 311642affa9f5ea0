#pragma once

// The objects that stand for directories: `dir/`, and `dir_$folder$` of Hadoop's tools, which is
// empty. Internal to ufs/s3. Functions without a state; they block on the store.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class S3UnderFileSystem;

inline constexpr std::string_view kFolderMarker = "_$folder$";

std::string FolderMarkerOf(std::string_view key);
bool IsFolderMarker(std::string_view key);

// Every marker of directory `from` becomes one of `to`, with its bytes and metadata. One that says
// more than that the directory is there replaces what `to` has. It may be called again after any
// failure. kBusy: another client changes them all the time.
Status MoveMarkers(S3UnderFileSystem& ufs, std::string_view from, std::string_view to,
                   const CallOptions& call);
// Removes the second kind, of those of `which` whose results are good. Files of such names stay.
void DeleteFolderMarkers(S3UnderFileSystem& ufs, std::span<const DeleteRequest> requests,
                         std::span<const size_t> which, const CallOptions& call,
                         std::span<Status> results);

}  // namespace tarn::ufs::s3
