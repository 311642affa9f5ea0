#pragma once

// Files of reserved names that this process does not hold: uploads that a dead process left.
// Thread-safe.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ufs/local/held_uploads.h"
#include "ufs/local/local_root.h"
#include "ufs/types.h"

namespace tarn::ufs {

class LeftoverUploads {
 public:
  // Both outlive it.
  LeftoverUploads(LocalRoot& root, HeldUploads& held) : root_(root), held_(held) {}

  // Contract: UnderFileSystem::ListUploads.
  Result<std::vector<PendingUpload>> List(const CallOptions& call);
  // Contract: UnderFileSystem::AbortUpload.
  Status Abort(const PendingUpload& upload);
  // Removes the leftovers of a directory that has nothing else: they would keep it from being
  // removed. kNotEmpty: it has other names.
  Status RemoveFrom(std::string_view directory_key);

 private:
  Status Find(const std::string& directory_key, const CallOptions& call,
              std::vector<PendingUpload>* found, std::vector<std::string>* directories);

  LocalRoot& root_;
  HeldUploads& held_;
};

}  // namespace tarn::ufs
