#pragma once

// After a crash: what becomes of the contents that were being written, and of files nobody has open
// any more.

#include "base/status.h"
#include "cache/cache_store.h"
#include "role/coordinator.h"

namespace tarn::worker {

// Call once, after both stores are open and before anybody uses them. What was acknowledged is
// there afterwards: committed contents wait to be persisted again; after the death of the process
// alone, bytes written and never committed are committed as they stand, as any local file system
// would have kept them; after a power cut they are not, and a file that was never committed is
// gone.
Status RecoverContents(cache::CacheStore& cache, role::Names& names, role::Files& files,
                       role::Maintenance& maintenance);

// What becomes of one of them, as far as the coordinator is concerned; the cache does its part.
Result<cache::Recovered> JudgeContent(role::Names& names, role::Files& files,
                                      role::Maintenance& maintenance,
                                      const cache::ContentInfo& content, bool power_cut);

}  // namespace tarn::worker
