#pragma once

// A local directory as an under file system.

#include <memory>
#include <string>

#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// A local directory. `root` must exist and be a directory (kNotFound, kNotDirectory). Uploads in
// progress are files named ".tarn-upload.*" in the target's directory; they are never listed as
// entries. All access is by descriptor below the root: no symlink inside it is ever followed.
Result<std::unique_ptr<UnderFileSystem>> OpenLocalUfs(const std::string& root);
UfsTraits LocalTraits();  // The same for every directory.

}  // namespace tarn::ufs
