#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>

namespace tarn::fuse {

// An open directory. A name that is made after a listing began would come behind the listing's end,
// and is left out: otherwise a program that makes names while it lists would never reach the end.
// Several threads may read it.
struct OpenDirectory {
  // The last cursor that the listing shows. 0: the source has still to give names.
  std::atomic<uint64_t> last_cursor{0};
  std::atomic<pid_t> reader{0};  // The thread that read last. 0: none yet.
};

}  // namespace tarn::fuse
