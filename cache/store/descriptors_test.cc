// A process that runs out of descriptors.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "cache/cache_store.h"
#include "kv/memory.h"

namespace tarn::cache {
namespace {

constexpr rlim_t kLimit = 100;
constexpr int kKept = 25;  // A quarter of kLimit.

class DescriptorsTest : public testing::Test {
 protected:
  DescriptorsTest() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    rlimit low = before_;
    low.rlim_cur = kLimit;
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
    std::string path = testing::TempDir() + "/descriptors_test.XXXXXX";
    directory_ = mkdtemp(path.data());
    CacheOptions options;
    options.directories = {directory_};
    options.capacities_bytes = {64 << 20};
    store_ = std::move(OpenDiskCacheStore(options, *index_, clock_, SystemClock()).value());
  }
  ~DescriptorsTest() override {
    held_.clear();
    store_.reset();
    setrlimit(RLIMIT_NOFILE, &before_);
    std::filesystem::remove_all(directory_);
  }
  // Stages files until one is refused; returns the code of the refusal.
  Code StageAll() {
    for (;;) {
      Result<std::unique_ptr<LiveFile>> file = store_->Stage(InodeId(next_++));
      if (!file.ok()) return file.code();
      held_.push_back(*std::move(file));
    }
  }

  rlimit before_ = {};
  ManualClock clock_;
  std::string directory_;
  const std::unique_ptr<kv::Store> index_ = kv::NewMemoryStore(clock_);
  std::unique_ptr<CacheStore> store_;
  std::vector<std::unique_ptr<LiveFile>> held_;
  uint64_t next_ = 2;
};

TEST_F(DescriptorsTest, TheLastOnesAreKeptForTheProcessItself) {
  EXPECT_EQ(StageAll(), Code::kTooManyFiles);
  EXPECT_GE(held_.size(), kLimit - kKept - 20) << "one for each file";
  std::vector<int> own;
  for (int i = 0; i < kKept - 1; ++i) own.push_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  for (const int fd : own) {
    EXPECT_GE(fd, 0);
    close(fd);
  }
}

TEST_F(DescriptorsTest, ARefusedFileLeavesNothingAndWorksLater) {
  ASSERT_EQ(StageAll(), Code::kTooManyFiles);
  const InodeId refused(next_ - 1);
  EXPECT_FALSE(store_->Find(refused).has_value());
  held_.pop_back();
  Result<std::unique_ptr<LiveFile>> file = store_->Stage(refused);
  EXPECT_TRUE(file.ok()) << file.status().ToString();
}

TEST_F(DescriptorsTest, ANewFileTakesOneDescriptor) {
  auto file = store_->Stage(InodeId(2));
  ASSERT_TRUE(file.ok());
  Result<int> any = (*file)->AnyDescriptor();
  ASSERT_TRUE(any.ok());
  EXPECT_EQ(*any, (*file)->WriteDescriptor());
}

TEST_F(DescriptorsTest, AWriterSharesTheDescriptorOfReaders) {
  auto file = store_->AddClean({InodeId(2), Generation(1)}, 0);
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  const int reading = (*file)->ReadDescriptor();
  ASSERT_TRUE((*file)->BeginWriting(Truncate::kNo).ok());
  EXPECT_EQ((*file)->WriteDescriptor(), reading);
  const std::byte bytes[] = {std::byte{'a'}, std::byte{'b'}};
  EXPECT_TRUE((*file)->Write(0, bytes).ok());
  (*file)->EndWriting();
  EXPECT_EQ((*file)->ReadDescriptor(), reading) << "a reader continues with the number it has";
  EXPECT_EQ(fcntl(reading, F_GETFL) & O_ACCMODE, O_RDONLY) << "else it would count as a writer";
  std::byte read[2];
  EXPECT_EQ(*(*file)->Read(0, read), 2U);
}

}  // namespace
}  // namespace tarn::cache
