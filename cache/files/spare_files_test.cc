#include "cache/files/spare_files.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>

namespace tarn::cache {
namespace {

class SpareFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "tarn-spare-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
    fd_ = Descriptor(open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_TRUE(fd_);
    spares_ = std::make_unique<SpareFiles>(fd_.get());
    Make("probe");
    if (!spares_->Keep("probe")) GTEST_SKIP() << path_ << " is neither on ext4 nor on XFS";
    ASSERT_TRUE(spares_->Take("probe"));
  }
  void TearDown() override { std::filesystem::remove_all(path_); }

  Descriptor Make(const char* name) {
    Descriptor fd(openat(fd_.get(), name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    EXPECT_TRUE(fd);
    EXPECT_EQ(pwrite(fd.get(), "before", 6, 8192), 6);
    return fd;
  }
  struct stat Stat(const char* name) {
    struct stat st {};
    EXPECT_EQ(fstatat(fd_.get(), name, &st, 0), 0) << name;
    return st;
  }
  bool Exists(const char* name) { return faccessat(fd_.get(), name, F_OK, 0) == 0; }

  std::string path_;
  Descriptor fd_;
  std::unique_ptr<SpareFiles> spares_;
};

TEST_F(SpareFilesTest, ARemovedFileIsTheNextOneAndEmpty) {
  Make("a");
  const ino_t inode = Stat("a").st_ino;
  ASSERT_TRUE(spares_->Keep("a"));
  EXPECT_FALSE(Exists("a"));
  timespec before{};
  clock_gettime(CLOCK_REALTIME_COARSE, &before);
  const Descriptor taken = spares_->Take("b");
  ASSERT_TRUE(taken);
  const struct stat st = Stat("b");
  EXPECT_EQ(st.st_ino, inode);
  EXPECT_EQ(st.st_size, 0);
  EXPECT_EQ(st.st_blocks, 0);
  EXPECT_GE(st.st_mtim.tv_sec, before.tv_sec);
  EXPECT_EQ(pwrite(taken.get(), "x", 1, 0), 1) << "it is open for writing";
  EXPECT_EQ(spares_->size(), 0u);
}

TEST_F(SpareFilesTest, AFileThatAProgramHasOpenKeepsItsBytesAndIsNotUsedAgain) {
  const Descriptor reader = Make("a");
  ASSERT_TRUE(spares_->Keep("a")) << "it has lost its name";
  EXPECT_FALSE(Exists("a"));
  char bytes[6];
  EXPECT_EQ(pread(reader.get(), bytes, 6, 8192), 6);
  EXPECT_EQ(std::string(bytes, 6), "before");
  EXPECT_FALSE(spares_->Take("b"));
}

TEST_F(SpareFilesTest, AFileThatAProgramHasMappedKeepsItsBytes) {
  void* map = nullptr;
  {
    const Descriptor file = Make("a");
    map = mmap(nullptr, 8192 + 6, PROT_READ, MAP_SHARED, file.get(), 0);
    ASSERT_NE(map, MAP_FAILED);
  }
  ASSERT_TRUE(spares_->Keep("a"));
  EXPECT_EQ(std::string(static_cast<char*>(map) + 8192, 6), "before");
  EXPECT_FALSE(spares_->Take("b"));
  munmap(map, 8192 + 6);
}

TEST_F(SpareFilesTest, ASecondNameKeepsItsBytes) {
  Make("a");
  ASSERT_EQ(linkat(fd_.get(), "a", fd_.get(), "other", 0), 0);
  ASSERT_TRUE(spares_->Keep("a"));
  EXPECT_EQ(Stat("other").st_size, 8192 + 6);
  EXPECT_FALSE(spares_->Take("b"));
}

TEST_F(SpareFilesTest, NeverTakesTheNameOfAnother) {
  Make("a");
  Make("b");
  ASSERT_TRUE(spares_->Keep("a"));
  EXPECT_FALSE(spares_->Take("b"));
  EXPECT_EQ(Stat("b").st_size, 8192 + 6);
}

TEST_F(SpareFilesTest, TheNextRunTakesSparesOver) {
  Make("a");
  Make("b");
  ASSERT_TRUE(spares_->Keep("a"));
  ASSERT_TRUE(spares_->Keep("b"));
  SpareFiles next(fd_.get());
  EXPECT_EQ(next.size(), 2u);
  EXPECT_TRUE(next.Take("c"));
  EXPECT_TRUE(next.Take("d"));
  EXPECT_FALSE(next.Take("e"));
}

TEST_F(SpareFilesTest, AnAbsentFileIsNotKept) {
  EXPECT_FALSE(spares_->Keep("absent"));
  EXPECT_EQ(spares_->size(), 0u);
}

}  // namespace
}  // namespace tarn::cache
