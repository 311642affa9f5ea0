#pragma once

// Compares an object of a source with a content. A function without a state; it blocks on the
// source.

#include <string>

#include "base/status.h"
#include "cache/cache_store.h"
#include "ufs/expectation.h"
#include "ufs/under_file_system.h"

namespace tarn::worker {

// Whether the object, which has the size of the content, has its bytes. Bytes that are not on this
// node are not compared. kStale: the version of the object was replaced.
Result<bool> HasBytesOf(ufs::UnderFileSystem& ufs, const ufs::ObjectInfo& object,
                        const cache::FrozenContent& content, const ufs::NewCall& call);

}  // namespace tarn::worker
