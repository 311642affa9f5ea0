#pragma once

// The listings of directories that are under way, at most one at a time for each directory. A
// caller that needs a directory meanwhile joins its listing. Thread-safe. After its first page a
// longer listing goes on in a thread of the pool, so that readers get names as they come.

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "meta/loading/listing_pass.h"
#include "meta/loading/loader.h"
#include "meta/store/context.h"

namespace tarn::meta {

class Listings {
 public:
  enum class Joining { kAny, kBegunLater };
  // What a listing that began at `began` has applied: all names up to `last`. None: all names of
  // the directory.
  struct News {
    InodeId dir;
    MonotonicTime began;
    std::optional<std::string> last;
  };
  // Calls `on_listed` after each page, and once a directory is listed to its end. Both outlive
  // this.
  Listings(const Context& context, std::function<void(const News&)> on_listed);
  ~Listings();  // Listings in the background end at their next page.

  // Lists `dir` to its end. kAny: joins a listing under way. kBegunLater: only one that began after
  // this call.
  Status ListAll(InodeId dir, Joining joining);
  // Like ListAll with kAny, but in the background, and waits no longer than `deadline`.
  // kDeadlineExceeded: the listing is still under way.
  Status ListWithin(InodeId dir, Deadline deadline);
  // See Loader::LoadMore.
  Result<Loader::Loaded> ListMore(InodeId dir, Loader::Progress& progress);
  bool IsUnderWay(InodeId dir);
  // Lists `dir` in the background. Stops after 64 pages unless a reader waits for it.
  void Prefetch(InodeId dir);

 private:
  struct Listing {
    uint64_t number = 0;
    MonotonicTime began;
    uint64_t pages = 0;  // Applied.
    bool wanted = true;  // A caller waits for it, or did. False: only Prefetch wants it.
    bool done = false;
    Status status;
  };
  // Joins the listing under way and waits for more than `progress`, or begins another one.
  std::shared_ptr<Listing> JoinOrBegin(InodeId dir, Loader::Progress& progress, bool& begun);
  std::shared_ptr<Listing> Begin(InodeId dir) REQUIRES(mutex_);
  void Wake();
  bool EndedForItsOwner(const Listing& listing) const REQUIRES(mutex_);
  // Applies all pages that are left, and finishes the listing.
  Status Run(InodeId dir, Listing& listing, ListingPass& pass);
  // False: the pool has no room for it.
  bool RunInBackground(InodeId dir, const std::shared_ptr<Listing>& listing,
                       const std::shared_ptr<ListingPass>& pass);
  // Call after each page. False: the listing is finished, because no caller wants the rest.
  bool NoteApplied(InodeId dir, Listing& listing, const ListingPass& pass);
  void FinishLocked(InodeId dir, Listing& listing, const Status& status) REQUIRES(mutex_);
  void Finish(InodeId dir, Listing& listing, const Status& status);

  const Context& context_;
  const std::function<void(const News&)> on_listed_;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;      // A leaf; held over no I/O. Guards the fields of every listing too.
  CondVar changed_;  // A page was applied, or a listing is done.
  std::map<InodeId, std::shared_ptr<Listing>> listings_ GUARDED_BY(mutex_);
  uint64_t next_ GUARDED_BY(mutex_) = 1;
  ThreadPool ahead_;  // Fetches pages. Its tasks wait for nothing but the UFS.
  ThreadPool pool_;   // Last: its tasks use all of the above.
};

}  // namespace tarn::meta
