#pragma once

// How much one READ may ask for.

#include <cstdint>

namespace tarn::fuse {

// A megabyte, or a little less where a pipe of this process cannot hold that much beside libfuse's
// header: then replies could not be spliced, and every byte would be copied twice more.
uint32_t MaxReadBytes();

}  // namespace tarn::fuse
