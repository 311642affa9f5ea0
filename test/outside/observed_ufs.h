#pragma once

// An under file system whose calls are points at which the outside writer may act.

#include <memory>

#include "outside/points.h"
#include "ufs/under_file_system.h"

namespace tarn::outside {

// Owns `base`. `points` outlives the result.
std::unique_ptr<ufs::UnderFileSystem> NewObservedUfs(std::unique_ptr<ufs::UnderFileSystem> base,
                                                     Points& points);

}  // namespace tarn::outside
