#include "fuse/front_end.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <thread>

#include "client/testing/file_system_fixture.h"

namespace tarn::fuse {
namespace {

class FrontEndTest : public client::FileSystemFixture {
 protected:
  FrontEndTest() { options_of_mount_.mount_point = mkdtemp(place_.data()); }
  ~FrontEndTest() override { rmdir(place_.c_str()); }

  // Why nothing can be mounted on `place_`. Nullptr: it can.
  const char* Obstacle() const {
    if (geteuid() != 0) return "only root can mount";
    const int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0) return "/dev/fuse cannot be opened";
    close(device);
    if (mount("none", place_.c_str(), "tmpfs", 0, nullptr) != 0) return "root may not mount here";
    umount2(place_.c_str(), MNT_DETACH);
    return nullptr;
  }

  std::string place_ = testing::TempDir() + "tarn-front-end-XXXXXX";
  MountOptions options_of_mount_;
};

// libfuse refuses the kernel's rules when the mount has an option that its session does not know.
TEST_F(FrontEndTest, AMountWhoseFirstAnswerFailsIsNeverReady) {
  if (const char* obstacle = Obstacle(); obstacle != nullptr) GTEST_SKIP() << obstacle;
  options_of_mount_.source = "nothing";
  options_of_mount_.options = {"max_read=4096"};
  Result<std::unique_ptr<FrontEnd>> mounted = Mount(options_of_mount_, fs(), SystemClock());
  ASSERT_TRUE(mounted.ok()) << mounted.status().ToString();
  std::thread server([&] { EXPECT_TRUE((*mounted)->Serve().ok()); });
  const Status ready = (*mounted)->WaitReady(std::chrono::minutes(5));
  EXPECT_EQ(ready.code(), Code::kUnavailable) << ready.ToString();
  EXPECT_TRUE((*mounted)->Unmount(FrontEnd::Unmounting::kLazy).ok());
  server.join();
}

}  // namespace
}  // namespace tarn::fuse
