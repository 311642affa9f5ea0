#pragma once

// client::PageSource over the worker of this process.

#include <memory>

#include "client/file_system.h"
#include "worker/filler.h"

namespace tarn {

// The filler outlives it.
std::unique_ptr<client::PageSource> NewPageSource(worker::Filler& filler);

}  // namespace tarn
