#include "meta/store/changes.h"

#include <gtest/gtest.h>

#include <vector>

namespace tarn::meta {
namespace {

role::Change Content(uint64_t ino) {
  return {role::Change::Kind::kContent, InodeId(ino), InodeId(), ""};
}

TEST(ChangeFeed, DeliversInOrder) {
  ChangeFeed feed;
  std::vector<uint64_t> seen;
  feed.SetSink([&](const role::Change& change) { seen.push_back(change.ino.value); });
  for (uint64_t i = 1; i <= 100; ++i) feed.Report(Content(i));
  feed.Drain();
  ASSERT_EQ(seen.size(), 100U);
  EXPECT_EQ(seen.front(), 1U);
  EXPECT_EQ(seen.back(), 100U);
}

TEST(ChangeFeed, WithoutASinkChangesAreDropped) {
  ChangeFeed feed;
  feed.Report(Content(1));
  feed.Drain();
}

TEST(ChangeFeed, NothingIsDeliveredAfterTheSinkWasTaken) {
  ChangeFeed feed;
  int calls = 0;
  feed.SetSink([&](const role::Change&) { ++calls; });
  feed.Report(Content(1));
  feed.SetSink(nullptr);
  const int before = calls;
  feed.Report(Content(2));
  feed.Drain();
  EXPECT_EQ(calls, before);
}

TEST(ChangeFeed, ASlowSinkGetsOneChangeForAllThatItMissed) {
  ChangeFeed feed;
  Mutex gate;
  bool everything = false;
  size_t calls = 0;
  gate.lock();
  feed.SetSink([&](const role::Change& change) {
    MutexLock lock(gate);
    ++calls;
    everything |= change.kind == role::Change::Kind::kEverything;
  });
  for (uint64_t i = 0; i < 20000; ++i) feed.Report(Content(i));
  gate.unlock();
  feed.Drain();
  EXPECT_TRUE(everything);
  EXPECT_LT(calls, 9000U);
}

}  // namespace
}  // namespace tarn::meta
