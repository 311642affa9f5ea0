#include "base/descriptor.h"

#include <unistd.h>

namespace tarn {

void Descriptor::Reset(int fd) {
  if (fd_ >= 0) close(fd_);
  fd_ = fd;
}

}  // namespace tarn
