#pragma once

// What a store does in the background, on three threads: an inventory at the start, upkeep of
// charges and records, and care of contents that rest.

#include <memory>
#include <stop_token>

#include "base/clock.h"
#include "cache/cache_store.h"
#include "cache/live/contents.h"
#include "cache/live/damage.h"
#include "cache/live/evictor.h"
#include "cache/live/run.h"
#include "cache/live/takeovers.h"
#include "cache/persist/sealing.h"
#include "cache/store/inventory.h"
#include "cache/store/scrub.h"

namespace tarn::cache {

class Background {
 public:
  // Each part outlives this object.
  struct Parts {
    Run& run;
    Contents& contents;
    Evictor& evictor;
    TakeOvers& takeovers;
    Sealing& sealing;
    Inventory& inventory;
    Scrub& scrub;
    Clock& clock;
  };
  Background(const Parts& parts, const ScrubOptions& scrub);
  ~Background();

  void Start();
  // Ends and joins the threads.
  void Stop();

 private:
  void RunUpkeep(const std::stop_token& stop);
  void RunCare(const std::stop_token& stop);

  const Parts parts_;
  const ScrubOptions scrub_;
  struct Threads;
  std::unique_ptr<Threads> threads_;
};

}  // namespace tarn::cache
