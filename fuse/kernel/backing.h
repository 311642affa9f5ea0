#pragma once

#include <memory>

#include "client/kernel_side.h"

namespace tarn::fuse {

// Lends live files to the kernel through a session's descriptor of /dev/fuse, which outlives the
// result.
std::unique_ptr<client::Backing> NewKernelBacking(int fuse_descriptor);

}  // namespace tarn::fuse
