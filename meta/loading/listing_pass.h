#pragma once

// Lists a directory of the UFS and applies the answers, page by page (meta/loading/name_look.h does
// it for one name). Thread-safe; several passes over one directory may run at once. Memory is
// bounded by two pages and 8 bytes a name.

#include <memory>
#include <string>

#include "base/status.h"
#include "base/thread_pool.h"
#include "meta/store/context.h"

namespace tarn::meta {

// Lists a whole directory and makes it complete. Does nothing if the UFS does not have the
// directory yet, or if it is complete and under relocation. For one thread at a time.
class ListingPass {
 public:
  enum class State { kMore, kDone };
  virtual ~ListingPass() = default;  // May wait for a page that is being fetched.
  // Applies the next page; the last page makes the directory complete. kUnavailable also if the
  // source is not recognized, because its emptiness then means nothing. Do not use the pass after
  // an error; names that it applied stay.
  virtual Result<State> Next() = 0;
  // The last name of the applied pages, in key order.
  virtual std::string Last() const = 0;
};
// `ahead` fetches the next page while one is applied. It may be null, and outlives the pass.
std::unique_ptr<ListingPass> NewListingPass(const Context& context, InodeId dir, ThreadPool* ahead);
Status ApplyListing(const Context& context, InodeId dir);  // Runs a whole pass.

}  // namespace tarn::meta
