#pragma once

// Prints the entries of one directory in the order of their names. For one thread.

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "cli/format.h"

namespace tarn {

class SortedListing {
 public:
  using Print = std::function<void(const cli::CachedPath&)>;
  // Keeps up to `most` entries in memory. From more on, all are printed in the order in which they
  // come.
  SortedListing(size_t most, Print print) : most_(most), print_(std::move(print)) {}
  void Add(cli::CachedPath entry);
  // Call it after the last entry: prints what is kept, sorted by the bytes of the path.
  void End();

 private:
  void Flush();
  const size_t most_;
  const Print print_;
  bool too_many_ = false;
  std::vector<cli::CachedPath> kept_;
};

}  // namespace tarn
