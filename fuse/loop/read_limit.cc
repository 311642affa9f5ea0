#include "fuse/loop/read_limit.h"

#include <fcntl.h>
#include <unistd.h>

namespace tarn::fuse {
namespace {

constexpr uint32_t kMostBytes = 1 << 20;
constexpr uint32_t kLessBytes = kMostBytes - (64 << 10);

bool PipeOf(int end, uint32_t bytes) {
  return fcntl(end, F_SETPIPE_SZ, static_cast<int>(bytes)) >= 0;
}

}  // namespace

uint32_t MaxReadBytes() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return kMostBytes;
  // A pipe larger than fs.pipe-max-size needs CAP_SYS_RESOURCE, which containers often lack.
  const bool needs_less = !PipeOf(ends[0], kMostBytes + 1) && PipeOf(ends[0], kMostBytes);
  close(ends[0]);
  close(ends[1]);
  return needs_less ? kLessBytes : kMostBytes;
}

}  // namespace tarn::fuse
