#pragma once

// role::PersistQueue over the namespace's store.

#include <memory>

#include "meta/loading/loader.h"
#include "meta/store/context.h"
#include "role/persist_queue.h"

namespace tarn::meta {

std::unique_ptr<role::PersistQueue> NewPersistQueue(const Context& context, Loader& loader);

}  // namespace tarn::meta
