#pragma once

// Lists a local directory: reads it once, sorts its names, and pages through them. Thread-safe.

#include <list>
#include <memory>
#include <string_view>

#include "base/mutex.h"
#include "base/status.h"
#include "ufs/local/local_root.h"
#include "ufs/types.h"

namespace tarn::ufs {

class LocalLister {
 public:
  // `root` outlives it.
  explicit LocalLister(LocalRoot& root) : root_(root) {}

  // Contract: UnderFileSystem::List. The first page reads the directory; later pages use the names
  // that it has read, if they are not too old.
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call);

 private:
  struct Listing;
  using ListingPtr = std::shared_ptr<const Listing>;
  Result<ListingPtr> ReadListing(std::string_view directory_key, const CallOptions& call);
  Result<ListingPtr> ListingFor(std::string_view directory_key, const ListOptions& options,
                                const CallOptions& call);

  LocalRoot& root_;
  Mutex mutex_;                                        // A leaf.
  std::list<ListingPtr> listings_ GUARDED_BY(mutex_);  // Latest first, few.
};

}  // namespace tarn::ufs
