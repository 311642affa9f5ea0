#include "node/state_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <string>
#include <thread>

#include "base/clock.h"
#include "base/strings.h"
#include "base/testing/temporary_directory.h"

namespace tarn {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class StateDirectoryTest : public testing::Test {
 protected:
  std::unique_ptr<StateDirectory> Open() {
    Result<std::unique_ptr<StateDirectory>> opened =
        StateDirectory::Open(root_ / "state", {"file", "/srv", "file:///srv"});
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  // The options for one cache directory whose size is `text`.
  Result<cache::CacheOptions> CacheOfSize(const std::string& text) {
    Properties properties;
    EXPECT_TRUE(properties.Set("tarn.worker.page.store.sizes", text, "test").ok());
    EXPECT_TRUE(properties.Set("tarn.worker.page.store.dirs", root_ / "cache", "test").ok());
    return Open()->CacheFor(properties);
  }
  bool Exists(const std::string& name) {
    struct stat st = {};
    return stat((root_ / name).c_str(), &st) == 0;
  }
  const TemporaryDirectory root_;
};

TEST_F(StateDirectoryTest, CacheTooSmallToWorkIsRefusedWithTheLeastSize) {
  for (const char* size : {"0", "1", "16777215"}) {
    const Result<cache::CacheOptions> refused = CacheOfSize(size);
    ASSERT_EQ(refused.code(), Code::kInvalid) << size;
    EXPECT_THAT(refused.status().message(),
                AllOf(HasSubstr("tarn.worker.page.store.sizes"), HasSubstr(root_ / "cache"),
                      HasSubstr("at least 16MiB")));
  }
  const Result<cache::CacheOptions> least = CacheOfSize("16MiB");
  ASSERT_TRUE(least.ok()) << least.status().ToString();
  EXPECT_THAT(least->capacities_bytes, ElementsAre(16u << 20));
}

TEST_F(StateDirectoryTest, CacheLargerThanItsDiskIsRefusedWithTheDisksSize) {
  struct statvfs fs = {};
  ASSERT_EQ(statvfs(root_.path().c_str(), &fs), 0);
  const uint64_t total = uint64_t{fs.f_blocks} * fs.f_frsize;
  const Result<cache::CacheOptions> refused = CacheOfSize(Concat(total + 1));
  ASSERT_EQ(refused.code(), Code::kInvalid);
  EXPECT_THAT(refused.status().message(), HasSubstr(Concat(total, " bytes")));
  EXPECT_TRUE(CacheOfSize(Concat(total)).ok());
}

TEST_F(StateDirectoryTest, DiscardedOneLeavesNothing) {
  Properties properties;
  ASSERT_TRUE(properties.Set("tarn.worker.page.store.dirs", root_ / "cache", "test").ok());
  std::unique_ptr<StateDirectory> state = Open();
  ASSERT_TRUE(state->CacheFor(properties).ok());
  state->Discard();
  state.reset();
  EXPECT_FALSE(Exists("state"));
  EXPECT_FALSE(Exists("cache"));
}

// The second start finds an empty directory, and waits for the lock of the first.
TEST_F(StateDirectoryTest, OneThatAnotherStartHasUsedMeanwhileIsNotDiscarded) {
  ASSERT_EQ(mkdir((root_ / "state").c_str(), 0700), 0);
  std::unique_ptr<StateDirectory> first = Open();
  std::thread ending([&] {
    SystemClock().SleepFor(std::chrono::milliseconds(50), {});
    EXPECT_EQ(mkdir(first->MetadataPath().c_str(), 0700), 0);
    first.reset();
  });
  std::unique_ptr<StateDirectory> second = Open();
  ending.join();
  second->Discard();
  second.reset();
  EXPECT_TRUE(Exists("state/meta"));
}

TEST_F(StateDirectoryTest, OneThatWasThereIsNotDiscarded) {
  Open().reset();
  std::unique_ptr<StateDirectory> state = Open();
  state->Discard();
  state.reset();
  EXPECT_TRUE(Exists("state/LOCK"));
}

}  // namespace
}  // namespace tarn
