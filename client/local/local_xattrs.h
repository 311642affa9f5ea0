#pragma once

// Internal to client/.

#include <functional>
#include <memory>

#include "cache/cache_store.h"
#include "client/attributes.h"
#include "client/xattrs.h"
#include "role/files.h"

namespace tarn::client {

// The coordinator's extended attributes, and facts about the content in this process's cache. Calls
// `on_set` after it has set one of an inode, since a write may have to take it off. All references
// outlive it.
std::unique_ptr<Xattrs> NewLocalXattrs(role::Files& files, cache::CacheStore& cache,
                                       Attributes& attributes, std::function<void(InodeId)> on_set);

}  // namespace tarn::client
