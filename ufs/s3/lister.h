#pragma once

// Lists a directory of the bucket. doc/s3.md says what becomes of keys that cannot be file names.
// Thread-safe; blocks on the store.

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "ufs/s3/bucket.h"
#include "ufs/s3/versions.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class Lister {
 public:
  // Both outlive it.
  Lister(Bucket& bucket, Versions& versions) : bucket_(bucket), versions_(versions) {}

  // Contract: UnderFileSystem::List.
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call);

 private:
  Result<bool> IsHiddenByDirectory(const KeyPage& raw, std::string_view full_key,
                                   const CallOptions& call);
  Result<std::optional<ObjectInfo>> InfoOfEntry(const std::string& prefix, const KeyPage& raw,
                                                const KeyPage::Entry& entry,
                                                const CallOptions& call);
  Status AddEntries(std::string_view directory_key, const std::string& prefix, const KeyPage& raw,
                    ListPage& page, const CallOptions& call);
  void TellAttributes(ListPage& page, const CallOptions& call);

  Bucket& bucket_;
  Versions& versions_;
};

}  // namespace tarn::ufs::s3
