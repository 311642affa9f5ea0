#pragma once

// Settles what a crash left: contents that were being written, and orphans that no process has open
// any more.

#include "base/status.h"
#include "cache/cache_store.h"
#include "role/files.h"
#include "role/maintenance.h"
#include "role/names.h"

namespace tarn::worker {

// Call it once, after both stores are open and before any other part uses them. Afterwards all that
// was acknowledged is there: committed contents wait to be persisted again. Bytes that were written
// and never committed: after the death of the process alone they are committed as they stand, as a
// local file system would have kept them. After a power cut they are dropped, and a file that was
// never committed is gone.
Status RecoverContents(cache::CacheStore& cache, role::Names& names, role::Files& files,
                       role::Maintenance& maintenance);

// Decides about one content, and tells the coordinator. The cache then does what was decided.
Result<cache::Recovered> JudgeContent(role::Names& names, role::Files& files,
                                      role::Maintenance& maintenance,
                                      const cache::ContentInfo& content, bool power_cut);

}  // namespace tarn::worker
