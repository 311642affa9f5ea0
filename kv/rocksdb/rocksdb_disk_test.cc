// What the RocksDB engine does on a disk that fails.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <semaphore>
#include <set>
#include <string>

#include "kv/rocksdb.h"
#include "kv/testing/rocksdb_fixture.h"

namespace tarn::kv {
namespace {

class FailingDisk : public RocksdbStoreTest {
 protected:
  // From now on `failures_` appends to files whose names contain `part` fail.
  void FailAppends(const char* part) {
    part_ = part;
    options_.fails_disk = [this](DiskCall call, const std::string& path) {
      const std::string name = path.substr(path.rfind('/'));
      return call == DiskCall::kAppend && name.find(part_) != std::string::npos && failures_ > 0 &&
             failures_-- > 0;
    };
  }
  // From now on `failures_` syncs of files whose names contain `part` fail.
  void FailSyncs(const char* part) {
    part_ = part;
    options_.fails_disk = [this](DiskCall call, const std::string& path) {
      if (call != DiskCall::kSync) return false;
      const std::string name = path.substr(path.rfind('/'));
      const bool is_table = name.ends_with(".sst");
      if (is_table && slow_tables_) {
        static_cast<void>(answered_.try_acquire_for(std::chrono::milliseconds(200)));
      }
      if (is_table) ++tables_;
      return name.find(part_) != std::string::npos && failures_ > 0 && failures_-- > 0;
    };
  }
  // Commits to `options_.directory`, which is new. The one call that fails may refuse one commit.
  void ExpectOneFailureLosesNothing() {
    TransactOptions durable{.clock = SystemClock()};
    durable.durability = Durability::kDurable;
    const auto store = Open();
    std::set<std::string> acknowledged;
    for (int i = 0; i < 40; ++i) {
      if (i == 10) failures_ = 1;
      const std::string key = "k" + std::to_string(i);
      const auto put = [&](Transaction& t) {
        t.Put(key, std::string(100'000, 'x'));
        return OkStatus();
      };
      if (Transact(*store, durable, put).ok()) acknowledged.insert(key);
    }
    EXPECT_EQ(failures_, 0);
    EXPECT_GE(acknowledged.size(), 39u);
    ExpectIn(Copy(true), acknowledged);
  }
  static constexpr int kAlways = 1 << 30;
  std::atomic<int> failures_ = 0;
  std::atomic<const char*> part_ = "";
  std::atomic<bool> slow_tables_ = false;  // Their syncs last until `answered_`, if that comes.
  std::counting_semaphore<> answered_{0};
  std::atomic<int> tables_ = 0;  // Syncs of tables so far.
};

TEST_F(FailingDisk, AFailedSyncOfTheLogLosesNothingAndStopsNothing) {
  FailSyncs(".log");
  const auto store = Open();
  failures_ = 1;
  EXPECT_TRUE(Put(*store, "a", "1", Durability::kBuffered).ok());
  EXPECT_TRUE(Put(*store, "b", "2", Durability::kDurable).ok());
  EXPECT_EQ(failures_, 0);
  ExpectInTables({"a", "b"});
  EXPECT_TRUE(Put(*store, "c", "3", Durability::kDurable).ok());
  EXPECT_TRUE(store->Close().ok());
  for (const char* key : {"a", "b", "c"}) EXPECT_NE(Value(*Open(), key), "(none)") << key;
}

TEST_F(FailingDisk, ACommitThatNoLogSyncsIsInTablesBeforeItIsAcknowledged) {
  FailSyncs(".log");
  const auto store = Open();
  failures_ = kAlways;
  for (const char* key : {"a", "b", "c"}) {
    EXPECT_TRUE(Put(*store, key, "1", Durability::kDurable).ok());
    ExpectInTables({key});
  }
}

TEST_F(FailingDisk, ADiskThatCannotBeSyncedIsAnErrorUntilItCan) {
  FailSyncs("");
  const auto store = Open();
  failures_ = kAlways;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Put(*store, "a", "1", Durability::kDurable).code(), Code::kIo);
  }
  failures_ = 0;
  EXPECT_TRUE(store->Sync().ok());
  EXPECT_TRUE(Put(*store, "b", "2", Durability::kDurable).ok());
  EXPECT_EQ(Value(*store, "a"), "1");
  // Also after RocksDB has been resumed, the commit returns only once the tables are synced.
  FailSyncs(".log");
  failures_ = kAlways;
  slow_tables_ = true;
  tables_ = 0;
  EXPECT_TRUE(Put(*store, "c", "3", Durability::kDurable).ok());
  EXPECT_GE(tables_, 1);
  answered_.release();
  slow_tables_ = false;
  ExpectInTables({"a", "b", "c"});
}

TEST_F(FailingDisk, TablesThatCannotBeSyncedStopCommitsOnlyUntilTheyCan) {
  FailSyncs(".sst");
  const auto store = Open();
  failures_ = kAlways;
  const std::string large(90'000, 'x');
  Code code = Code::kOk;
  int committed = 0;
  for (; code == Code::kOk && committed < 100; ++committed) {
    code = Put(*store, "k" + std::to_string(committed), large).code();
  }
  EXPECT_EQ(code, Code::kIo);
  failures_ = 0;
  EXPECT_TRUE(Put(*store, "more", large, Durability::kDurable).ok());
  for (int i = 0; i + 1 < committed; ++i) EXPECT_EQ(Value(*store, "k" + std::to_string(i)), large);
}

TEST_F(FailingDisk, OneFailedSyncOfAnyFileLosesNothing) {
  for (const char* name : {".log", ".sst", "MANIFEST-", "folder"}) {
    SCOPED_TRACE(name);
    FailSyncs(name);
    options_.directory = directory_.path() + "/folder" + name;
    ExpectOneFailureLosesNothing();
  }
}

TEST_F(FailingDisk, AFailedAppendToTheLogLosesNothingAndStopsNothing) {
  FailAppends(".log");
  const auto store = Open();
  std::set<std::string> acknowledged;
  for (int i = 0; i < 12; ++i) {
    const std::string key = "k" + std::to_string(i);
    if (i % 3 == 1) failures_ = 1;
    const auto durability = i % 2 == 0 ? Durability::kBuffered : Durability::kDurable;
    EXPECT_TRUE(Put(*store, key, "1", durability).ok()) << key;
    EXPECT_EQ(failures_, 0);
    acknowledged.insert(key);
    ExpectIn(Copy(true), acknowledged);  // A kill of the process leaves this.
  }
  EXPECT_TRUE(store->Close().ok());
  ExpectIn(options_.directory, acknowledged);
}

TEST_F(FailingDisk, ACommitThatNoLogTakesIsInTablesBeforeItIsAcknowledged) {
  FailAppends(".log");
  const auto store = Open();
  failures_ = kAlways;
  for (const char* key : {"a", "b", "c"}) {
    EXPECT_TRUE(Put(*store, key, "1", Durability::kBuffered).ok());
    ExpectInTables({key});
  }
}

TEST_F(FailingDisk, ADiskThatTakesNothingIsAnErrorUntilItDoes) {
  FailAppends("");
  const auto store = Open();
  ASSERT_TRUE(Put(*store, "before", "1").ok());
  failures_ = kAlways;
  EXPECT_EQ(Put(*store, "a", "1").code(), Code::kIo);
  EXPECT_EQ(Put(*store, "b", "1").code(), Code::kIo);
  EXPECT_EQ(store->Sync().code(), Code::kIo);
  EXPECT_EQ(Value(*store, "b"), "(none)") << "nothing is put behind what the log lacks";
  ExpectIn(Copy(true), {"before"});
  failures_ = 0;
  EXPECT_TRUE(Put(*store, "b", "2").ok());
  ExpectIn(Copy(true), {"before", "b"});
  EXPECT_TRUE(store->Sync().ok());
  EXPECT_TRUE(store->Close().ok());
  ExpectIn(options_.directory, {"before", "b"});
}

// A transaction that read bytes that are not on the disk yet may commit once they are.
TEST_F(FailingDisk, CommitsConflictAlsoWhileTheDiskFails) {
  FailAppends("");
  const auto store = Open();
  ASSERT_TRUE(Put(*store, "a", "1").ok());
  const auto before = store->Begin();
  EXPECT_EQ(before->Get("a").value(), "1");
  before->Put("b", "from 1");
  failures_ = kAlways;
  EXPECT_EQ(Put(*store, "a", "2").code(), Code::kIo);
  EXPECT_EQ(Value(*store, "a"), "2");
  failures_ = 0;
  EXPECT_EQ(before->Commit({}).code(), Code::kConflict);
}

TEST_F(FailingDisk, OneFailedAppendToAnyFileLosesNothing) {
  for (const char* name : {".log", ".sst", "MANIFEST-"}) {
    SCOPED_TRACE(name);
    FailAppends(name);
    options_.directory = directory_.path() + "/appends" + name;
    ExpectOneFailureLosesNothing();
  }
}

}  // namespace
}  // namespace tarn::kv
