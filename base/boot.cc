#include "base/boot.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <fstream>

#include "base/random.h"
#include "base/strings.h"

namespace tarn {
namespace {

constexpr unsigned kMountIdUnique = 0x4000;  // STATX_MNT_ID_UNIQUE, Linux 6.8.

// On a kernel without mount ids every restart of the process counts as another mount.
Result<uint64_t> MountId(int directory_fd) {
  for (const unsigned mask : {kMountIdUnique, static_cast<unsigned>(STATX_MNT_ID)}) {
    struct statx st {};
    if (statx(directory_fd, "", AT_EMPTY_PATH, mask, &st) != 0) {
      return ErrnoStatus(errno, "find the mount of a directory");
    }
    if ((st.stx_mask & mask) != 0) return static_cast<uint64_t>(st.stx_mnt_id);
  }
  return RandomSeed();
}

}  // namespace

Result<std::string> BootAndMount(int directory_fd) {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string boot;
  if (!(file >> boot)) return Status(Code::kIo, "read the boot id");
  ASSIGN_OR_RETURN(const uint64_t mount, MountId(directory_fd));
  return Concat(boot, " ", mount);
}

}  // namespace tarn
