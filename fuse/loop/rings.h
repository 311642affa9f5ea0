#pragma once

#include "fuse/front_end.h"

namespace tarn::fuse {

// True: the mount's options and the kernel allow requests by io_uring, so libfuse's loop serves
// them.
bool ServesByRings(const MountOptions& options);

}  // namespace tarn::fuse
