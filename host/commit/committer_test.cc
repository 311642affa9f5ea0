#include "host/committer.h"

#include <gtest/gtest.h>

#include "cache/cache_store.h"
#include "host/testing/fake_coordinator.h"

namespace tarn::host {
namespace {

constexpr InodeId kFile(5);

// A new file, open for writing, that nothing was committed of.
class CommitterTest : public ::testing::Test {
 protected:
  CommitterTest() {
    files_.info.attr.ino = kFile;
    files_.info.attr.nlink = 1;
    auto staged = cache_->Stage(kFile);
    EXPECT_TRUE(staged.ok()) << staged.status().ToString();
    inode_->live = *std::move(staged);
    inode_->writers = 1;
    inode_->staging = true;
    inode_->announced = true;
    writers_.announced = 1;
  }
  ~CommitterTest() override { table_.Drop(inode_); }

  void Write(std::string_view text) {
    const Status written = inode_->live->Write(0, std::as_bytes(std::span(text)));
    ASSERT_TRUE(written.ok()) << written.ToString();
  }

  std::unique_ptr<cache::CacheStore> cache_ = cache::NewMemoryCacheStore(64 << 20, SystemClock());
  FakeFiles files_;
  FakeWriters writers_;
  OpenTable table_{[](OpenInode& inode) { inode.live.reset(); }};
  Committer committer_{{files_, writers_, SystemClock(), table_}, {}};
  const OpenInodePtr inode_ = table_.Acquire(kFile);
};

TEST_F(CommitterTest, OnlyAChangeIsCommitted) {
  Write("a");
  ASSERT_TRUE(committer_.Flush(*inode_).ok());
  ASSERT_TRUE(committer_.Flush(*inode_).ok());
  ASSERT_EQ(files_.commits.size(), 1u);
  EXPECT_EQ(files_.commits[0].size_bytes, 1u);
  EXPECT_EQ(inode_->generation, Generation(1));
}

TEST_F(CommitterTest, ARefusedCommitIsTakenBackAndMadeAgain) {
  Write("a");
  files_.refusal = Status(Code::kNoSpace, "full");
  EXPECT_EQ(committer_.Flush(*inode_).code(), Code::kNoSpace);
  EXPECT_EQ(inode_->generation, Generation());
  ASSERT_TRUE(committer_.Flush(*inode_).ok());
  ASSERT_EQ(files_.commits.size(), 2u);
  EXPECT_EQ(files_.commits[1].base, Generation());
  EXPECT_EQ(files_.commits[1].generation, Generation(1));
}

TEST_F(CommitterTest, ACommitThatTheCoordinatorHasTakenIsOnlyMadeDurable) {
  Write("a");
  files_.refusal = Status(Code::kIo, "sync the log");
  files_.taken = true;
  EXPECT_EQ(committer_.Flush(*inode_).code(), Code::kIo);
  EXPECT_EQ(inode_->generation, Generation(1));
  ASSERT_TRUE(committer_.Flush(*inode_).ok());
  EXPECT_EQ(files_.log_syncs, 1);
  EXPECT_EQ(files_.commits.size(), 1u);
}

TEST_F(CommitterTest, AfterTheLastWriterTheFileSettles) {
  const uint64_t before = committer_.settled().Now();
  Write("a");
  ASSERT_TRUE(committer_.Flush(*inode_).ok());
  inode_->live->EndWriting();
  inode_->writers = 0;
  committer_.SettleOrLinger(*inode_);
  EXPECT_FALSE(inode_->lingering);
  EXPECT_FALSE(inode_->staging);
  EXPECT_EQ(writers_.announced, 0);
  EXPECT_TRUE(committer_.settled().AddedSince(kFile, before));
}

TEST_F(CommitterTest, AFileThatChangedSinceItsCommitIsWatchedUntilItIsCommitted) {
  Write("a");
  inode_->live->EndWriting();
  inode_->writers = 0;
  committer_.SettleOrLinger(*inode_);
  EXPECT_TRUE(inode_->lingering);
  EXPECT_EQ(writers_.announced, 1) << "the source's news must not replace it";
  std::vector<InodeId> committed;
  committer_.WatchLingering([&](InodeId ino) { committed.push_back(ino); });
  EXPECT_EQ(committed, std::vector<InodeId>{kFile});
  EXPECT_FALSE(inode_->lingering);
  EXPECT_EQ(files_.commits.size(), 1u);
}

}  // namespace
}  // namespace tarn::host
