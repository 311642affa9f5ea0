#pragma once

// Compares an object of the source with a content. Stateless; blocks on the source.

#include <string>

#include "base/status.h"
#include "cache/cache_store.h"
#include "ufs/expectation.h"
#include "ufs/under_file_system.h"

namespace tarn::worker {

// Whether the object, which has the content's size, has its bytes. Absent pages are not compared.
// kStale: the object has another version by now.
Result<bool> HasBytesOf(ufs::UnderFileSystem& ufs, const ufs::ObjectInfo& object,
                        const cache::FrozenContent& content, const ufs::NewCall& call);

}  // namespace tarn::worker
