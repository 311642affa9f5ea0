#include "node/mounted_file_systems.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

constexpr char kTable[] =
    "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
    "40 27 254:0 /srv/data/sub /alias rw,relatime shared:1 master:2 - ext4 /dev/vda rw\n"
    "41 27 254:0 /srv /whole rw,relatime - ext4 /dev/vda rw\n"
    "42 27 8:16 / /srv/data/disk rw,relatime - xfs /dev/sdb rw\n"
    "43 27 8:16 /cache /nvme rw,relatime - xfs /dev/sdb rw\n"
    "44 27 0:50 / /mnt/with\\040blank rw - fuse.tarn file:///srv/a\\040b rw\n"
    "45 27 8:32 / /other rw - ext4 /dev/sdc rw\n"
    "malformed\n";

const std::vector<MountedFileSystem>& Table() {
  static const std::vector<MountedFileSystem> table = ParseMountInfo(kTable);
  return table;
}

TEST(MountedFileSystems, FieldsAreParsedAndUnescaped) {
  ASSERT_EQ(Table().size(), 7u);
  const MountedFileSystem mount = FileSystemOf(Table(), "/mnt/with blank/x");
  EXPECT_EQ(mount.path, "/mnt/with blank");
  EXPECT_EQ(mount.type, "fuse.tarn");
  EXPECT_EQ(mount.source, "file:///srv/a b");
  EXPECT_EQ(FileSystemOf(Table(), "/srv/data/disk/x").device, "8:16");
  EXPECT_EQ(FileSystemOf(Table(), "/srv/data/diskette").device, "254:0");
  EXPECT_EQ(FileSystemOf({}, "/x").path, "");
}

TEST(MountedFileSystems, PathsTellWhatIsInside) {
  EXPECT_TRUE(IsInside(Table(), "/srv/data", "/srv/data"));
  EXPECT_TRUE(IsInside(Table(), "/srv/data/x", "/srv/data"));
  EXPECT_FALSE(IsInside(Table(), "/srv/database", "/srv/data"));
  EXPECT_FALSE(IsInside(Table(), "/srv", "/srv/data"));
  EXPECT_TRUE(IsInside({}, "/srv/data/x", "/srv/data")) << "without /proc";
}

TEST(MountedFileSystems, ABindMountHidesNoOverlap) {
  EXPECT_TRUE(IsInside(Table(), "/alias/state", "/srv/data")) << "a part of the directory";
  EXPECT_TRUE(IsInside(Table(), "/alias", "/srv/data/sub"));
  EXPECT_FALSE(IsInside(Table(), "/alias/state", "/srv/data/other"));
  EXPECT_TRUE(IsInside(Table(), "/srv/data/state", "/whole/data"))
      << "the directory at another path";
  EXPECT_TRUE(IsInside(Table(), "/whole/data/state", "/srv/data"));
  EXPECT_FALSE(IsInside(Table(), "/whole/else", "/srv/data"));
}

TEST(MountedFileSystems, AFileSystemThatIsMountedInsideIsInside) {
  EXPECT_TRUE(IsInside(Table(), "/nvme/tarn", "/srv/data"));
  EXPECT_FALSE(IsInside(Table(), "/other/tarn", "/srv/data")) << "the same path on another disk";
  EXPECT_FALSE(IsInside(Table(), "/other", "/srv/data"));
}

}  // namespace
}  // namespace tarn
