#include "worker/recovery.h"

#include <gtest/gtest.h>

#include <map>

namespace tarn::worker {
namespace {

using cache::ContentInfo;
using cache::ContentState;
using cache::Recovered;
using cache::Verdict;
using role::FileInfo;
using role::PersistState;

constexpr InodeId kFile{5};

// A coordinator with files in the root directory. It refuses calls that recovery must not make.
class FakeCoordinator final : public role::Names, public role::Files, public role::Maintenance {
 public:
  std::map<InodeId, FileInfo> files;
  std::map<std::string, InodeId> names;
  std::vector<InodeId> orphans, forgotten;
  Generation lost;
  Loss loss = Loss::kPowerCut;

  Result<FileInfo> GetAttr(InodeId ino) override {
    const auto found = files.find(ino);
    if (found == files.end()) return Status(Code::kStale, "no such inode");
    return found->second;
  }
  Result<FileInfo> CommitWrite(const role::Caller&, InodeId ino,
                               const role::WriteCommit& commit) override {
    FileInfo& file = files.at(ino);
    if (file.attr.generation != commit.base) return Status(Code::kStale, "another base");
    file.attr.generation = commit.generation;
    file.attr.size_bytes = commit.size_bytes;
    file.attr.mtime_ns = commit.mtime_ns;
    file.attr.persist = PersistState::kNotPersisted;
    return file;
  }
  Result<FileInfo> Unlink(const role::Caller&, InodeId, std::string_view name) override {
    const InodeId ino = names.at(std::string(name));
    names.erase(std::string(name));
    if (--files.at(ino).attr.nlink == 0) orphans.push_back(ino);
    return files.at(ino);
  }
  Status Recheck(InodeId) override { return OkStatus(); }
  Status RecheckName(InodeId, std::string_view) override { return OkStatus(); }
  void DeliverChanges() override {}
  Result<FileInfo> GetKnownAttr(InodeId ino) override { return GetAttr(ino); }
  Status LearnAttributes(InodeId) override { return OkStatus(); }
  Status TakeAttributes(InodeId, const role::ToldAttributes&) override { return OkStatus(); }
  Result<std::string> PathOf(InodeId ino) override {
    for (const auto& [name, named] : names) {
      if (named == ino) return "/" + name;
    }
    return Status(Code::kNotFound, "it has no name");
  }
  Result<FileInfo> ContentLost(InodeId ino, Generation generation, Loss why) override {
    lost = generation;
    loss = why;
    files.at(ino).attr.persist = PersistState::kLost;
    return files.at(ino);
  }
  Status ListOrphans(const std::function<Status(InodeId)>& each) override {
    for (const InodeId ino : orphans) RETURN_IF_ERROR(each(ino));
    return OkStatus();
  }
  Status ListNeverCommitted(const std::function<Status(InodeId)>& each) override {
    for (const auto& [ino, file] : files) {
      if (!file.attr.generation) RETURN_IF_ERROR(each(ino));
    }
    return OkStatus();
  }
  Status Forget(std::span<const InodeId> inos) override {
    for (InodeId ino : inos) {
      forgotten.push_back(ino);
      files.erase(ino);
    }
    return OkStatus();
  }

  Result<FileInfo> Lookup(const role::Caller&, InodeId, std::string_view) override { return No(); }
  Result<FileInfo> Create(const role::Caller&, InodeId, std::string_view,
                          const role::CreateSpec&) override {
    return No();
  }
  Result<FileInfo> Link(const role::Caller&, InodeId, InodeId, std::string_view) override {
    return No();
  }
  Result<FileInfo> CreateUnnamed(const role::Caller&, InodeId, const role::CreateSpec&) override {
    return No();
  }
  Result<FileInfo> Rmdir(const role::Caller&, InodeId, std::string_view) override { return No(); }
  Result<Renamed> Rename(const role::Caller&, InodeId, std::string_view, InodeId, std::string_view,
                         role::RenameMode) override {
    return No();
  }
  Result<Listing> ReadDir(const role::Caller&, InodeId, uint64_t, size_t, WithAttrs) override {
    return No();
  }
  Result<InodeId> ParentOf(InodeId) override { return No(); }
  Result<FileInfo> SetAttr(const role::Caller&, InodeId, const role::AttrChange&) override {
    return No();
  }
  Result<std::string> ReadLink(InodeId) override { return No(); }
  Result<std::string> GetXattr(InodeId, std::string_view) override { return No(); }
  Result<std::vector<std::string>> ListXattrs(InodeId) override { return No(); }
  Status SetXattr(const role::Caller&, InodeId, std::string_view, std::string_view,
                  role::XattrMode) override {
    return No();
  }
  Status RemoveXattr(const role::Caller&, InodeId, std::string_view) override { return No(); }
  Status SyncLog() override { return No(); }
  Result<role::StatFs> GetStatFs() override { return No(); }
  Status Revalidate(InodeId) override { return No(); }
  void SetChangeSink(std::function<void(const role::Change&)>) override {}

 private:
  static Status No() { return Status(Code::kUnsupported, "recovery has no business with it"); }
};

class JudgeTest : public testing::Test {
 protected:
  void HasFile(uint64_t generation, PersistState persist, uint64_t size = 10) {
    FileInfo file;
    file.attr.ino = kFile;
    file.attr.nlink = 1;
    file.attr.generation = Generation(generation);
    file.attr.size_bytes = size;
    file.attr.mtime_ns = 1000;
    file.attr.persist = persist;
    coordinator_.files[kFile] = file;
    coordinator_.names["f"] = kFile;
  }
  static ContentInfo Content(ContentState state, uint64_t generation) {
    ContentInfo content;
    content.ino = kFile;
    content.state = state;
    content.generation = Generation(generation);
    content.size_bytes = content.live_size_bytes = 10;
    content.live_mtime_ns = 1000;
    return content;
  }
  static ContentInfo Written(uint64_t generation, uint64_t size) {
    ContentInfo content = Content(ContentState::kStaging, generation);
    content.live_changed = true;
    content.live_size_bytes = size;
    content.live_mtime_ns = 2000;
    return content;
  }
  Recovered Judge(const ContentInfo& content, bool power_cut) {
    Result<Recovered> verdict =
        JudgeContent(coordinator_, coordinator_, coordinator_, content, power_cut);
    EXPECT_TRUE(verdict.ok()) << verdict.status().ToString();
    return verdict.ok() ? *verdict : Recovered{};
  }
  const role::Attr& attr() { return coordinator_.files.at(kFile).attr; }

  FakeCoordinator coordinator_;
};

TEST_F(JudgeTest, CommittedContentIsKept) {
  for (const bool power_cut : {false, true}) {
    HasFile(3, PersistState::kNotPersisted);
    const Recovered verdict = Judge(Content(ContentState::kDirty, 3), power_cut);
    EXPECT_EQ(verdict.verdict, Verdict::kKeepDirty);
    EXPECT_EQ(verdict.generation, Generation(3));
    EXPECT_EQ(verdict.size_bytes, 10u);
    EXPECT_EQ(attr().generation, Generation(3));
  }
}

TEST_F(JudgeTest, WhatTheUfsHasIsDroppedNotPinnedForEver) {
  HasFile(3, PersistState::kPersisted);
  EXPECT_EQ(Judge(Content(ContentState::kDirty, 3), false).verdict, Verdict::kDrop);
  EXPECT_EQ(Judge(Content(ContentState::kStaging, 3), true).verdict, Verdict::kDrop);
}

TEST_F(JudgeTest, BytesThatTheUfsHasAreNotPinnedForTheirAttributes) {
  // A mode that was set after the upload waits to be persisted.
  HasFile(3, PersistState::kNotPersisted);
  role::Binding& binding = coordinator_.files.at(kFile).binding;
  binding.mount = MountId(1);
  binding.generation = Generation(3);
  EXPECT_EQ(Judge(Content(ContentState::kDirty, 3), false).verdict, Verdict::kDrop);
  binding.generation = Generation(2);
  EXPECT_EQ(Judge(Content(ContentState::kDirty, 3), false).verdict, Verdict::kKeepDirty);
}

TEST_F(JudgeTest, UncommittedWritesSurviveTheDeathOfTheProcess) {
  HasFile(3, PersistState::kPersisted);
  const Recovered verdict = Judge(Written(3, 77), false);
  EXPECT_EQ(verdict.verdict, Verdict::kCommitLive);
  EXPECT_EQ(verdict.generation, Generation(4));
  EXPECT_EQ(attr().generation, Generation(4));
  EXPECT_EQ(attr().size_bytes, 77u);
  EXPECT_EQ(attr().mtime_ns, 2000);
}

TEST_F(JudgeTest, AFileOpenedForWritingAndNotWrittenIsAsItWas) {
  HasFile(3, PersistState::kNotPersisted);
  EXPECT_EQ(Judge(Content(ContentState::kStaging, 3), false).verdict, Verdict::kKeepDirty);
  EXPECT_EQ(attr().generation, Generation(3));
}

TEST_F(JudgeTest, ANewFileIsCommittedAfterTheDeathOfTheProcess) {
  HasFile(0, PersistState::kOpen, 0);
  ContentInfo content = Written(0, 0);
  content.live_changed = false;
  content.live_mtime_ns.reset();
  EXPECT_EQ(Judge(content, false).verdict, Verdict::kCommitLive);
  EXPECT_EQ(attr().generation, Generation(1));
  EXPECT_EQ(attr().mtime_ns, 1000) << "not 1970";
}

TEST_F(JudgeTest, TheTimeZeroOfAWrittenFileIsCommitted) {
  HasFile(0, PersistState::kOpen, 0);
  ContentInfo content = Written(0, 0);
  content.live_mtime_ns = 0;
  EXPECT_EQ(Judge(content, false).verdict, Verdict::kCommitLive);
  EXPECT_EQ(attr().mtime_ns, 0);
}

TEST_F(JudgeTest, ACommitHalfDoneIsDoneAfterTheDeathOfTheProcess) {
  HasFile(3, PersistState::kNotPersisted);
  ContentInfo content = Content(ContentState::kStaging, 4);
  content.live_size_bytes = content.size_bytes = 20;
  EXPECT_EQ(Judge(content, false).verdict, Verdict::kCommitLive);
  EXPECT_EQ(attr().generation, Generation(4));
  EXPECT_EQ(attr().size_bytes, 20u);
}

TEST_F(JudgeTest, ACommitHalfDoneIsUndoneByAPowerCut) {
  HasFile(3, PersistState::kNotPersisted);
  ContentInfo content = Content(ContentState::kStaging, 4);
  content.synced = false;
  const Recovered verdict = Judge(content, true);
  EXPECT_EQ(verdict.verdict, Verdict::kKeepDirty);
  EXPECT_EQ(verdict.generation, Generation(3));
}

TEST_F(JudgeTest, ACommitWhoseBytesAreSyncedIsDoneAfterAPowerCut) {
  HasFile(3, PersistState::kNotPersisted);
  ContentInfo content = Content(ContentState::kDirty, 4);
  content.prior_generation = Generation(3);
  content.prior_synced = false;  // The file holds only the bytes of generation 4.
  content.size_bytes = 7;
  const Recovered verdict = Judge(content, true);
  EXPECT_EQ(verdict.verdict, Verdict::kKeepDirty);
  EXPECT_EQ(verdict.generation, Generation(4));
  EXPECT_EQ(verdict.size_bytes, 7u);
  EXPECT_EQ(attr().generation, Generation(4));
  EXPECT_EQ(attr().size_bytes, 7u) << "what was written behind it is not";
}

TEST_F(JudgeTest, ATruncationThatReachedTheDiskCountsAfterAPowerCut) {
  HasFile(3, PersistState::kNotPersisted);
  ContentInfo content = Written(3, 2);
  content.cut = true;
  EXPECT_EQ(Judge(content, true).verdict, Verdict::kCommitLive);
  EXPECT_EQ(attr().generation, Generation(4));
  EXPECT_EQ(attr().size_bytes, 2u);
  EXPECT_FALSE(coordinator_.lost);
}

TEST_F(JudgeTest, WhatTheUfsHasIsReadAgainAfterATruncationAndAPowerCut) {
  HasFile(3, PersistState::kPersisted);
  ContentInfo content = Written(3, 2);
  content.cut = true;
  EXPECT_EQ(Judge(content, true).verdict, Verdict::kDrop);
  EXPECT_EQ(attr().generation, Generation(3));
}

TEST_F(JudgeTest, ANewFileNeverSyncedIsGoneAfterAPowerCut) {
  HasFile(0, PersistState::kOpen, 0);
  coordinator_.names["second-name"] = kFile;
  coordinator_.files[kFile].attr.nlink = 2;
  EXPECT_EQ(Judge(Written(0, 50), true).verdict, Verdict::kDrop);
  EXPECT_TRUE(coordinator_.names.empty());
}

TEST_F(JudgeTest, BytesNeverSyncedAreNotTrustedAfterAPowerCut) {
  HasFile(3, PersistState::kNotPersisted);
  ContentInfo content = Content(ContentState::kDirty, 3);
  content.synced = false;
  EXPECT_EQ(Judge(content, true).verdict, Verdict::kDrop);
  EXPECT_EQ(coordinator_.lost, Generation(3));
}

TEST_F(JudgeTest, ALostFileIsReported) {
  for (const bool power_cut : {false, true}) {
    HasFile(3, PersistState::kNotPersisted);
    ContentInfo content = Content(ContentState::kDirty, 3);
    content.lost = true;
    EXPECT_EQ(Judge(content, power_cut).verdict, Verdict::kDrop);
    EXPECT_EQ(coordinator_.lost, Generation(3));
    EXPECT_EQ(coordinator_.loss == role::Maintenance::Loss::kPowerCut, power_cut);
    coordinator_.lost = {};
  }
}

TEST_F(JudgeTest, WhatWentWithItsCacheDirectoryIsNoLossByAPowerCut) {
  HasFile(3, PersistState::kNotPersisted);
  ContentInfo content = Content(ContentState::kDirty, 3);
  content.lost = content.damaged = true;
  EXPECT_EQ(Judge(content, true).verdict, Verdict::kDrop);
  EXPECT_EQ(coordinator_.lost, Generation(3));
  EXPECT_EQ(coordinator_.loss, role::Maintenance::Loss::kDamage);
}

TEST_F(JudgeTest, UnlinkedAndUnknownInodesAreDropped) {
  HasFile(3, PersistState::kNotPersisted);
  coordinator_.files[kFile].attr.nlink = 0;
  EXPECT_EQ(Judge(Written(3, 9), false).verdict, Verdict::kDrop);
  coordinator_.files.clear();
  EXPECT_EQ(Judge(Written(3, 9), false).verdict, Verdict::kDrop);
}

TEST(RecoverContentsTest, OrphansAreErasedAndForgotten) {
  FakeCoordinator coordinator;
  coordinator.orphans = {InodeId(8), InodeId(9)};
  const std::unique_ptr<cache::CacheStore> cache =
      cache::NewMemoryCacheStore(8 << 20, SystemClock());
  ASSERT_TRUE(cache->AddClean({InodeId(8), Generation(1)}, 5).ok());
  ASSERT_TRUE(RecoverContents(*cache, coordinator, coordinator, coordinator).ok());
  EXPECT_EQ(coordinator.forgotten, coordinator.orphans);
  EXPECT_FALSE(cache->Find(InodeId(8)).has_value());
}

TEST(RecoverContentsTest, AFileThatNeverGotAContentIsRemoved) {
  FakeCoordinator coordinator;
  const InodeId empty(7), written(8);
  for (const InodeId ino : {empty, written}) {
    coordinator.files[ino].attr.ino = ino;
    coordinator.files[ino].attr.nlink = 1;
    coordinator.files[ino].attr.generation = ino == written ? Generation(1) : Generation();
    coordinator.names[std::to_string(ino.value)] = ino;
  }
  const std::unique_ptr<cache::CacheStore> cache =
      cache::NewMemoryCacheStore(8 << 20, SystemClock());
  ASSERT_TRUE(RecoverContents(*cache, coordinator, coordinator, coordinator).ok());
  EXPECT_FALSE(coordinator.names.contains("7"));
  EXPECT_TRUE(coordinator.names.contains("8"));
  EXPECT_EQ(coordinator.forgotten, std::vector<InodeId>{empty});
}

}  // namespace
}  // namespace tarn::worker
