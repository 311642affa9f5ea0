#pragma once

// Listings of directories that are under way, one a directory at a time: whoever needs a directory
// meanwhile joins. Thread-safe. A listing of more than a page goes on in a thread of its own as
// soon as its first page is there, so that names can be read as they come.

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

class Flights {
 public:
  enum class Joining { kAny, kBegunLater };
  // What a listing that began at `began` has applied: all names up to `last`, or all there are.
  struct News {
    InodeId dir;
    MonotonicTime began;
    std::optional<std::string> last;
  };
  // `listed` hears of each page and of each directory listed whole. Both outlive this.
  Flights(const Context& context, std::function<void(const News&)> listed);
  ~Flights();  // Those in the background end at their next page.

  // Lists `dir` whole. Another listing under way will do, but with kBegunLater only one that began
  // after this call.
  Status Whole(InodeId dir, Joining joining);
  // As Whole with kAny, in the background, up to `deadline`: kDeadlineExceeded, and it goes on.
  Status Within(InodeId dir, Deadline deadline);
  // As Loader::LoadMore.
  Result<Loader::Loaded> Some(InodeId dir, Loader::Progress& progress);
  bool IsUnderWay(InodeId dir);
  // Lists `dir` in the background because its names will probably be wanted, unless it turns out to
  // be a large one that nobody has joined for.
  void Ahead(InodeId dir);

 private:
  struct Flight {
    uint64_t number = 0;
    MonotonicTime began;
    uint64_t pages = 0;  // Applied.
    bool wanted = true;  // By somebody who waits, not only in advance.
    bool done = false;
    Status status;
  };
  // Joins what is under way and waits for more than `progress`, or begins another flight.
  std::shared_ptr<Flight> JoinOrBegin(InodeId dir, Loader::Progress& progress, bool& begun);
  std::shared_ptr<Flight> Begin(InodeId dir) REQUIRES(mutex_);
  void Wake();
  bool EndedForItsOwner(const Flight& flight) const REQUIRES(mutex_);
  // All that is left, and lands.
  Status Fly(InodeId dir, Flight& flight, ListingPass& pass);
  // False: there is no room for it.
  bool FlyInBackground(InodeId dir, const std::shared_ptr<Flight>& flight,
                       const std::shared_ptr<ListingPass>& pass);
  // A page was. False: it has landed, since no caller wants the rest.
  bool Applied(InodeId dir, Flight& flight, const ListingPass& pass);
  void LandLocked(InodeId dir, Flight& flight, const Status& status) REQUIRES(mutex_);
  void Land(InodeId dir, Flight& flight, const Status& status);

  const Context& context_;
  const std::function<void(const News&)> listed_;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;      // Held over no I/O. Fields of every flight, too, are under it.
  CondVar changed_;  // A page was applied, or a flight landed.
  std::map<InodeId, std::shared_ptr<Flight>> flights_ GUARDED_BY(mutex_);
  uint64_t next_ GUARDED_BY(mutex_) = 1;
  ThreadPool ahead_;  // Fetches pages; its tasks wait for nothing but the UFS.
  ThreadPool pool_;   // Last: its tasks use all of the above.
};

}  // namespace tarn::meta
