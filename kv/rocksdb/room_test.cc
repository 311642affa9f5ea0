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

TEST_F(RoomTest, WhereNobodyMayWaitAFullDiskIsToldAtOnce) {
  EXPECT_FALSE(room_.Wait([] { return false; }));
  EXPECT_TRUE(room_.Wait([] { return true; }));
  EXPECT_FALSE(room_.AnyWaits());
}

TEST_F(RoomTest, WhoWaitsTriesAgainWhenAsked) {
  room_.MayWait(true);
  std::atomic<bool> full = true;
  std::atomic<int> found = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      if (room_.Wait([&] { return !full.load(); })) ++found;
    });
  for (int i = 0; i < 100; ++i) {
    while (!room_.AnyWaits()) std::this_thread::yield();
    EXPECT_TRUE(room_.AnyWaits());
  }
  full = false;
  while (room_.AnyWaits() || found < 3) std::this_thread::yield();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(found, 3);
}

TEST_F(RoomTest, WhoWaitsIsSentAwayAtTheEnd) {
  room_.MayWait(true);
  std::thread thread([this] { EXPECT_FALSE(room_.Wait([] { return false; })); });
  while (!room_.AnyWaits()) std::this_thread::yield();
  room_.MayWait(false);
  thread.join();
  EXPECT_FALSE(room_.AnyWaits());
}

}  // namespace
}  // namespace tarn::kv
