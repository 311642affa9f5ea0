// Other clients add, change and remove names in the UFS.

#include "meta/loading/loader.h"

#include <gmock/gmock.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "base/testing/temporary_directory.h"
#include "kv/memory.h"
#include "meta/store/keys.h"
#include "meta/store/tree.h"
#include "meta/testing/namespace_fixture.h"
#include "ufs/faults.h"
#include "ufs/local.h"

namespace tarn::meta {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

namespace fs = std::filesystem;

class LoaderTest : public ::testing::Test {
 protected:
  LoaderTest()
      : store_(kv::NewMemoryStore(clock_)),
        base_(*ufs::OpenLocalUfs(directory_ / "s", SystemClock())) {
    ufs::FaultyUfs faulty = ufs::NewFaultyUfs(*base_, clock_);
    faults_ = faulty.faults;
    EXPECT_TRUE(mounts_.Add(MountId(1), std::move(faulty.ufs)).ok());
    // The UFS compares deadlines with the machine's clock, not with that of the test.
    options_.ufs_deadline = options_.sync_timeout = std::chrono::hours(100'000);
    options_.persist_delay = Nanos(0);
    Open(std::chrono::minutes(1));
  }
  ~LoaderTest() override {
    if (namespace_) maintenance().SetChangeSink({});
  }

  void Open(Nanos interval) {
    namespace_.reset();
    options_.sync_interval = interval;
    auto opened = OpenNamespace(*store_, mounts_, clock_, options_, {});
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    namespace_ = *std::move(opened);
    maintenance().SetChangeSink([this](const role::Change& change) {
      const std::lock_guard lock(mutex_);
      if (change.kind == role::Change::Kind::kEntry) entries_.push_back(change.name);
      told_.notify_one();
    });
  }
  role::Names& names() { return namespace_->GetNames(); }
  role::Maintenance& maintenance() { return namespace_->GetMaintenance(); }

  void PutOutside(const std::string& path, const std::string& bytes) {
    fs::create_directories(fs::path(Outside(path)).parent_path());
    // Like most programs, puts a new file over the old one. It makes the file elsewhere: a look
    // that continues in the background could find it under its first name.
    const fs::path made = directory_ / ("new" + std::to_string(next_new_++));
    std::ofstream(made) << bytes;
    fs::rename(made, Outside(path));
  }
  std::string Outside(const std::string& path) { return directory_ / ("s/" + path); }

  Result<role::FileInfo> Look(InodeId parent, const std::string& name) {
    return names().Lookup(caller_, parent, name);
  }
  InodeId Find(const std::string& name) {
    auto found = Look(kRootInode, name);
    return found.ok() ? found->attr.ino : InodeId();
  }
  std::vector<std::string> List(InodeId dir) {
    std::vector<std::string> found;
    uint64_t cursor = 0;
    for (bool end = false; !end;) {
      auto listing = names().ReadDir(caller_, dir, cursor, 10'000, role::Names::WithAttrs::kNo);
      EXPECT_TRUE(listing.ok()) << listing.status().ToString();
      if (!listing.ok()) break;
      for (const role::DirEntry& entry : listing->entries) found.push_back(entry.name);
      if (!listing->entries.empty()) cursor = listing->entries.back().cursor;
      end = listing->end;
    }
    return found;
  }
  Status Revalidate(InodeId dir = kRootInode) { return maintenance().Revalidate(dir); }
  // The next name that the feed reports.
  std::string NextEntryChanged() {
    std::unique_lock lock(mutex_);
    const auto told = [this] { return !entries_.empty(); };
    if (!told_.wait_for(lock, std::chrono::minutes(3), told)) return "nothing";
    const std::string name = entries_.front();
    entries_.erase(entries_.begin());
    return name;
  }

  struct MadeDirectory {
    explicit MadeDirectory(const std::string& path) { fs::create_directory(path); }
  };
  TemporaryDirectory directory_;
  std::atomic<int> next_new_{0};
  const MadeDirectory made_{directory_ / "s"};
  TickingClock clock_;
  std::unique_ptr<kv::Store> store_;
  std::unique_ptr<ufs::UnderFileSystem> base_;
  ufs::UfsMounts mounts_;
  ufs::UfsFaults* faults_ = nullptr;
  MetaOptions options_;
  std::unique_ptr<Namespace> namespace_;
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<std::string> entries_;
  const role::Caller caller_{SessionId(1), 0, 0, 0};
};

TEST_F(LoaderTest, AFileIsImportedWithItsAttributesWhenItIsLookedUp) {
  PutOutside("d/f", "bytes");
  fs::permissions(Outside("d/f"), fs::perms(0640));
  auto dir = Look(kRootInode, "d");
  ASSERT_TRUE(dir.ok());
  auto file = Look(dir->attr.ino, "f");
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(file->attr.size_bytes, 5U);
  EXPECT_EQ(file->attr.mode, 0640U);
  EXPECT_EQ(file->attr.persist, role::PersistState::kPersisted);
  EXPECT_EQ(file->attr.generation, Generation(1));
  EXPECT_EQ(file->binding.key, "d/f");
}

TEST_F(LoaderTest, AbsentNamesAreRememberedForTheInterval) {
  EXPECT_EQ(Look(kRootInode, "f").code(), Code::kNotFound);
  const int calls = faults_->Calls();
  EXPECT_EQ(Look(kRootInode, "f").code(), Code::kNotFound);
  EXPECT_EQ(faults_->Calls(), calls);
  PutOutside("f", "1");
  clock_.SleepFor(std::chrono::minutes(2), {});
  EXPECT_TRUE(Look(kRootInode, "f").ok());
}

TEST_F(LoaderTest, ACompleteDirectoryAnswersWithoutTheUfs) {
  PutOutside("f", "1");
  EXPECT_THAT(List(kRootInode), ElementsAre("f"));
  faults_->FailAll(Status(Code::kUnavailable, "down"));
  EXPECT_EQ(Look(kRootInode, "g").code(), Code::kNotFound);
  EXPECT_TRUE(Look(kRootInode, "f").ok());
}

TEST_F(LoaderTest, AnUnknownNameIsAnErrorWhileTheUfsIsDown) {
  faults_->FailAll(Status(Code::kUnavailable, "down"));
  EXPECT_EQ(Look(kRootInode, "g").code(), Code::kUnavailable);
  faults_->Heal();
  EXPECT_EQ(Look(kRootInode, "g").code(), Code::kNotFound);
}

TEST_F(LoaderTest, ALongListingIsAppliedInPages) {
  for (int i = 0; i < 2500; ++i) std::ofstream(Outside("f" + std::to_string(i))) << i;
  EXPECT_EQ(List(kRootInode).size(), 2500U);
  fs::remove(Outside("f1700"));
  std::ofstream(Outside("g")) << "new";
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_EQ(List(kRootInode).size(), 2500U);
  EXPECT_EQ(Look(kRootInode, "f1700").code(), Code::kNotFound);
  EXPECT_TRUE(Look(kRootInode, "g").ok());
}

TEST_F(LoaderTest, NamesComeBeforeTheListingHasEndedAndGoOnAfterItsError) {
  for (int i = 0; i < 3500; ++i) std::ofstream(Outside("f" + std::to_string(i))) << i;
  // One call recognizes the source; the others list pages.
  faults_->FailNth(4, Status(Code::kIo, "broken"), ufs::UfsFaults::When::kBeforeEffect);
  std::vector<std::string> found;
  uint64_t cursor = 0;
  int errors = 0;
  for (bool end = false; !end && errors < 5;) {
    auto listing = names().ReadDir(caller_, kRootInode, cursor, 100, role::Names::WithAttrs::kNo);
    if (!listing.ok()) {
      EXPECT_EQ(listing.code(), Code::kIo);
      EXPECT_GE(found.size(), 1000U);
      ++errors;
      continue;
    }
    for (const role::DirEntry& entry : listing->entries) found.push_back(entry.name);
    if (!listing->entries.empty()) cursor = listing->entries.back().cursor;
    end = listing->end;
  }
  EXPECT_LE(errors, 1);
  EXPECT_EQ(found.size(), 3500U);
  EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), 3500U);
}

TEST_F(LoaderTest, ADirectoryAskedForManyNamesIsListedAhead) {
  constexpr int kFiles = 1500;
  for (int i = 0; i < kFiles; ++i) std::ofstream(Outside("f" + std::to_string(i))) << i;
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(Look(kRootInode, "f" + std::to_string(i)).ok());
  // Joins the listing if it is still under way.
  EXPECT_EQ(List(kRootInode).size(), size_t{kFiles});
  const int calls = faults_->Calls();
  for (int i = 0; i < kFiles; ++i) EXPECT_TRUE(Look(kRootInode, "f" + std::to_string(i)).ok());
  EXPECT_EQ(Look(kRootInode, "none").code(), Code::kNotFound);
  EXPECT_EQ(faults_->Calls(), calls);
}

TEST_F(LoaderTest, WhoReadsADirectoryWhileItIsListedAndLookedIntoMissesNothing) {
  constexpr int kFiles = 4500;
  for (int i = 0; i < kFiles; ++i) std::ofstream(Outside("f" + std::to_string(i))) << i;
  std::atomic<bool> done = false;
  std::vector<std::jthread> lookers;
  for (int t = 0; t < 2; ++t) {
    lookers.emplace_back([&, t] {
      for (int i = t; !done; i = (i + 1237) % kFiles) {
        EXPECT_TRUE(Look(kRootInode, "f" + std::to_string(i)).ok());
      }
    });
  }
  std::vector<std::jthread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      const std::vector<std::string> found = List(kRootInode);
      EXPECT_EQ(found.size(), size_t{kFiles});
      EXPECT_EQ(std::set<std::string>(found.begin(), found.end()).size(), size_t{kFiles});
    });
  }
  readers.clear();
  done = true;
}

TEST_F(LoaderTest, WhatAppearsOutsideIsSeenAndTold) {
  EXPECT_THAT(List(kRootInode), IsEmpty());
  PutOutside("f", "1");
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_THAT(List(kRootInode), ElementsAre("f"));
  EXPECT_EQ(NextEntryChanged(), "f");
}

TEST_F(LoaderTest, AFileReplacedOutsideIsAnotherInode) {
  PutOutside("f", "1");
  List(kRootInode);
  const InodeId before = Find("f");
  PutOutside("f", "22");
  ASSERT_TRUE(Revalidate().ok());
  const InodeId after = Find("f");
  EXPECT_NE(after, before);
  EXPECT_EQ(namespace_->GetFiles().GetAttr(after)->attr.size_bytes, 2U);
  // A process that has the old one open keeps it until it is forgotten.
  EXPECT_EQ(namespace_->GetFiles().GetAttr(before)->attr.nlink, 0U);
  ASSERT_TRUE(namespace_->GetFiles().Forget(before).ok());
  EXPECT_EQ(namespace_->GetFiles().GetAttr(before).code(), Code::kStale);
  EXPECT_EQ(Find("f"), after);
}

TEST_F(LoaderTest, AttributesChangedOutsideKeepTheInode) {
  PutOutside("d/f", "1");
  List(Find("d"));
  const InodeId before = Look(Find("d"), "f")->attr.ino;
  fs::permissions(Outside("d/f"), fs::perms(0600));
  fs::permissions(Outside("d"), fs::perms(0700));
  ASSERT_TRUE(Revalidate(Find("d")).ok());
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_EQ(Look(Find("d"), "f")->attr.ino, before);
  EXPECT_EQ(Look(Find("d"), "f")->attr.mode, 0600U);
  EXPECT_EQ(Look(kRootInode, "d")->attr.mode, 0700U);
}

// Another name changes the ctime of the object, and so its ETag.
TEST_F(LoaderTest, AnotherNameOfTheObjectChangesNoAttribute) {
  PutOutside("f", "1");
  List(kRootInode);
  const role::Attr before = Look(kRootInode, "f")->attr;
  fs::create_hard_link(Outside("f"), directory_ / "elsewhere");
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_EQ(Look(kRootInode, "f")->attr.ctime_ns, before.ctime_ns);
  fs::permissions(Outside("f"), fs::perms(0600));
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_EQ(Look(kRootInode, "f")->attr.mode, 0600U);
  EXPECT_NE(Look(kRootInode, "f")->attr.ctime_ns, before.ctime_ns);
}

// The bytes of the file stay, and so do its holes.
TEST_F(LoaderTest, AttributesChangedOutsideFillNoHole) {
  PutOutside("f", std::string(1 << 20, '\0'));
  List(kRootInode);
  const InodeId file = Find("f");
  auto txn = store_->Begin();
  auto inode = ReadInode(*txn, file, kv::Reads::kSerializable);
  ASSERT_TRUE(inode.ok());
  inode->allocated_bytes = 4096;
  PutInode(*txn, *inode);
  ASSERT_TRUE(txn->Commit(kv::Durability::kBuffered).ok());
  fs::permissions(Outside("f"), fs::perms(0600));
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_EQ(Look(kRootInode, "f")->attr.ino, file);
  EXPECT_EQ(Look(kRootInode, "f")->attr.mode, 0600U);
  EXPECT_EQ(Look(kRootInode, "f")->attr.allocated_bytes, 4096U);
}

// The source never gets extended attributes of a symlink.
TEST_F(LoaderTest, ASymlinkKeepsItsExtendedAttributes) {
  fs::create_symlink("f", Outside("s"));
  List(kRootInode);
  const role::Attr before = Look(kRootInode, "s")->attr;
  auto txn = store_->Begin();
  auto inode = ReadInode(*txn, before.ino, kv::Reads::kSerializable);
  ASSERT_TRUE(inode.ok());
  inode->xattrs = true;
  txn->Put(keys::Xattr(before.ino, "trusted.t"), "1");
  PutInode(*txn, *inode);
  ASSERT_TRUE(txn->Commit(kv::Durability::kBuffered).ok());
  fs::create_hard_link(Outside("s"), Outside("another"));
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_EQ(Look(kRootInode, "s")->attr.ctime_ns, before.ctime_ns);
  EXPECT_EQ(namespace_->GetFiles().GetXattr(before.ino, "trusted.t").value(), "1");
}

TEST_F(LoaderTest, WhatIsRemovedOutsideGoesWithAllBelow) {
  PutOutside("d/s/f", "1");
  PutOutside("g", "1");
  List(kRootInode);
  List(Look(Find("d"), "s")->attr.ino);
  fs::remove_all(Outside("d"));
  fs::remove(Outside("g"));
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_THAT(List(kRootInode), IsEmpty());
}

TEST_F(LoaderTest, WhatIsOnlyHereStaysWhateverTheUfsLacks) {
  PutOutside("d/f", "1");
  List(Find("d"));
  role::CreateSpec spec;
  ASSERT_TRUE(names().Create(caller_, Find("d"), "new", spec).ok());
  spec.type = role::FileType::kDirectory;
  ASSERT_TRUE(names().Create(caller_, kRootInode, "newdir", spec).ok());
  fs::remove_all(Outside("d"));
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_THAT(List(kRootInode), UnorderedElementsAre("d", "newdir"));
  EXPECT_THAT(List(Find("d")), ElementsAre("new"));
}

TEST_F(LoaderTest, NothingIsMissedInASourceThatIsNotThere) {
  PutOutside("d/f", "1");
  List(kRootInode);
  fs::rename(directory_ / "s", directory_ / "away");
  fs::create_directory(directory_ / "s");
  EXPECT_EQ(Revalidate().code(), Code::kUnavailable);
  EXPECT_THAT(List(kRootInode), ElementsAre("d"));
  fs::remove(directory_ / "s");
  fs::rename(directory_ / "away", directory_ / "s");
  EXPECT_TRUE(Revalidate().ok());
}

TEST_F(LoaderTest, AnErrorInAnyCallRemovesNothing) {
  PutOutside("d/f", "1");
  PutOutside("g", "1");
  List(kRootInode);
  fs::remove(Outside("g"));
  for (int n = 1;; ++n) {
    faults_->FailNth(n, Status(Code::kIo, "broken"), ufs::UfsFaults::When::kBeforeEffect);
    const Status status = Revalidate();
    faults_->Heal();
    EXPECT_TRUE(Look(kRootInode, "d").ok());
    if (status.ok()) break;
    ASSERT_LT(n, 100);
  }
  EXPECT_THAT(List(kRootInode), ElementsAre("d"));
}

TEST_F(LoaderTest, AFileMayBecomeADirectoryAndBack) {
  PutOutside("x", "1");
  List(kRootInode);
  fs::remove(Outside("x"));
  PutOutside("x/f", "1");
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_EQ(Look(kRootInode, "x")->attr.type, role::FileType::kDirectory);
  EXPECT_THAT(List(Find("x")), ElementsAre("f"));
  fs::remove_all(Outside("x"));
  PutOutside("x", "1");
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_EQ(Look(kRootInode, "x")->attr.type, role::FileType::kRegular);
}

TEST_F(LoaderTest, SymlinksFollowTheirTargets) {
  fs::create_symlink("a", Outside("l"));
  List(kRootInode);
  EXPECT_EQ(*namespace_->GetFiles().ReadLink(Find("l")), "a");
  fs::remove(Outside("l"));
  fs::create_symlink("b", Outside("l"));
  ASSERT_TRUE(Revalidate().ok());
  EXPECT_EQ(*namespace_->GetFiles().ReadLink(Find("l")), "b");
}

TEST_F(LoaderTest, WithoutAnIntervalEachLookSeesTheUfsAsItIs) {
  Open(Nanos(0));
  EXPECT_EQ(Look(kRootInode, "f").code(), Code::kNotFound);
  PutOutside("f", "1");
  EXPECT_TRUE(Look(kRootInode, "f").ok());
  PutOutside("f", "22");
  EXPECT_EQ(Look(kRootInode, "f")->attr.size_bytes, 2U);
  fs::remove(Outside("f"));
  EXPECT_EQ(Look(kRootInode, "f").code(), Code::kNotFound);
}

TEST_F(LoaderTest, NorIsANameMissedInASourceThatIsNotThere) {
  Open(Nanos(0));
  PutOutside("f", "1");
  ASSERT_TRUE(Look(kRootInode, "f").ok());
  fs::remove(Outside("f"));
  fs::rename(directory_ / "s", directory_ / "away");
  fs::create_directory(directory_ / "s");
  EXPECT_EQ(Look(kRootInode, "f").code(), Code::kUnavailable);
  fs::remove(directory_ / "s");
  fs::rename(directory_ / "away", directory_ / "s");
  EXPECT_EQ(Look(kRootInode, "f").code(), Code::kNotFound);
}

TEST_F(LoaderTest, ARemovedFileIsNotImportedAgainWhileTheUfsHasIt) {
  PutOutside("d/f", "1");
  const InodeId dir = Find("d");
  const InodeId file = Look(dir, "f")->attr.ino;
  ASSERT_TRUE(names().Unlink(caller_, dir, "f").ok());
  EXPECT_EQ(Look(dir, "f").code(), Code::kNotFound);
  EXPECT_THAT(List(dir), IsEmpty());
  ASSERT_TRUE(namespace_->GetFiles().Forget(file).ok());
  ASSERT_TRUE(Revalidate(dir).ok());
  EXPECT_THAT(List(dir), IsEmpty());
  EXPECT_TRUE(fs::exists(Outside("d/f")));
}

TEST_F(LoaderTest, ChildrenOfARenamedDirectoryAreFoundWhereItWas) {
  PutOutside("d/f", "1");
  ASSERT_TRUE(Find("d"));
  ASSERT_TRUE(
      names().Rename(caller_, kRootInode, "d", kRootInode, "e", role::RenameMode::kNoReplace).ok());
  EXPECT_EQ(Look(Find("e"), "f")->binding.key, "d/f");
  EXPECT_EQ(Look(kRootInode, "d").code(), Code::kNotFound);
  EXPECT_THAT(List(kRootInode), ElementsAre("e"));
  role::CreateSpec spec;
  spec.type = role::FileType::kDirectory;
  auto anew = names().Create(caller_, kRootInode, "d", spec);
  ASSERT_TRUE(anew.ok());
  ASSERT_TRUE(Revalidate(anew->attr.ino).ok());
  EXPECT_THAT(List(anew->attr.ino), IsEmpty());
}

// A directory made at the old path would share the UFS directory, and give it its own attributes.
TEST_F(LoaderTest, WhatIsBelowADirectoryThatHasNotMovedYetIsNoNews) {
  PutOutside("d/s/t/f", "1");
  PutOutside("d/s/gone", "1");
  const InodeId dir = Look(Find("d"), "s")->attr.ino;
  ASSERT_THAT(List(dir), UnorderedElementsAre("gone", "t"));
  const uint32_t mode = Look(dir, "t")->attr.mode;
  ASSERT_TRUE(
      names().Rename(caller_, kRootInode, "d", kRootInode, "e", role::RenameMode::kNoReplace).ok());
  fs::permissions(Outside("d/s/t"), fs::perms::owner_all);
  fs::remove(Outside("d/s/gone"));
  ASSERT_TRUE(Revalidate(dir).ok());
  EXPECT_EQ(Look(dir, "t")->attr.mode, mode);
  EXPECT_THAT(List(dir), UnorderedElementsAre("gone", "t"));
}

}  // namespace
}  // namespace tarn::meta
