#include "fuse/kernel/backing.h"

#include <sys/ioctl.h>

#include <cerrno>
#include <cstdint>

#include "base/log.h"

namespace tarn::fuse {
namespace {

// The two ioctls of <linux/fuse.h> (7.40) that lend a descriptor to the kernel. They are spelled
// out, since the header of an older distribution lacks them.
struct BackingMap {
  int32_t fd = -1;
  uint32_t flags = 0;
  uint64_t padding = 0;
};
#define TARN_FUSE_BACKING_OPEN _IOW(229, 1, BackingMap)
#define TARN_FUSE_BACKING_CLOSE _IOW(229, 2, uint32_t)

class KernelBacking final : public client::Backing {
 public:
  explicit KernelBacking(int fuse_descriptor) : fuse_descriptor_(fuse_descriptor) {}

  Result<int> Register(int descriptor) override {
    BackingMap map;
    map.fd = descriptor;
    const int id = ioctl(fuse_descriptor_, TARN_FUSE_BACKING_OPEN, &map);
    if (id <= 0) return ErrnoStatus(errno, "lend a file to the kernel");
    return id;
  }

  void Unregister(int backing_id) override {
    auto id = static_cast<uint32_t>(backing_id);
    if (ioctl(fuse_descriptor_, TARN_FUSE_BACKING_CLOSE, &id) != 0 && errno != ENODEV) {
      LogWarning(ErrnoStatus(errno, "take a file back from the kernel").ToString());
    }
  }

 private:
  const int fuse_descriptor_;
};

}  // namespace

std::unique_ptr<client::Backing> NewKernelBacking(int fuse_descriptor) {
  return std::make_unique<KernelBacking>(fuse_descriptor);
}

}  // namespace tarn::fuse
