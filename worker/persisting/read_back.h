#pragma once

// Compares what a source has with a content. A function without a state; it blocks on the source.

#include <string>

#include "base/status.h"
#include "cache/cache_store.h"
#include "ufs/expectation.h"
#include "ufs/under_file_system.h"

namespace tarn::worker {

// Whether the object, of the content's size, has the bytes of the content. Those that are not here
// are not compared. kStale: the object is not of that version any more.
Result<bool> HasBytesOf(ufs::UnderFileSystem& ufs, const ufs::ObjectInfo& object,
                        const cache::FrozenContent& content, const ufs::NewCall& call);

}  // namespace tarn::worker
