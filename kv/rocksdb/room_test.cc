#include "kv/rocksdb/room.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace tarn::kv {
namespace {

class RoomTest : public ::testing::Test {
 protected:
  Ballast ballast_{"", 0, SystemClock()};
  Room room_{ballast_};
};

TEST_F(RoomTest, AFullDiskIsReportedAtOnceWhereWaitingIsForbidden) {
  EXPECT_FALSE(room_.Wait([] { return false; }));
  EXPECT_TRUE(room_.Wait([] { return true; }));
  EXPECT_FALSE(room_.RetryAll());
}

TEST_F(RoomTest, AWaitingThreadTriesAgainWhenAsked) {
  room_.SetWaiting(Waiting::kAllowed);
  std::atomic<bool> full = true;
  std::atomic<int> found = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      if (room_.Wait([&] { return !full.load(); })) ++found;
    });
  }
  for (int i = 0; i < 100; ++i) {
    while (!room_.RetryAll()) std::this_thread::yield();
    EXPECT_TRUE(room_.RetryAll());
  }
  full = false;
  while (room_.RetryAll() || found < 3) std::this_thread::yield();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(found, 3);
}

TEST_F(RoomTest, AWaitingThreadIsSentAwayAtTheEnd) {
  room_.SetWaiting(Waiting::kAllowed);
  std::thread thread([this] { EXPECT_FALSE(room_.Wait([] { return false; })); });
  while (!room_.RetryAll()) std::this_thread::yield();
  room_.SetWaiting(Waiting::kForbidden);
  thread.join();
  EXPECT_FALSE(room_.RetryAll());
}

}  // namespace
}  // namespace tarn::kv
