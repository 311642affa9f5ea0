#pragma once

#include <cstdint>

namespace tarn::fuse {

// How many bytes one READ may ask for: 1 MiB, or a little less where a pipe of this process cannot
// hold that much beside libfuse's header. Then a larger reply could not be spliced, and each byte
// would be copied twice more.
uint32_t MaxReadBytes();

}  // namespace tarn::fuse
