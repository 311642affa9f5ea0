#include "main/sorted_listing.h"

#include <algorithm>

namespace tarn {

void SortedListing::Add(cli::CachedPath entry) {
  if (too_many_) return print_(entry);
  kept_.push_back(std::move(entry));
  if (kept_.size() <= most_) return;
  too_many_ = true;
  Flush();
}

void SortedListing::End() {
  std::sort(kept_.begin(), kept_.end(), [](const cli::CachedPath& a, const cli::CachedPath& b) {
    return a.info.path < b.info.path;
  });
  Flush();
}

void SortedListing::Flush() {
  for (const cli::CachedPath& entry : kept_) print_(entry);
  kept_.clear();
}

}  // namespace tarn
