#pragma once

// For tests of the RocksDB engine: a store in a directory of its own, and copies of the directory
// as a start after a kill or a power cut finds it.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "kv/rocksdb.h"
#include "kv/store.h"

namespace tarn::kv {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string path = testing::TempDir() + "kvXXXXXX";
    CHECK(::mkdtemp(path.data()) != nullptr);
    path_ = path;
  }
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline RocksdbOptions Small(const std::string& directory) {
  RocksdbOptions options;
  options.directory = directory;
  options.write_buffer_bytes = 1 << 20;
  options.ballast_bytes = 1 << 20;
  return options;
}

class RocksdbStoreTest : public testing::Test {
 protected:
  std::unique_ptr<Store> Open() {
    return OpenRocksdbStore(options_, clock_, SystemClock()).value();
  }
  using Bytes = std::string_view;
  static Result<Version> Put(Store& store, Bytes key, Bytes value, Durability durability = {}) {
    const auto t = store.Begin();
    t->Put(key, value);
    return t->Commit(durability);
  }
  static std::string Value(Store& store, std::string_view key) {
    return store.Begin()->Get(key).value().value_or("(none)");
  }
  // Runs `body` in a process that then dies without any clean-up.
  static void RunAndDie(const std::function<bool()>& body) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(body() ? 0 : 1);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }

  // Copies what a start may find: after a kill with the logs, after a power cut without them.
  std::string Copy(bool with_logs);
  void ExpectIn(const std::string& directory, const std::set<std::string>& keys) {
    const auto store = OpenRocksdbStore(Small(directory), clock_, SystemClock()).value();
    for (const std::string& key : keys) EXPECT_NE(Value(*store, key), "(none)") << key;
  }
  void ExpectInTables(const std::set<std::string>& keys) { ExpectIn(Copy(false), keys); }

  int copies_ = 0;
  ManualClock clock_;
  const ScratchDirectory directory_;
  RocksdbOptions options_ = Small(directory_.path() + "/a/db");
};

}  // namespace tarn::kv
