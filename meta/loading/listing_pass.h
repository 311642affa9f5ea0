#pragma once

// Lists a directory of the UFS and applies what it says, in pages (one name:
// meta/loading/name_look.h). Thread-safe; several passes over one directory may run at once. Memory
// is bounded by two pages and 8 bytes a name.

#include <memory>
#include <string>

#include "base/status.h"
#include "base/thread_pool.h"
#include "meta/store/context.h"

namespace tarn::meta {

// Lists all of a directory and makes it complete. Does nothing for one that the UFS does not have
// yet or that is moving there. For one thread at a time.
class ListingPass {
 public:
  enum class State { kMore, kDone };
  virtual ~ListingPass() = default;  // May wait for a page that is on its way.
  // Applies the next page; with the last one the directory is complete. kUnavailable also when the
  // source cannot be recognized, whose emptiness then means nothing. After an error the pass is of
  // no more use; names applied stay.
  virtual Result<State> Next() = 0;
  // The last name of the pages applied so far, in key order.
  virtual std::string Last() const = 0;
};
// `ahead`, which may be null and outlives the pass: where the next page is fetched while one is
// applied.
std::unique_ptr<ListingPass> NewListingPass(const Context& context, InodeId dir, ThreadPool* ahead);
Status ApplyListing(const Context& context, InodeId dir);  // A whole pass.

}  // namespace tarn::meta
