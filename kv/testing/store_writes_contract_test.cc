// The part of the contract suite (kv/testing/store_contract.h) about writing and watching.

#include <limits>
#include <string>
#include <thread>

#include "kv/testing/store_contract.h"

namespace tarn::kv {

TEST_P(StoreContract, CommitsHaveRisingVersions) {
  Version last = 0;
  for (int i = 0; i < 20; ++i) {
    const Version version = Write([&](Transaction& t) {
      if (i % 3 == 0) t.DeleteRange("x", "y");
      if (i % 3 != 0) t.Put("a", std::to_string(i));
      if (i % 3 == 2) t.Delete("absent");
    });
    EXPECT_GT(version, last);
    last = version;
  }
}

TEST_P(StoreContract, LaterWritesOfATransactionWin) {
  Write([](Transaction& t) {
    t.Put("a", "1");
    t.Put("a", "2");
    t.Put("b", "1");
    t.Delete("b");
    t.Delete("c");
    t.Put("c", "1");
    t.Put("d", "1");
    t.DeleteRange("d", "e");
  });
  EXPECT_EQ(KeysIn(*Begin(), "", ""), (Keys{"a", "c"}));
  EXPECT_EQ(Value("a"), "2");
}

TEST_P(StoreContract, DeleteRangeIsHalfOpenForAnySize) {
  for (const int count : {3, 500}) {
    Keys keys;
    for (int i = 0; i < count; ++i) keys.push_back("k" + std::to_string(1000 + i));
    Fill(keys);
    Write([&](Transaction& t) { t.DeleteRange(keys[1], keys.back()); });
    EXPECT_EQ(KeysIn(*Begin(), "", ""), (Keys{keys.front(), keys.back()}));
    Write([&](Transaction& t) { t.DeleteRange("", ""); });
    EXPECT_EQ(KeysIn(*Begin(), "", ""), Keys{});
  }
}

TEST_P(StoreContract, OverlappingDeletedRangesJoin) {
  Fill({"a", "b", "c", "d", "e"});
  const auto t = Begin();
  t->DeleteRange("b", "c");
  t->DeleteRange("d", "e");
  t->DeleteRange("c", "d");
  t->DeleteRange("z", "a");
  EXPECT_EQ(KeysIn(*t, "", ""), (Keys{"a", "e"}));
  EXPECT_EQ(CommitCode(*t), Code::kOk);
  EXPECT_EQ(KeysIn(*Begin(), "", ""), (Keys{"a", "e"}));
}

TEST_P(StoreContract, CountersStartAtZeroAndCompose) {
  Write([](Transaction& t) {
    t.Add("n", 5);
    t.Max("n", 3);
    t.Add("n", -1);
    t.Max("m", 0);
    t.Max("big", 9);
    t.Add("big", 1);
  });
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 4);
  EXPECT_EQ(DecodeCounter(Value("m")).value(), 0);
  EXPECT_EQ(DecodeCounter(Value("big")).value(), 10);
  Write([](Transaction& t) {
    t.Add("n", -3);
    t.Max("n", 2);
    t.Add("n", -8);
  });
  EXPECT_EQ(DecodeCounter(Value("n")).value(), -6);
}

TEST_P(StoreContract, MaxOfANegativeValueIsInvalidAndWritesNothing) {
  Write([](Transaction& t) { t.Max("n", 5); });
  for (const int64_t value : {int64_t{-1}, std::numeric_limits<int64_t>::min()}) {
    const auto t = Begin();
    t->Put("b", "x");
    t->Max("n", value);
    EXPECT_EQ(CommitCode(*t), Code::kInvalid);
  }
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 5);
  EXPECT_EQ(Value("b"), "(none)");
}

TEST_P(StoreContract, MaxKeepsTheGreaterValue) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  Write([](Transaction& t) { t.Max("n", 256); });
  Write([](Transaction& t) { t.Max("n", 255); });
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 256);
  Write([](Transaction& t) { t.Max("n", kMost); });
  Write([](Transaction& t) { t.Max("n", 0); });
  EXPECT_EQ(DecodeCounter(Value("n")).value(), kMost);
}

TEST_P(StoreContract, CountersSeeOwnPutsAndDeletes) {
  Fill({"r"});
  const auto t = Begin();
  t->Put("a", EncodeCounter(40));
  t->Add("a", 2);
  t->Delete("b");
  t->Add("b", 1);
  t->DeleteRange("r", "s");
  t->Max("r", 6);
  EXPECT_EQ(CounterIn(*t, "a"), 42);
  EXPECT_EQ(CounterIn(*t, "b"), 1);
  EXPECT_EQ(CounterIn(*t, "r"), 6);
  EXPECT_EQ(CommitCode(*t), Code::kOk);
  EXPECT_EQ(DecodeCounter(Value("a")).value(), 42);
  EXPECT_EQ(DecodeCounter(Value("r")).value(), 6);
}

TEST_P(StoreContract, AddingToAValueThatIsNoCounterIsCorruptionAndWritesNothing) {
  Fill({"a"});
  const auto t = Begin();
  t->Put("b", "x");
  t->Add("a", 1);
  EXPECT_EQ(CommitCode(*t), Code::kCorruption);
  EXPECT_EQ(Value("a"), "va");
  EXPECT_EQ(Value("b"), "(none)");
}

TEST_P(StoreContract, BlindCountersDoNotConflictAndLoseNothing) {
  const auto one = Begin();
  const auto two = Begin();
  one->Add("n", 1);
  two->Add("n", 2);
  EXPECT_EQ(CommitCode(*one), Code::kOk);
  EXPECT_EQ(CommitCode(*two), Code::kOk);
  EXPECT_EQ(DecodeCounter(Value("n")).value(), 3);
}

TEST_P(StoreContract, StampsRiseInCommitOrderAndHoldTheVersion) {
  Version first = 0;
  for (const char* value : {"one", "two"}) {
    const Version version = Write([&](Transaction& t) {
      t.PutStamped("L/", "/s", value);
      t.PutStamped("L/", "/s", std::string(value) + "b");
      EXPECT_EQ(KeysIn(t, "L/", "L0").size(), first == 0 ? 0u : 2u);
    });
    if (first == 0) first = version;
  }
  const auto page = Begin()->Scan("L/", "L0", {}).value();
  Keys values;
  for (const Pair& pair : page.pairs) values.push_back(pair.value);
  EXPECT_EQ(values, (Keys{"one", "oneb", "two", "twob"}));
  ASSERT_EQ(page.pairs[0].key.size(), 2 + kStampBytes + 2);
  Version stamp = 0;
  for (size_t i = 2; i < 10; ++i) {
    stamp = stamp << 8 | static_cast<unsigned char>(page.pairs[0].key[i]);
  }
  EXPECT_EQ(stamp, first);
}

TEST_P(StoreContract, StampsOfOneCommitDifferOnlyInTheirCount) {
  Write([](Transaction& t) {
    for (int i = 0; i < 300; ++i) t.PutStamped("L", "", std::to_string(i));
  });
  const auto page = Begin()->Scan("L", "M", {}).value();
  ASSERT_EQ(page.pairs.size(), 300u);
  for (size_t i = 0; i < page.pairs.size(); ++i) {
    const std::string& key = page.pairs[i].key;
    ASSERT_EQ(key.size(), 1 + kStampBytes);
    EXPECT_EQ(key.substr(0, 1 + kCommitStampBytes),
              page.pairs[0].key.substr(0, 1 + kCommitStampBytes));
    const size_t count =
        static_cast<unsigned char>(key[11]) * 256u + static_cast<unsigned char>(key[12]);
    EXPECT_EQ(count, i);
    EXPECT_EQ(page.pairs[i].value, std::to_string(i));
  }
}

TEST_P(StoreContract, DurableCommitsAndSyncSucceed) {
  const auto t = Begin();
  t->Put("a", "x");
  EXPECT_TRUE(t->Commit(Durability::kDurable).ok());
  EXPECT_TRUE(store().Sync().ok());
}

TEST_P(StoreContract, WatchReturnsAtOnceIfTheValueDiffers) {
  Fill({"a"});
  EXPECT_TRUE(store().Watch("a", "other", Deadline::Never(), {}).ok());
  EXPECT_TRUE(store().Watch("a", std::nullopt, Deadline::Never(), {}).ok());
  EXPECT_TRUE(store().Watch("absent", "x", Deadline::Never(), {}).ok());
}

TEST_P(StoreContract, WatchEndsAtItsDeadlineOrStop) {
  const Deadline passed = Deadline::After(clock_, Nanos(0));
  EXPECT_EQ(store().Watch("a", std::nullopt, passed, {}).code(), Code::kDeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(store().Watch("a", std::nullopt, Deadline::Never(), stop.get_token()).code(),
            Code::kCancelled);
}

TEST_P(StoreContract, WatchWakesOnEachKindOfChange) {
  const auto wakes = [&](const std::optional<std::string>& seen,
                         const std::function<void(Transaction&)>& change) {
    Status status(Code::kIo, "not run");
    std::jthread watcher([&] { status = store().Watch("w", seen, Deadline::Never(), {}); });
    Write(change);
    watcher.join();
    return status.ok();
  };
  EXPECT_TRUE(wakes(std::nullopt, [](Transaction& t) { t.Put("w", "1"); }));
  EXPECT_TRUE(wakes("1", [](Transaction& t) { t.DeleteRange("v", "x"); }));
  EXPECT_TRUE(wakes(std::nullopt, [](Transaction& t) { t.Add("w", 1); }));
  EXPECT_TRUE(wakes(EncodeCounter(1), [](Transaction& t) { t.Delete("w"); }));
}

TEST_P(StoreContract, CloseEndsWatches) {
  Status status;
  std::jthread watcher([&] { status = store().Watch("w", std::nullopt, Deadline::Never(), {}); });
  EXPECT_TRUE(store().Close().ok());
  watcher.join();
  EXPECT_EQ(status.code(), Code::kUnavailable);
}

}  // namespace tarn::kv
