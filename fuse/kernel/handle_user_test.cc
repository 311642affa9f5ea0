#include "fuse/kernel/handle_user.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace tarn::fuse {
namespace {

TEST(HandleUserTest, ACallThatNamesNoHandleIsThatOfOverlayfs) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::atomic<pid_t> reader = 0;
  std::thread thread([&] {
    char byte;
    reader = static_cast<pid_t>(syscall(SYS_gettid));
    EXPECT_EQ(read(ends[0], &byte, 1), 0);
  });
  while (reader == 0) std::this_thread::yield();
  EXPECT_TRUE(OverlayfsUsesHandle(reader));
  close(ends[1]);
  thread.join();
  close(ends[0]);
}

TEST(HandleUserTest, AnUnknownCallerMayUseAHandle) {
  EXPECT_FALSE(OverlayfsUsesHandle(0)) << "the caller is in another PID namespace";
  EXPECT_FALSE(OverlayfsUsesHandle(1 << 30)) << "the thread is gone";
}

}  // namespace
}  // namespace tarn::fuse
