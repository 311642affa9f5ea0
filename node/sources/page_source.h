#pragma once

// A client::PageSource over the filler of this process.

#include <memory>

#include "client/page_source.h"
#include "worker/filler.h"

namespace tarn {

// The filler outlives it.
std::unique_ptr<client::PageSource> NewPageSource(worker::Filler& filler);

}  // namespace tarn
