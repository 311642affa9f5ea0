#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <semaphore>
#include <set>
#include <thread>
#include <vector>

#include "base/random.h"
#include "base/testing/random_seed.h"
#include "kv/memory.h"
#include "kv/rocksdb.h"
#include "kv/testing/rocksdb_fixture.h"
#include "kv/testing/store_contract.h"

namespace tarn::kv {
namespace {

class RocksdbFixture final : public Fixture {
 public:
  explicit RocksdbFixture(Clock& clock)
      : store_(OpenRocksdbStore(Small(directory_.path()), clock, SystemClock()).value()) {}
  Store& store() override { return *store_; }

 private:
  const ScratchDirectory directory_;
  const std::unique_ptr<Store> store_;
};

const EngineUnderTest kRocksdb{
    "Rocksdb", [](Clock& clock) { return std::make_unique<RocksdbFixture>(clock); }};

// With a record cache so small that records are cached, evicted and read again all the time.
class ForgetfulFixture final : public Fixture {
 public:
  explicit ForgetfulFixture(Clock& clock) {
    RocksdbOptions options = Small(directory_.path());
    options.record_cache_bytes = 16 << 10;
    store_ = OpenRocksdbStore(options, clock, SystemClock()).value();
  }
  Store& store() override { return *store_; }

 private:
  const ScratchDirectory directory_;
  std::unique_ptr<Store> store_;
};

const EngineUnderTest kForgetful{
    "Forgetful", [](Clock& clock) { return std::make_unique<ForgetfulFixture>(clock); }};

INSTANTIATE_TEST_SUITE_P(Rocksdb, StoreContract,
                         testing::Values(kRocksdb, Prefixed(kRocksdb), kForgetful), EngineName());

// Tests that fork while RocksDB's threads run.
class RocksdbProcessTest : public RocksdbStoreTest {
 protected:
  void SetUp() override {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  }
};

TEST_F(RocksdbStoreTest, KeepsItsDataAndContinuesItsVersionsWhenReopened) {
  Version last = 0;
  for (int round = 0; round < 3; ++round) {
    const auto store = Open();
    EXPECT_GE(store->Begin()->ReadVersion().value(), last);
    const Version version = Put(*store, "k" + std::to_string(round), "v").value();
    EXPECT_GT(version, last);
    last = version;
    EXPECT_TRUE(store->Close().ok());
  }
  EXPECT_EQ(Open()->Begin()->Scan("k", "l", {})->pairs.size(), 3u);
}

// At any time twelve records hold the same number; some commits delete them by range first.
TEST_F(RocksdbStoreTest, AReaderNeverSeesHalfOfAConcurrentCommit) {
  constexpr int kRecords = 12;
  options_.record_cache_bytes = 4 << 10;  // A few records a shard: most are evicted soon.
  const auto store = Open();
  const auto key = [](int i) { return "r" + std::to_string(i); };
  const auto write_all = [&](int round) {
    return Transact(*store, {.clock = SystemClock()}, [&](Transaction& t) {
      if (round % 3 == 0) t.DeleteRange("r", "s");
      for (int i = 0; i < kRecords; ++i) t.Put(key(i), std::to_string(round));
      return OkStatus();
    });
  };
  ASSERT_TRUE(write_all(0).ok());
  std::atomic<bool> done = false;
  std::atomic<int> torn = 0, seen = 0;
  const auto read = [&] {
    while (!done) {
      const auto t = store->Begin();
      const std::string first = t->Get(key(0), Reads::kSnapshot).value().value_or("none");
      for (int i = 1; i < kRecords; ++i) {
        if (t->Get(key(i), Reads::kSnapshot).value() != first) ++torn;
      }
      ++seen;
    }
  };
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) readers.emplace_back(read);
  for (int round = 1; round < 3000 || seen < 1000; ++round) ASSERT_TRUE(write_all(round).ok());
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn, 0);
}

TEST_F(RocksdbProcessTest, ABufferedCommitSurvivesTheDeathOfTheProcess) {
  RunAndDie([&] {
    const auto store = Open();
    for (int i = 0; i < 100; ++i) {
      if (!Put(*store, "k" + std::to_string(i), "v").ok()) return false;
    }
    ::_exit(0);
  });
  const auto store = Open();
  EXPECT_EQ(store->Begin()->Scan("k", "l", {})->pairs.size(), 100u);
}

TEST_F(RocksdbProcessTest, TheDirectoryOfAnotherProcessIsBusy) {
  const auto store = Open();
  EXPECT_EQ(OpenRocksdbStore(options_, clock_, SystemClock()).code(), Code::kBusy);
  RunAndDie(
      [&] { return OpenRocksdbStore(options_, clock_, SystemClock()).code() == Code::kBusy; });
}

TEST_F(RocksdbStoreTest, ADirectoryThatCannotBeMadeIsItsErrno) {
  std::ofstream(directory_.path() + "/file") << "x";
  options_.directory = directory_.path() + "/file/db";
  EXPECT_EQ(OpenRocksdbStore(options_, clock_, SystemClock()).code(), Code::kNotDirectory);
}

TEST_F(RocksdbStoreTest, ADamagedDatabaseIsCorruption) {
  EXPECT_TRUE(Put(*Open(), "a", "x", Durability::kDurable).ok());
  std::ofstream(options_.directory + "/CURRENT") << "nonsense";
  EXPECT_EQ(OpenRocksdbStore(options_, clock_, SystemClock()).code(), Code::kCorruption);
}

TEST_F(RocksdbStoreTest, ClosingUnderAnOpenTransactionIsBusy) {
  const auto store = Open();
  const auto t = store->Begin();
  EXPECT_TRUE(t->Get("a").ok());
  EXPECT_EQ(store->Close().code(), Code::kBusy);
}

TEST_F(RocksdbStoreTest, LargeDataSurvivesFlushesAndCompactions) {
  options_.write_buffer_bytes = 64 << 10;
  {
    const auto store = Open();
    for (int i = 0; i < 200; ++i) {
      const auto t = store->Begin();
      for (int j = 0; j < 20; ++j) {
        t->Put("k" + std::to_string(i * 20 + j), std::string(300, static_cast<char>('a' + i % 26)));
      }
      if (i % 10 == 9) t->DeleteRange("k" + std::to_string(i), "k" + std::to_string(i) + "~");
      ASSERT_TRUE(t->Commit(Durability::kBuffered).ok());
    }
    ASSERT_TRUE(store->Close().ok());
  }
  const auto store = Open();
  EXPECT_EQ(Value(*store, "k3999"), std::string(300, 'r'));
  EXPECT_EQ(Value(*store, "k199"), "(none)");
  EXPECT_EQ(Value(*store, "k1"), std::string(300, 'a'));
}

// Deletes ranges, between ordinary writes, in the log that is replayed and in the log after it.
TEST_F(RocksdbStoreTest, LargeDeletedRangesAreReplayedFromTheLog) {
  for (int round = 0; round < 4; ++round) {
    const auto store = Open();
    for (int i = 0; i < 20; ++i) {
      const auto t = store->Begin();
      t->DeleteRange("k", "l");
      for (int j = 0; j < 100; ++j) t->Put("k" + std::to_string(i * 7919 % 20 + j), "v");
      t->Put("j" + std::to_string(round * 20 + i), "v");
      t->Put("l" + std::to_string(round * 20 + i), "v");
      ASSERT_TRUE(t->Commit(Durability::kBuffered).ok());
    }
    EXPECT_EQ(store->Begin()->Scan("k", "l", {})->pairs.size(), 100u);
  }
  const auto store = Open();
  EXPECT_EQ(store->Begin()->Scan("j", "", {})->pairs.size(), 260u);
}

void RandomWrite(Random& random, Transaction& one, Transaction& two) {
  const auto key = [&] {
    return "m/" + std::string(1, "ABCD"[random.Uniform(4)]) + std::to_string(random.Uniform(400));
  };
  const std::string a = key();
  const std::string b = key();
  const std::string value(random.Uniform(200), static_cast<char>('a' + random.Uniform(26)));
  const auto delta = static_cast<int64_t>(random.Uniform(100));
  const uint64_t what = random.Uniform(12);
  for (Transaction* t : {&one, &two}) {
    if (what < 7) t->Put(a, value);
    if (what == 7) t->Delete(a);
    if (what == 8) t->DeleteRange(std::min(a, b), std::max(a, b));
    if (what == 9) t->Add("n/" + a, delta);
    if (what == 10) t->Max("n/" + a, delta);
    if (what == 11) t->DeleteRange(a, a + "5");
  }
}

std::vector<Pair> All(Transaction& t, Order order) {
  ScanOptions options;
  options.order = order;
  return t.Scan("", "", options)->pairs;
}

// Makes the same writes in both engines. Flushes and compactions run meanwhile, and the store is
// reopened now and then.
TEST_F(RocksdbStoreTest, RandomWritesLeaveThePairsThatTheMemoryEngineHolds) {
  const uint64_t seed = SeedOfTest();
  SCOPED_TRACE("TARN_SEED=" + std::to_string(seed));
  Random random(seed);
  options_.write_buffer_bytes = 64 << 10;
  const auto memory = NewMemoryStore(clock_);
  auto store = Open();
  for (int step = 0; step < 3000; ++step) {
    const auto model = memory->Begin();
    const auto real = store->Begin();
    for (uint64_t i = random.Uniform(12) + 1; i > 0; --i) RandomWrite(random, *model, *real);
    const Order order = random.Chance(0.5) ? Order::kForward : Order::kReverse;
    const bool compare = step % 25 == 0;
    if (compare) {
      ASSERT_EQ(All(*real, order), All(*model, order)) << step;
    }
    ASSERT_TRUE(model->Commit(Durability::kBuffered).ok());
    ASSERT_TRUE(real->Commit(Durability::kBuffered).ok());
    if (compare) {
      ASSERT_EQ(All(*store->Begin(), order), All(*memory->Begin(), order)) << step;
    }
    if (step % 700 != 699) continue;
    store.reset();
    store = Open();
  }
}

// A file system of its own, small enough to fill.
class FullDiskTest : public RocksdbStoreTest {
 protected:
  void SetUp() override {
    options_.directory = disk() + "/db";
    options_.ballast_bytes = 4 << 20;
    std::filesystem::create_directory(disk());
    if (::mount("tmpfs", disk().c_str(), "tmpfs", 0, "size=64m") != 0) {
      GTEST_SKIP() << "may not mount a file system";
    }
  }
  void TearDown() override { ::umount2(disk().c_str(), MNT_DETACH); }

  std::string disk() const { return directory_.path() + "/disk"; }
  std::string ballast() const { return options_.directory + "/ballast"; }
  void FillDisk() {
    std::ofstream out(disk() + "/filler");
    const std::string block(64 << 10, 'x');
    while (out << block << std::flush) {
    }
  }
  void FreeDisk() { std::filesystem::remove(disk() + "/filler"); }
};

TEST_F(FullDiskTest, CommitsSucceedUntilTheBallastIsUsedUpAndAgainWhenThereIsRoom) {
  const auto store = Open();
  EXPECT_TRUE(std::filesystem::exists(ballast()));
  ASSERT_TRUE(Put(*store, "before", "x").ok());
  FillDisk();
  const std::string value(50'000, 'v');
  int written = 0;
  Code last = Code::kOk;
  const auto put = [&](Transaction& t) {
    t.Put("k" + std::to_string(written), value);
    t.PutStamped("L/", "", "x");
    return OkStatus();
  };
  while (last == Code::kOk && written < 1000) {
    last = Transact(*store, {.clock = SystemClock()}, put).code();
    if (last == Code::kOk) ++written;
  }
  EXPECT_EQ(last, Code::kNoSpace);
  EXPECT_GT(written, 20);
  EXPECT_FALSE(std::filesystem::exists(ballast()));
  EXPECT_EQ(Value(*store, "before"), "x");
  EXPECT_EQ(Value(*store, "k" + std::to_string(written)), "(none)");

  FreeDisk();
  EXPECT_TRUE(Transact(*store, {.clock = SystemClock()}, put).ok());
  clock_.Advance(std::chrono::seconds(11));
  EXPECT_TRUE(Put(*store, "after", "x", Durability::kDurable).ok());
  EXPECT_TRUE(std::filesystem::exists(ballast()));
  EXPECT_EQ(store->Begin()->Scan("L/", "L0", {})->pairs.size(), static_cast<size_t>(written) + 1);
}

TEST_F(FullDiskTest, CommitsOnAFullDiskSurviveReopening) {
  int written = 0;
  {
    const auto store = Open();
    FillDisk();
    const std::string value(50'000, 'v');
    while (written < 1000 && Transact(*store, {.clock = SystemClock()}, [&](Transaction& t) {
                               t.Put("k" + std::to_string(written), value);
                               return OkStatus();
                             }).ok()) {
      ++written;
    }
  }
  FreeDisk();
  EXPECT_EQ(Open()->Begin()->Scan("k", "l", {})->pairs.size(), static_cast<size_t>(written));
}

}  // namespace
}  // namespace tarn::kv
