// The part of the contract suite (kv/testing/store_contract.h) about the limits of sizes. Where
// ranges are counted, the keys and values alone are less than half of kMaxTransactionBytes.

#include <functional>
#include <string>

#include "kv/testing/store_contract.h"

namespace tarn::kv {
namespace {

// The i-th of many keys with a thousand bytes.
std::string LongKey(int i) { return std::to_string(100'000 + i) + std::string(994, 'k'); }

// The greatest number of steps with which a transaction that puts one record commits is between
// `fits` and `fails`.
void ExpectLimit(Store& store, int fits, int fails,
                 const std::function<void(Transaction&, int)>& step) {
  const auto commit = [&](int steps) {
    const auto t = store.Begin();
    t->Put("other", "x");
    for (int i = 0; i < steps; ++i) step(*t, i);
    return t->Commit(Durability::kBuffered).code();
  };
  EXPECT_EQ(commit(fails), Code::kTooBig);
  EXPECT_EQ(store.Begin()->Get("other").value(), std::nullopt);
  EXPECT_EQ(commit(fits), Code::kOk);
}

}  // namespace

TEST_P(StoreContract, SizesPastTheLimitsAreTooBig) {
  const std::string key(kMaxKeyBytes - 100, 'k');
  const std::string value(kMaxValueBytes, 'v');
  Write([&](Transaction& t) { t.Put(key, value); });
  EXPECT_EQ(Value(key), value);
  const auto refused = [&](const std::function<void(Transaction&)>& body) {
    const auto t = Begin();
    t->Put("other", "x");
    body(*t);
    return CommitCode(*t) == Code::kTooBig;
  };
  EXPECT_TRUE(refused([&](Transaction& t) { t.Put(std::string(kMaxKeyBytes + 1, 'k'), ""); }));
  EXPECT_TRUE(refused([&](Transaction& t) { t.Put("k", value + "v"); }));
  EXPECT_TRUE(
      refused([&](Transaction& t) { t.PutStamped(std::string(kMaxKeyBytes, 'k'), "", ""); }));
  EXPECT_TRUE(refused([&](Transaction& t) {
    for (int i = 0; i < 100; ++i) t.Put(std::to_string(i), value);
  }));
  EXPECT_EQ(Value("other"), "(none)");
  Write([&](Transaction& t) {
    for (int i = 0; i < 99; ++i) t.Put(std::to_string(i), value);
  });
}

TEST_P(StoreContract, MoreStampsThanTheirCountHoldsAreTooBig) {
  const auto commit = [&](size_t stamps) {
    const auto t = Begin();
    for (size_t i = 0; i < stamps; ++i) t->PutStamped("L", "", "");
    return CommitCode(*t);
  };
  EXPECT_EQ(commit(kMaxStampedKeys + 1), Code::kTooBig);
  EXPECT_EQ(KeysIn(*Begin(), "L", "M"), Keys{});
  EXPECT_EQ(commit(kMaxStampedKeys), Code::kOk);
  EXPECT_EQ(KeysIn(*Begin(), "L", "M").size(), kMaxStampedKeys);
}

TEST_P(StoreContract, RangesThatWritesConflictWithCount) {
  ExpectLimit(store(), 3100, 3400, [](Transaction& t, int i) { t.Put(LongKey(i), ""); });
}

TEST_P(StoreContract, DeletesCountTheKeyFourTimes) {
  ExpectLimit(store(), 2350, 2600, [](Transaction& t, int i) { t.Delete(LongKey(i)); });
}

TEST_P(StoreContract, DeletedRangesCountTheirBoundsTwice) {
  ExpectLimit(store(), 2350, 2600,
              [](Transaction& t, int i) { t.DeleteRange(LongKey(i), LongKey(i) + "x"); });
}

TEST_P(StoreContract, CountersAndStampedKeysCountTheirRanges) {
  ExpectLimit(store(), 3100, 3400, [](Transaction& t, int i) { t.Add(LongKey(i), 1); });
  Write([](Transaction& t) { t.DeleteRange("", ""); });
  ExpectLimit(store(), 3050, 3400, [](Transaction& t, int i) { t.PutStamped(LongKey(i), "", ""); });
}

TEST_P(StoreContract, RangesThatWereReadCount) {
  ExpectLimit(store(), 4750, 5100,
              [](Transaction& t, int i) { EXPECT_TRUE(t.Get(LongKey(i)).ok()); });
  Write([](Transaction& t) { t.Delete("other"); });
  ExpectLimit(store(), 2370, 2550, [](Transaction& t, int i) {
    EXPECT_TRUE(t.GetMany(std::vector<std::string>{LongKey(2 * i), LongKey(2 * i + 1)}).ok());
  });
  Write([](Transaction& t) { t.Delete("other"); });
  ExpectLimit(store(), 4750, 5100, [](Transaction& t, int i) {
    EXPECT_TRUE(t.Scan(LongKey(i), LongKey(i + 1), {}).ok());
  });
  Write([](Transaction& t) { t.Delete("other"); });
  ExpectLimit(store(), 4750, 5100,
              [](Transaction& t, int i) { t.AddReadConflict(LongKey(i), LongKey(i + 1)); });
}

TEST_P(StoreContract, WhatWasReadRepeatedlyCountsOnce) {
  const auto t = Begin();
  t->Put("other", "x");
  for (int i = 0; i < 6000; ++i) {
    EXPECT_TRUE(t->Get(LongKey(i % 10)).ok());
    EXPECT_TRUE(t->Scan(LongKey(0), LongKey(1), {}).ok());
  }
  EXPECT_EQ(CommitCode(*t), Code::kOk);
}

TEST_P(StoreContract, SnapshotReadsAndReadsOfOwnWritesDoNotCount) {
  const auto t = Begin();
  t->Put(LongKey(0), "own");
  for (int i = 0; i < 6000; ++i) {
    EXPECT_TRUE(t->Get(LongKey(i), Reads::kSnapshot).ok());
    EXPECT_EQ(ValueIn(*t, LongKey(0)), "own");
  }
  EXPECT_EQ(CommitCode(*t), Code::kOk);
}

TEST_P(StoreContract, ATransactionWithoutWritesIsNeverTooBig) {
  const auto t = Begin();
  for (int i = 0; i < 6000; ++i) EXPECT_TRUE(t->Get(LongKey(i)).ok());
  EXPECT_EQ(CommitCode(*t), Code::kOk);
}

}  // namespace tarn::kv
