// The part of the contract suite (kv/testing/store_contract.h) about isolation.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "kv/testing/store_contract.h"

namespace tarn::kv {

TEST_P(StoreContract, AReadKeyThatChangedConflictsAndWritesNothing) {
  Fill({"a"});
  const auto t = Begin();
  EXPECT_EQ(ValueIn(*t, "a"), "va");
  t->Put("b", "x");
  Write([](Transaction& w) { w.Put("a", "new"); });
  EXPECT_EQ(CommitCode(*t), Code::kConflict);
  EXPECT_EQ(Value("b"), "(none)");
}

TEST_P(StoreContract, OnlyKeysThatWereReadConflict) {
  Fill({"a", "b"});
  const auto put = [](const char* key) { return [key](Transaction& t) { t.Put(key, "x"); }; };
  const auto get = [](const char* key) { return [key](Transaction& t) { ValueIn(t, key); }; };
  EXPECT_TRUE(Conflicts(get("a"), put("a")));
  EXPECT_FALSE(Conflicts(get("a"), put("b")));
  EXPECT_FALSE(Conflicts(put("a"), put("a")));
  EXPECT_TRUE(Conflicts(get("absent"), put("absent")));
  EXPECT_TRUE(Conflicts(get("a"), [](Transaction& t) { t.Delete("a"); }));
  EXPECT_TRUE(Conflicts(get("b"), [](Transaction& t) { t.DeleteRange("a", "c"); }));
  EXPECT_FALSE(Conflicts(get("c"), [](Transaction& t) { t.DeleteRange("a", "c"); }));
  EXPECT_TRUE(Conflicts(get("n"), [](Transaction& t) { t.Add("n", 1); }));
}

TEST_P(StoreContract, GetManyConflictsOnEachKey) {
  const auto read = [](Transaction& t) { EXPECT_TRUE(t.GetMany(Keys{"a", "b"}).ok()); };
  EXPECT_TRUE(Conflicts(read, [](Transaction& t) { t.Put("b", "x"); }));
  EXPECT_FALSE(Conflicts(read, [](Transaction& t) { t.Put("c", "x"); }));
}

TEST_P(StoreContract, SnapshotReadsDoNotConflict) {
  Fill({"a", "b"});
  const auto read = [](Transaction& t) {
    EXPECT_TRUE(t.Get("a", Reads::kSnapshot).ok());
    EXPECT_TRUE(t.GetMany(Keys{"a"}, Reads::kSnapshot).ok());
    ScanOptions options;
    options.reads = Reads::kSnapshot;
    EXPECT_TRUE(t.Scan("a", "z", options).ok());
  };
  EXPECT_FALSE(Conflicts(read, [](Transaction& t) { t.Put("a", "x"); }));
}

TEST_P(StoreContract, AKeyAddedToOrTakenFromAReadRangeConflicts) {
  Fill({"b", "d"});
  const auto scan = [](Transaction& t) { EXPECT_TRUE(t.Scan("a", "e", {}).ok()); };
  EXPECT_TRUE(Conflicts(scan, [](Transaction& t) { t.Put("c", "x"); }));
  EXPECT_TRUE(Conflicts(scan, [](Transaction& t) { t.Delete("c"); }));
  EXPECT_TRUE(Conflicts(scan, [](Transaction& t) { t.Put("a", "x"); }));
  EXPECT_TRUE(Conflicts(scan, [](Transaction& t) { t.DeleteRange("d", "z"); }));
  EXPECT_FALSE(Conflicts(scan, [](Transaction& t) { t.Put("e", "x"); }));
  EXPECT_FALSE(Conflicts(scan, [](Transaction& t) { t.DeleteRange("e", "z"); }));
}

TEST_P(StoreContract, OnlyTheRangeReturnedConflicts) {
  Fill({"b", "d", "f"});
  const auto scan = [](Order order) {
    return [order](Transaction& t) {
      ScanOptions options;
      options.limit = 2;
      options.order = order;
      EXPECT_EQ(t.Scan("a", "z", options)->pairs.size(), 2u);
    };
  };
  const auto put = [](const char* key) { return [key](Transaction& t) { t.Put(key, "x"); }; };
  EXPECT_TRUE(Conflicts(scan(Order::kForward), put("d")));
  EXPECT_FALSE(Conflicts(scan(Order::kForward), put("e")));
  EXPECT_TRUE(Conflicts(scan(Order::kReverse), put("e")));
  EXPECT_FALSE(Conflicts(scan(Order::kReverse), put("a")));
}

TEST_P(StoreContract, AStampedKeyConflictsWithAScanOfItsPrefix) {
  const auto scan = [](Transaction& t) { EXPECT_TRUE(t.Scan("L/", "L0", {}).ok()); };
  EXPECT_TRUE(Conflicts(scan, [](Transaction& t) { t.PutStamped("L/", "", "x"); }));
}

TEST_P(StoreContract, ExplicitReadConflictsCount) {
  const auto add = [](Transaction& t) { t.AddReadConflict("a", "c"); };
  EXPECT_TRUE(Conflicts(add, [](Transaction& t) { t.Put("b", "x"); }));
  EXPECT_FALSE(Conflicts(add, [](Transaction& t) { t.Put("c", "x"); }));
  const auto open = [](Transaction& t) { t.AddReadConflict("a", ""); };
  EXPECT_TRUE(Conflicts(open, [](Transaction& t) { t.Put("z", "x"); }));
}

TEST_P(StoreContract, WantedReadsConflictOnlyWhenTheyAreRead) {
  const std::vector<Range> ranges{{"a", "c"}, {"z", ""}};
  const auto want = [&](Transaction& t) {
    EXPECT_TRUE(t.ReadVersion().ok());
    t.Want(Keys{"a", "k"}, ranges);
  };
  const auto put = [](const char* key) { return [key](Transaction& t) { t.Put(key, "x"); }; };
  for (const char* key : {"a", "b", "k", "zz"}) EXPECT_FALSE(Conflicts(want, put(key)));
  const auto get = [&](Transaction& t) {
    want(t);
    ValueIn(t, "k");
  };
  EXPECT_TRUE(Conflicts(get, put("k")));
  EXPECT_FALSE(Conflicts(get, put("a")));
  const auto scan = [&](Transaction& t) {
    want(t);
    KeysIn(t, "a", "c");
  };
  EXPECT_TRUE(Conflicts(scan, put("b")));
  EXPECT_FALSE(Conflicts(scan, put("k")));
}

TEST_P(StoreContract, ReadingOwnWritesDoesNotConflict) {
  const auto own = [](Transaction& t) {
    t.Put("a", "own");
    ValueIn(t, "a");
  };
  EXPECT_FALSE(Conflicts(own, [](Transaction& t) { t.Put("a", "x"); }));
  const auto counter = [](Transaction& t) {
    t.Add("n", 1);
    EXPECT_GE(CounterIn(t, "n"), 1);
  };
  EXPECT_TRUE(Conflicts(counter, [](Transaction& t) { t.Add("n", 1); }));
}

TEST_P(StoreContract, ReadOnlyTransactionsNeverConflict) {
  Fill({"a"});
  const auto t = Begin();
  EXPECT_EQ(ValueIn(*t, "a"), "va");
  Fill({"a"});
  EXPECT_EQ(CommitCode(*t), Code::kOk);
}

TEST_P(StoreContract, WriteSkewIsRefused) {
  Fill({"a", "b"});
  const auto one = Begin();
  const auto two = Begin();
  EXPECT_EQ(ValueIn(*one, "a"), "va");
  EXPECT_EQ(ValueIn(*two, "b"), "vb");
  one->Delete("b");
  two->Delete("a");
  EXPECT_EQ(CommitCode(*one), Code::kOk);
  EXPECT_EQ(CommitCode(*two), Code::kConflict);
}

// Money moves between accounts. Each reader must see the same sum, and no transfer may be lost.
TEST_P(StoreContract, ConcurrentTransfersKeepTheSum) {
  constexpr int kAccounts = 8;
  constexpr int kTransfers = 200;
  const auto account = [](int i) { return "acc" + std::to_string(i); };
  Write([&](Transaction& t) {
    for (int i = 0; i < kAccounts; ++i) t.Put(account(i), EncodeCounter(100));
  });
  const auto move = [&](int thread, int step) {
    return Transact(store(), {.clock = SystemClock()}, [&](Transaction& t) {
      const std::string from = account((thread + step) % kAccounts);
      const std::string to = account((thread * 3 + step * 5 + 1) % kAccounts);
      const int64_t have = CounterIn(t, from);
      t.Put(from, EncodeCounter(have - 1));
      t.Put(to, EncodeCounter(CounterIn(t, to) + 1));
      t.Add("moves", 1);
      return OkStatus();
    });
  };
  const auto sum = [&] {
    int64_t total = 0;
    const auto page = Begin()->Scan("acc", "acd", {}).value();
    for (const Pair& pair : page.pairs) total += DecodeCounter(pair.value).value();
    return total;
  };
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kTransfers; ++i) EXPECT_TRUE(move(thread, i).ok());
    });
  }
  for (int i = 0; i < 50; ++i) EXPECT_EQ(sum(), 100 * kAccounts);
  threads.clear();
  EXPECT_EQ(sum(), 100 * kAccounts);
  EXPECT_EQ(DecodeCounter(Value("moves")).value(), 4 * kTransfers);
}

}  // namespace tarn::kv
