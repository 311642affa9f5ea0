#include "base/clock.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/wall_time.h"

namespace tarn {
namespace {

class StampedFile {
 public:
  StampedFile() : fd_(memfd_create("stamped", MFD_CLOEXEC)) {}
  ~StampedFile() { close(fd_); }
  void Write() { EXPECT_EQ(pwrite(fd_, "x", 1, 0), 1); }
  int64_t Time() const {
    struct stat st {};
    EXPECT_EQ(fstat(fd_, &st), 0);
    return WallNanos(st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
  }

 private:
  const int fd_;
};

// The coarse clock is behind a file whose time was read before it was written. The precise clock is
// ahead of a file whose time was not read. So neither can serve.
TEST(MachineClock, GivesFilesTimesInTheOrderOfTheChanges) {
  for (int i = 0; i < 1000; ++i) {
    StampedFile before, after;
    before.Time();
    before.Write();
    const int64_t time = SystemClock().FileTimeNs();
    after.Write();
    ASSERT_LE(before.Time(), time) << "round " << i;
    ASSERT_LE(time, after.Time()) << "round " << i;
  }
}

TEST(MachineClock, NeverGivesATimeBeforeOneThatItGaveAFile) {
  for (int i = 0; i < 1000; ++i) {
    const int64_t stamp_ns = SystemClock().FileTimeNs();
    ASSERT_LE(stamp_ns, SystemClock().WallNs());
  }
}

}  // namespace
}  // namespace tarn
