#include "fuse/loop/rings.h"

#include <fuse_lowlevel.h>

#include <fstream>

namespace tarn::fuse {
namespace {

#if FUSE_VERSION >= 318
bool KernelAllowsRings() {
  std::ifstream parameter("/sys/module/fuse/parameters/enable_uring");
  char answer = 'N';
  return (parameter >> answer) && answer == 'Y';
}
#else
bool KernelAllowsRings() { return false; }
#endif

}  // namespace

bool ServesByRings(const MountOptions& options) { return options.io_uring && KernelAllowsRings(); }

}  // namespace tarn::fuse
