#include "kv/testing/counting_store.h"

#include <gtest/gtest.h>

#include "kv/memory.h"

namespace tarn::kv {
namespace {

class CountingStoreTest : public ::testing::Test {
 protected:
  CountingStoreTest() {
    const auto txn = below_->Begin();
    for (const char* key : {"a", "b", "c", "d/1", "d/2", "d/3"}) txn->Put(key, "x");
    EXPECT_TRUE(txn->Commit(Durability::kBuffered).ok());
  }

  using Body = std::function<void(Transaction&)>;
  Counts CountsOf(const Body& body) {
    (void)store_.Take();
    {
      const auto txn = store_.Begin({});
      body(*txn);
    }
    return store_.Take();
  }
  uint64_t RoundsOf(const Body& body) { return CountsOf(body).rounds; }

  static void Get(Transaction& txn, const std::string& key) {
    EXPECT_TRUE(txn.Get(key, Reads::kSerializable).ok());
  }
  static void GetAll(Transaction& txn, const std::vector<std::string>& keys) {
    EXPECT_TRUE(txn.GetMany(keys, Reads::kSerializable).ok());
  }
  static void Scan(Transaction& txn, const std::string& begin, const std::string& end,
                   const ScanOptions& options = {}) {
    EXPECT_TRUE(txn.Scan(begin, end, options).ok());
  }
  static void Want(Transaction& txn, const std::vector<std::string>& keys,
                   const std::vector<Range>& ranges = {}) {
    txn.Want(keys, ranges);
  }

  const std::unique_ptr<Store> below_ = NewMemoryStore(SystemClock());
  CountingStore store_{*below_};
};

TEST_F(CountingStoreTest, EachReadThatFollowsAnotherIsARound) {
  EXPECT_EQ(RoundsOf([](Transaction&) {}), 0u);
  EXPECT_EQ(RoundsOf([](Transaction& t) { Get(t, "a"); }), 1u);
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              Get(t, "a");
              Get(t, "none");
              Scan(t, "d/", "d0");
            }),
            3u);
}

TEST_F(CountingStoreTest, KeysOfOneGetManyAreOneRound) {
  EXPECT_EQ(RoundsOf([](Transaction& t) { GetAll(t, {"a", "b", "none"}); }), 1u);
  EXPECT_EQ(RoundsOf([](Transaction& t) { GetAll(t, {}); }), 0u);
}

TEST_F(CountingStoreTest, WantedReadsShareTheRoundOfTheNextWait) {
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              Want(t, {"a", "b"}, {{"d/", "d0"}});
              Get(t, "a");
              Get(t, "b");
              Scan(t, "d/", "d0");
              Scan(t, "d/2", "d/3", {.limit = 1, .order = Order::kReverse});
              Get(t, "d/9");
            }),
            1u);
  // A read that starts before the first wait is answered with the wanted ones.
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              Want(t, {"a"});
              Get(t, "b");
              Get(t, "a");
            }),
            1u);
}

TEST_F(CountingStoreTest, AReadThatIsWantedLaterIsAnsweredLater) {
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              Get(t, "a");
              Want(t, {"a", "b"});
              Get(t, "a");
              Get(t, "c");
              Get(t, "b");
            }),
            2u);
}

TEST_F(CountingStoreTest, AWantThatNoReadWaitsForCostsNothing) {
  EXPECT_EQ(RoundsOf([](Transaction& t) { Want(t, {"a"}, {{"", ""}}); }), 0u);
}

TEST_F(CountingStoreTest, AnsweredKeysCostNoSecondRound) {
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              GetAll(t, {"a", "b"});
              Get(t, "a");
              GetAll(t, {"b", "a"});
            }),
            1u);
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              Scan(t, "", "");
              Get(t, "d/2");
              Scan(t, "a", "c");
            }),
            1u);
}

TEST_F(CountingStoreTest, ALimitedScanAnswersOnlyWhatItReturned) {
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              Scan(t, "d/", "d0", {.limit = 2});
              Get(t, "d/1");
              Get(t, "d/2");
            }),
            1u);
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              Scan(t, "d/", "d0", {.limit = 2});
              Get(t, "d/3");
            }),
            2u);
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              Scan(t, "d/", "d0", {.limit = 1, .order = Order::kReverse});
              Get(t, "d/3");
            }),
            1u);
}

TEST_F(CountingStoreTest, OwnWritesAreReadWithoutARound) {
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              t.Put("a", "y");
              t.Delete("b");
              t.DeleteRange("d/", "d0");
              Get(t, "a");
              Get(t, "b");
              Get(t, "d/1");
              Scan(t, "d/", "d0");
            }),
            0u);
  // The result of Add needs the value in the store.
  EXPECT_EQ(RoundsOf([](Transaction& t) {
              t.Add("n", 1);
              Get(t, "n");
            }),
            1u);
}

TEST_F(CountingStoreTest, OnlyCommitsThatWriteAndSucceedCount) {
  const auto commit = [](Transaction& t, Durability durability) {
    EXPECT_TRUE(t.Commit(durability).ok());
  };
  EXPECT_EQ(CountsOf([&](Transaction& t) {
              Get(t, "a");
              commit(t, Durability::kDurable);
            }),
            (Counts{1, 1, 0, 0}));
  EXPECT_EQ(CountsOf([&](Transaction& t) {
              t.Add("n", 1);
              commit(t, Durability::kBuffered);
            }),
            (Counts{1, 0, 1, 0}));
  EXPECT_EQ(CountsOf([&](Transaction& t) {
              t.Put("a", "y");
              commit(t, Durability::kDurable);
            }),
            (Counts{1, 0, 1, 1}));
  EXPECT_EQ(CountsOf([&](Transaction& t) {
              t.Put("a", std::string(kMaxValueBytes + 1, 'x'));
              EXPECT_EQ(t.Commit(Durability::kDurable).code(), Code::kTooBig);
            }),
            (Counts{1, 0, 0, 0}));
  EXPECT_EQ(CountsOf([](Transaction& t) { t.Put("a", "z"); }), (Counts{1, 0, 0, 0}));
}

TEST_F(CountingStoreTest, ASyncCountsAsADurableWrite) {
  (void)store_.Take();
  EXPECT_TRUE(store_.Sync().ok());
  EXPECT_EQ(store_.Take(), (Counts{0, 0, 0, 1}));
  EXPECT_EQ(store_.Take(), Counts());
}

}  // namespace
}  // namespace tarn::kv
