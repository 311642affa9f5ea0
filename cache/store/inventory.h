#pragma once

// After a start, in the background: counts the clean contents of earlier runs, and removes files
// that no record names, or sets them aside. Blocks on local I/O.

#include <stop_token>

#include "cache/files/file_place.h"
#include "cache/live/contents.h"
#include "cache/live/run.h"
#include "cache/room/space.h"

namespace tarn::cache {

class Inventory {
 public:
  // Each part outlives this object.
  struct Parts {
    const Places& places;
    Run& run;
    Space& space;
    Contents& contents;
  };
  explicit Inventory(const Parts& parts) : parts_(parts) {}

  void CountClean(const std::stop_token& stop);
  void RemoveStrays(const std::stop_token& stop);

 private:
  const Parts parts_;
};

}  // namespace tarn::cache
