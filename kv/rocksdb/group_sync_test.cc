#include "kv/rocksdb/group_sync.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace tarn::kv {
namespace {

TEST(GroupSync, ADurableWriteIsNotSyncedAgain) {
  int syncs = 0;
  GroupSync group([&] {
    ++syncs;
    return OkStatus();
  });
  EXPECT_TRUE(group.All().ok());
  EXPECT_EQ(syncs, 0);
  group.Wrote(3);
  group.Wrote(7);
  EXPECT_TRUE(group.Through(3).ok());
  EXPECT_TRUE(group.Through(7).ok());
  EXPECT_TRUE(group.All().ok());
  EXPECT_EQ(syncs, 1);
}

TEST(GroupSync, OneSyncServesAllThreadsThatWaitedForIt) {
  std::latch in_first(1), go(1);
  std::atomic<int> syncs = 0;
  GroupSync group([&] {
    if (++syncs == 1) {
      in_first.count_down();
      go.wait();
    }
    return OkStatus();
  });
  group.Wrote(1);
  std::vector<std::jthread> threads;
  threads.emplace_back([&] { EXPECT_TRUE(group.Through(1).ok()); });
  in_first.wait();
  for (uint64_t n = 2; n <= 9; ++n) {
    group.Wrote(n);
    threads.emplace_back([&, n] { EXPECT_TRUE(group.Through(n).ok()); });
  }
  go.count_down();
  threads.clear();
  EXPECT_EQ(syncs, 2);  // The second began after all eight were written.
}

TEST(GroupSync, AFailedSyncIsTriedAgainForTheNextCall) {
  int syncs = 0;
  GroupSync group([&] { return ++syncs == 1 ? Status(Code::kIo, "sync") : OkStatus(); });
  group.Wrote(1);
  EXPECT_EQ(group.Through(1).code(), Code::kIo);
  EXPECT_TRUE(group.Through(1).ok());
  group.Wrote(2);
  EXPECT_TRUE(group.All().ok());
  EXPECT_EQ(syncs, 3);
}

}  // namespace
}  // namespace tarn::kv
