#pragma once

// Lists a directory of the UFS and applies the answer page by page. meta/loading/name_look.h asks
// for one name. Thread-safe. Several passes over one directory may run at once. Memory is bounded
// by two pages and 8 bytes a name.

#include <memory>
#include <string>

#include "base/status.h"
#include "base/thread_pool.h"
#include "meta/store/context.h"

namespace tarn::meta {

// Lists a directory to its end and makes it complete. No effect on a directory that the UFS does
// not have yet, or whose children are being moved. For one thread at a time.
class ListingPass {
 public:
  enum class State { kMore, kDone };
  virtual ~ListingPass() = default;  // May wait for a page that is being fetched.
  // Applies the next page. After the last one the directory is complete. kUnavailable: the UFS does
  // not answer, or the source cannot be recognized, so that its emptiness means nothing. After an
  // error the pass cannot go on; applied names stay.
  virtual Result<State> Next() = 0;
  // The last name of the pages applied so far, in key order.
  virtual std::string Last() const = 0;
};
// `ahead` fetches the next page while one is applied. It may be null, and outlives the pass.
std::unique_ptr<ListingPass> NewListingPass(const Context& context, InodeId dir, ThreadPool* ahead);
Status ApplyListing(const Context& context, InodeId dir);  // A whole pass.

}  // namespace tarn::meta
