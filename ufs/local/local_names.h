#pragma once

// Changes of names below a local directory: moves, deletions, links, directories. Thread-safe.

#include <string_view>

#include "base/status.h"
#include "ufs/local/held_uploads.h"
#include "ufs/local/leftover_uploads.h"
#include "ufs/local/local_paths.h"
#include "ufs/local/local_root.h"
#include "ufs/types.h"

namespace tarn::ufs {

class LocalNames {
 public:
  // All outlive it.
  LocalNames(LocalRoot& root, HeldUploads& held, LeftoverUploads& leftovers)
      : root_(root), held_(held), leftovers_(leftovers) {}

  // Contracts: the methods of these names of UnderFileSystem and AttributeStore.
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const MoveOptions& options);
  Status Delete(const DeleteRequest& request);
  Status MakeDirectory(std::string_view key, uint32_t mode);
  Status RemoveDirectory(std::string_view key);
  Result<ObjectInfo> MakeSymlink(std::string_view key, std::string_view target,
                                 const AttributeChange& attributes);
  Result<ObjectInfo> Link(std::string_view from, std::string_view to, const MoveOptions& options);

 private:
  Status LinkInPlace(int object, std::string_view from, std::string_view to, const Place& target,
                     const Precondition& precondition);

  LocalRoot& root_;
  HeldUploads& held_;
  LeftoverUploads& leftovers_;
};

}  // namespace tarn::ufs
