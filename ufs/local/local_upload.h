#pragma once

// Uploads to a local directory: a file of a reserved name beside the target, renamed to it at
// commit.

#include <memory>
#include <string_view>

#include "base/status.h"
#include "ufs/local/held_uploads.h"
#include "ufs/local/local_root.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// Contract: UnderFileSystem::Create. `root` and `held` outlive the upload.
Result<std::unique_ptr<Upload>> NewLocalUpload(LocalRoot& root, HeldUploads& held,
                                               std::string_view key, const CreateOptions& options);

}  // namespace tarn::ufs
