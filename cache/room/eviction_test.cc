#include "cache/room/eviction.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/random.h"

namespace tarn::cache {
namespace {

constexpr int64_t kSecond = 1'000'000'000;

// A cache of `capacity` contents of one byte under a policy. Each use moves the clock by two
// seconds.
class Simulation {
 public:
  Simulation(std::unique_ptr<EvictionPolicy> policy, uint64_t capacity)
      : policy_(std::move(policy)), capacity_(capacity) {}

  bool Use(uint64_t ino) {
    now_ns_ += 2 * kSecond;
    if (std::find(here_.begin(), here_.end(), ino) != here_.end()) {
      policy_->Touch(InodeId(ino), now_ns_);
      return true;
    }
    while (policy_->bytes() + 1 > capacity_) {
      const std::optional<Victim> victim = policy_->Evict();
      here_.erase(std::find(here_.begin(), here_.end(), victim->ino.value));
    }
    policy_->Add(InodeId(ino), 1, now_ns_);
    here_.push_back(ino);
    return false;
  }

  // The share of hits among the uses of the last epoch.
  double Epochs(int epochs, uint64_t contents, bool shuffled) {
    Random random(7);
    std::vector<uint64_t> order;
    for (uint64_t ino = 1; ino <= contents; ++ino) order.push_back(ino);
    uint64_t hits = 0;
    for (int epoch = 0; epoch < epochs; ++epoch) {
      if (shuffled) {
        for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.Uniform(i)]);
      }
      hits = 0;
      for (const uint64_t ino : order) hits += Use(ino) ? 1 : 0;
    }
    return static_cast<double>(hits) / static_cast<double>(contents);
  }

 private:
  std::unique_ptr<EvictionPolicy> policy_;
  const uint64_t capacity_;
  std::vector<uint64_t> here_;
  int64_t now_ns_ = 0;
};

TEST(Lru, EvictsTheContentThatWasUsedLongestAgo) {
  const auto policy = NewLru();
  for (uint64_t ino = 1; ino <= 3; ++ino) policy->Add(InodeId(ino), 10, 0);
  policy->Touch(InodeId(1), 1);
  EXPECT_EQ(policy->Evict()->ino, InodeId(2));
  EXPECT_EQ(policy->Evict()->ino, InodeId(3));
  EXPECT_EQ(policy->Evict()->ino, InodeId(1));
  EXPECT_FALSE(policy->Evict().has_value());
}

TEST(Lru, CountsBytesOfContentsThatGrowAndGo) {
  const auto policy = NewLru();
  policy->Add(InodeId(1), 10, 0);
  policy->Add(InodeId(1), 30, 0);
  policy->Add(InodeId(2), 5, 0);
  EXPECT_EQ(policy->bytes(), 35u);
  EXPECT_EQ(policy->Remove(InodeId(1)), 30u);
  EXPECT_EQ(policy->Remove(InodeId(1)), std::nullopt);
  EXPECT_EQ(policy->bytes(), 5u);
  EXPECT_EQ(policy->count(), 1u);
}

TEST(S3Fifo, CountsBytesOfContentsThatGrowAndGo) {
  const auto policy = NewS3Fifo(100);
  policy->Add(InodeId(1), 10, 0);
  policy->Add(InodeId(1), 30, 0);
  policy->Add(InodeId(2), 5, 0);
  EXPECT_EQ(policy->bytes(), 35u);
  EXPECT_EQ(policy->Remove(InodeId(1)), 30u);
  EXPECT_EQ(policy->Evict()->ino, InodeId(2));
  EXPECT_FALSE(policy->Evict().has_value());
  EXPECT_EQ(policy->bytes(), 0u);
}

TEST(S3Fifo, BeatsLruOnRepeatedEpochsLargerThanTheCache) {
  for (const uint64_t contents : {110u, 150u, 300u, 450u}) {
    const double lru = Simulation(NewLru(), 100).Epochs(6, contents, false);
    const double s3 = Simulation(NewS3Fifo(100), 100).Epochs(6, contents, false);
    EXPECT_EQ(lru, 0.0) << contents;
    EXPECT_GE(s3, 0.85 * 100.0 / static_cast<double>(contents)) << contents;
  }
}

TEST(S3Fifo, IsNotWorseThanLruOnShuffledEpochs) {
  for (const uint64_t contents : {120u, 200u, 400u}) {
    const double lru = Simulation(NewLru(), 100).Epochs(12, contents, true);
    const double s3 = Simulation(NewS3Fifo(100), 100).Epochs(12, contents, true);
    EXPECT_GE(s3, 0.95 * lru) << contents;
  }
}

TEST(S3Fifo, AScanDoesNotEvictContentsThatAreUsedAgain) {
  const auto hits_after_scan = [](std::unique_ptr<EvictionPolicy> policy) {
    Simulation cache(std::move(policy), 100);
    for (int round = 0; round < 5; ++round) {
      for (uint64_t ino = 1; ino <= 50; ++ino) cache.Use(ino);
    }
    for (uint64_t ino = 1000; ino < 2000; ++ino) cache.Use(ino);
    int hits = 0;
    for (uint64_t ino = 1; ino <= 50; ++ino) hits += cache.Use(ino) ? 1 : 0;
    return hits;
  };
  EXPECT_EQ(hits_after_scan(NewLru()), 0);
  EXPECT_GE(hits_after_scan(NewS3Fifo(100)), 45);
}

TEST(S3Fifo, ANewWorkingSetReplacesTheOldOne) {
  Simulation cache(NewS3Fifo(100), 100);
  cache.Epochs(6, 150, false);
  int hits = 0;
  for (int round = 0; round < 8; ++round) {
    hits = 0;
    for (uint64_t ino = 1000; ino < 1080; ++ino) hits += cache.Use(ino) ? 1 : 0;
  }
  EXPECT_GE(hits, 70);
}

TEST(S3Fifo, UsesAtOnceCountAsOne) {
  const auto policy = NewS3Fifo(10);
  policy->Add(InodeId(1), 5, 0);
  policy->Touch(InodeId(1), 1);
  policy->Touch(InodeId(1), 2);
  policy->Add(InodeId(2), 5, 3);
  policy->Touch(InodeId(2), 3 + 2 * kSecond);
  EXPECT_EQ(policy->Evict()->ino, InodeId(1));
}

TEST(EvictionPolicy, AnUnknownNameIsRefused) {
  EXPECT_EQ(NewEvictionPolicy("FIFO", 1).code(), Code::kInvalid);
  EXPECT_TRUE(NewEvictionPolicy("LRU", 1).ok());
  EXPECT_TRUE(NewEvictionPolicy("S3FIFO", 1).ok());
}

}  // namespace
}  // namespace tarn::cache
