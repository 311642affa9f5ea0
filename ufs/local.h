#pragma once

// A local directory as an under file system.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// Opens the directory `root`. kNotFound, kNotDirectory. Uploads in progress are files named
// ".tarn-upload.*" in the target's directory; listings leave them out. All access is by descriptors
// below the root, and follows no symlink inside it. `clock` outlives it.
Result<std::unique_ptr<UnderFileSystem>> OpenLocalUfs(const std::string& root, const Clock& clock);
UfsTraits LocalTraits();  // Equal for all directories.

}  // namespace tarn::ufs
