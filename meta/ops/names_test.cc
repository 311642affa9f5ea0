#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <thread>

#include "meta/testing/namespace_fixture.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

using role::FileType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class Names : public NamespaceFixture {};

TEST_F(Names, CreatedNodeIsFoundWithItsAttributes) {
  auto made = TryMake(kRootInode, "f", FileType::kRegular, 0640);
  ASSERT_TRUE(made.ok());
  auto found = names().Lookup(caller_, kRootInode, "f");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->attr.ino, made->attr.ino);
  EXPECT_EQ(found->attr.mode, 0640U);
  EXPECT_EQ(found->attr.uid, 1000U);
  EXPECT_EQ(found->attr.nlink, 1U);
  EXPECT_EQ(found->attr.generation, Generation());
  EXPECT_EQ(found->attr.persist, role::PersistState::kOpen);
  EXPECT_EQ(found->attr.mtime_ns, made->attr.mtime_ns);
}

TEST_F(Names, NamesThatAreNoneAreRefused) {
  for (std::string_view name : {std::string_view(""), std::string_view("."), std::string_view(".."),
                                std::string_view("a/b"), std::string_view("a\0b", 3)}) {
    EXPECT_EQ(TryMake(kRootInode, name, FileType::kRegular).code(), Code::kInvalid) << name;
  }
  EXPECT_EQ(TryMake(kRootInode, std::string(256, 'x'), FileType::kRegular).code(),
            Code::kNameTooLong);
  EXPECT_TRUE(TryMake(kRootInode, std::string(255, 'x'), FileType::kRegular).ok());
  EXPECT_EQ(Look(kRootInode, ""), Code::kInvalid);
}

// The memory UFS takes keys of up to 1,024 bytes.
TEST_F(Names, APathThatNoKeyCanHoldIsRefusedAtOnce) {
  InodeId dir = kRootInode;
  for (int i = 0; i < 4; ++i) {
    dir = TryMake(dir, std::string(255, 'd'), FileType::kDirectory).value().attr.ino;
  }
  EXPECT_EQ(TryMake(dir, "f", FileType::kRegular).code(), Code::kNameTooLong);
  EXPECT_EQ(TryMake(dir, "d", FileType::kDirectory).code(), Code::kNameTooLong);
}

class NamesWithMarkers : public NamespaceFixture {
 protected:
  NamesWithMarkers() : NamespaceFixture({}, ufs::Markers::kWritten) {}
};

TEST_F(NamesWithMarkers, ADirectoryWhoseMarkerNoKeyCanHoldIsRefusedAtOnce) {
  InodeId dir = kRootInode;
  for (const size_t bytes : {255, 255, 255, 200}) dir = MakeDir(dir, std::string(bytes, 'd'));
  const std::string fits(54, 'n');  // The marker's key has 1,024 bytes.
  const std::string longer(55, 'n');
  EXPECT_TRUE(TryMake(dir, fits, FileType::kDirectory).ok());
  EXPECT_EQ(TryMake(dir, longer, FileType::kDirectory).code(), Code::kNameTooLong);
  EXPECT_EQ(Rename(dir, fits, dir, longer), Code::kNameTooLong);
  EXPECT_TRUE(TryMake(dir, longer, FileType::kRegular).ok()) << "a file needs none";
  EXPECT_EQ(Rename(dir, longer, dir, fits, role::RenameMode::kExchange), Code::kNameTooLong);
  EXPECT_EQ(Rename(dir, fits, dir, longer, role::RenameMode::kExchange), Code::kNameTooLong);
}

TEST_F(Names, CreateTellsWhyNot) {
  const InodeId file = Make(kRootInode, "f");
  EXPECT_EQ(TryMake(kRootInode, "f", FileType::kDirectory).code(), Code::kExists);
  EXPECT_EQ(TryMake(file, "x", FileType::kRegular).code(), Code::kNotDirectory);
  EXPECT_EQ(TryMake(InodeId(999999), "x", FileType::kRegular).code(), Code::kStale);
  EXPECT_EQ(Look(kRootInode, "absent"), Code::kNotFound);
  EXPECT_EQ(Look(file, "x"), Code::kNotDirectory);
  EXPECT_EQ(Look(InodeId(999999), "x"), Code::kStale);
}

TEST_F(Names, SetgidDirectoryGivesItsGroup) {
  const InodeId dir = MakeDir(kRootInode, "d");
  role::AttrChange change;
  change.mode = 02775;
  change.gid = 77;
  ASSERT_TRUE(files().SetAttr(caller_, dir, change).ok());
  auto file = TryMake(dir, "f", FileType::kRegular);
  auto sub = TryMake(dir, "s", FileType::kDirectory, 0755);
  ASSERT_TRUE(file.ok() && sub.ok());
  EXPECT_EQ(file->attr.gid, 77U);
  EXPECT_EQ(file->attr.mode, 0644U);
  EXPECT_EQ(sub->attr.gid, 77U);
  EXPECT_EQ(sub->attr.mode, 02755U);
}

TEST_F(Names, SpecialFilesNeverPersist) {
  for (FileType type : {FileType::kFifo, FileType::kSocket, FileType::kCharDevice}) {
    role::CreateSpec spec{type, 0600, 259, ""};
    auto made = names().Create(caller_, kRootInode, std::to_string(static_cast<int>(type)), spec);
    ASSERT_TRUE(made.ok());
    EXPECT_EQ(made->attr.persist, role::PersistState::kTransient);
    EXPECT_EQ(made->attr.rdev, 259U);
  }
}

TEST_F(Names, SymlinkKeepsItsTarget) {
  const InodeId link = Make(kRootInode, "l", FileType::kSymlink);
  EXPECT_EQ(*files().ReadLink(link), "target");
  EXPECT_EQ(AttrOf(link).size_bytes, 6U);
  EXPECT_EQ(AttrOf(link).mode, 0777U);
  EXPECT_EQ(files().ReadLink(Make(kRootInode, "f")).code(), Code::kInvalid);
}

TEST_F(Names, DotsAreAnswered) {
  const InodeId a = MakeDir(kRootInode, "a");
  const InodeId b = MakeDir(a, "b");
  EXPECT_EQ(Find(b, "."), b);
  EXPECT_EQ(Find(b, ".."), a);
  EXPECT_EQ(Find(kRootInode, ".."), kRootInode);
  EXPECT_EQ(*names().ParentOf(b), a);
  EXPECT_EQ(*names().ParentOf(kRootInode), kRootInode);
}

TEST_F(Names, DirectoryCountsItsSubdirectories) {
  const InodeId dir = MakeDir(kRootInode, "d");
  EXPECT_EQ(AttrOf(dir).nlink, 2U);
  MakeDir(dir, "a");
  MakeDir(dir, "b");
  Make(dir, "f");
  EXPECT_EQ(AttrOf(dir).nlink, 4U);
  EXPECT_TRUE(names().Rmdir(caller_, dir, "a").ok());
  EXPECT_EQ(AttrOf(dir).nlink, 3U);
}

TEST_F(Names, ChangesOfNamesMoveTheDirectorysTimes) {
  const InodeId dir = MakeDir(kRootInode, "d");
  role::Attr before = AttrOf(dir);
  const auto moved_on = [&] {
    const role::Attr after = AttrOf(dir);
    const bool moved = after.mtime_ns > before.mtime_ns && after.ctime_ns > before.ctime_ns;
    before = after;
    return moved;
  };
  const InodeId file = Make(dir, "f");
  EXPECT_TRUE(moved_on());
  EXPECT_TRUE(names().Link(caller_, file, dir, "g").ok());
  EXPECT_TRUE(moved_on());
  EXPECT_EQ(Rename(dir, "f", dir, "h"), Code::kOk);
  EXPECT_TRUE(moved_on());
  EXPECT_TRUE(names().Unlink(caller_, dir, "h").ok());
  EXPECT_TRUE(moved_on());
  Look(dir, "g");
  EXPECT_FALSE(moved_on());
}

TEST_F(Names, LinkSharesTheInode) {
  const InodeId file = Make(kRootInode, "f");
  const int64_t ctime = AttrOf(file).ctime_ns;
  auto linked = names().Link(caller_, file, kRootInode, "g");
  ASSERT_TRUE(linked.ok());
  EXPECT_EQ(linked->attr.nlink, 2U);
  EXPECT_GT(linked->attr.ctime_ns, ctime);
  EXPECT_EQ(Find(kRootInode, "g"), file);
}

TEST_F(Names, LinkTellsWhyNot) {
  const InodeId dir = MakeDir(kRootInode, "d");
  const InodeId file = Make(kRootInode, "f");
  EXPECT_EQ(names().Link(caller_, dir, kRootInode, "x").code(), Code::kNotPermitted);
  EXPECT_EQ(names().Link(caller_, file, kRootInode, "d").code(), Code::kExists);
  EXPECT_EQ(names().Link(caller_, InodeId(9999), kRootInode, "x").code(), Code::kStale);
  EXPECT_EQ(names().Link(caller_, file, file, "x").code(), Code::kNotDirectory);
  ASSERT_TRUE(Commit(file, 10).ok());
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "f").ok());
  EXPECT_EQ(names().Link(caller_, file, kRootInode, "x").code(), Code::kNotFound);
}

TEST_F(Names, AFileMadeWithoutANameMayGetOne) {
  const InodeId file = Make(kRootInode, "unnamed");
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "unnamed").ok());
  ASSERT_TRUE(names().Link(caller_, file, kRootInode, "named").ok());
  EXPECT_EQ(Find(kRootInode, "named"), file);
  EXPECT_EQ(AttrOf(file).nlink, 1U);
  ASSERT_TRUE(files().Forget(file).ok());
  EXPECT_EQ(Find(kRootInode, "named"), file);
  EXPECT_EQ(*maintenance().PathOf(file), "/named");
}

TEST_F(Names, APathIsKnownWhicheverNameGoesFirst) {
  const InodeId dir = MakeDir(kRootInode, "d");
  const InodeId file = Make(kRootInode, "a");
  ASSERT_TRUE(names().Link(caller_, file, dir, "b").ok());
  ASSERT_TRUE(names().Link(caller_, file, dir, "c").ok());
  EXPECT_EQ(*maintenance().PathOf(file), "/a");
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  EXPECT_EQ(*maintenance().PathOf(file), "/d/b");
  ASSERT_TRUE(names().Unlink(caller_, dir, "c").ok());
  EXPECT_EQ(*maintenance().PathOf(file), "/d/b");
  EXPECT_EQ(AttrOf(file).nlink, 1U);
  ASSERT_TRUE(names().Unlink(caller_, dir, "b").ok());
  EXPECT_EQ(maintenance().PathOf(file).code(), Code::kNotFound);
}

TEST_F(Names, UnlinkedFileStaysUntilForgotten) {
  const InodeId file = Make(kRootInode, "f");
  auto gone = names().Unlink(caller_, kRootInode, "f");
  ASSERT_TRUE(gone.ok());
  EXPECT_EQ(gone->attr.nlink, 0U);
  EXPECT_EQ(Look(kRootInode, "f"), Code::kNotFound);
  EXPECT_EQ(AttrOf(file).nlink, 0U);
  std::vector<InodeId> orphans;
  const auto collect = [&](InodeId ino) {
    orphans.push_back(ino);
    return OkStatus();
  };
  EXPECT_TRUE(maintenance().ListOrphans(collect).ok());
  EXPECT_THAT(orphans, ElementsAre(file));
  EXPECT_TRUE(files().Forget(file).ok());
  EXPECT_EQ(files().GetAttr(file).code(), Code::kStale);
  orphans.clear();
  EXPECT_TRUE(maintenance().ListOrphans(collect).ok());
  EXPECT_THAT(orphans, IsEmpty());
  EXPECT_TRUE(files().Forget(file).ok());
}

TEST_F(Names, ForgetLeavesWhatHasAName) {
  const InodeId file = Make(kRootInode, "f");
  EXPECT_TRUE(files().Forget(file).ok());
  EXPECT_EQ(Find(kRootInode, "f"), file);
}

TEST_F(Names, UnlinkAndRmdirTellWhyNot) {
  const InodeId dir = MakeDir(kRootInode, "d");
  Make(dir, "f");
  EXPECT_EQ(names().Unlink(caller_, kRootInode, "d").code(), Code::kNotPermitted);
  EXPECT_EQ(names().Unlink(caller_, kRootInode, "x").code(), Code::kNotFound);
  EXPECT_EQ(names().Rmdir(caller_, kRootInode, "x").code(), Code::kNotFound);
  EXPECT_EQ(names().Rmdir(caller_, dir, "f").code(), Code::kNotDirectory);
  EXPECT_EQ(names().Rmdir(caller_, kRootInode, "d").code(), Code::kNotEmpty);
  ASSERT_TRUE(names().Unlink(caller_, dir, "f").ok());
  EXPECT_TRUE(names().Rmdir(caller_, kRootInode, "d").ok());
}

TEST_F(Names, ListingComesInPagesWhicheverSize) {
  std::vector<std::string> expected;
  for (int i = 0; i < 25; ++i) {
    expected.push_back("f" + std::to_string(i));
    Make(kRootInode, expected.back());
  }
  for (size_t page : {1, 2, 7, 25, 26}) EXPECT_EQ(NamesIn(kRootInode, page), expected) << page;
}

// Names made later come after that cursor, so a listing can end there.
TEST_F(Names, AListingTellsTheNewestCursor) {
  const auto list = [&] {
    return *names().ReadDir(caller_, kRootInode, 0, 100, role::Names::WithAttrs::kNo);
  };
  Make(kRootInode, "a");
  Make(kRootInode, "b");
  const role::Names::Listing first = list();
  ASSERT_EQ(first.entries.size(), 2U);
  EXPECT_GE(first.newest, first.entries.back().cursor);
  ASSERT_TRUE(names().Unlink(caller_, kRootInode, "a").ok());
  Make(kRootInode, "a");
  ASSERT_TRUE(names().Link(caller_, Find(kRootInode, "b"), kRootInode, "c").ok());
  for (const role::DirEntry& entry : list().entries) {
    EXPECT_EQ(entry.cursor > first.newest, entry.name != "b") << entry.name;
  }
  const uint64_t newest = list().newest;
  Open();
  EXPECT_GE(list().newest, newest) << "before a number was given out";
}

TEST_F(Names, EntriesThatStayAreListedOnceWhileOthersComeAndGo) {
  std::set<std::string> stay;
  for (int i = 0; i < 40; ++i) {
    Make(kRootInode, "stay" + std::to_string(i));
    Make(kRootInode, "go" + std::to_string(i));
    stay.insert("stay" + std::to_string(i));
  }
  std::multiset<std::string> seen;
  uint64_t cursor = 0;
  for (int round = 0;; ++round) {
    auto page = names().ReadDir(caller_, kRootInode, cursor, 5, role::Names::WithAttrs::kNo);
    ASSERT_TRUE(page.ok());
    for (const role::DirEntry& entry : page->entries) {
      if (entry.name.starts_with("stay")) seen.insert(entry.name);
    }
    if (page->end) break;
    cursor = page->entries.back().cursor;
    if (round >= 8) continue;
    ASSERT_TRUE(names().Unlink(caller_, kRootInode, "go" + std::to_string(round)).ok());
    ASSERT_EQ(Rename(kRootInode, "go" + std::to_string(20 + round), kRootInode,
                     "new" + std::to_string(round)),
              Code::kOk);
    Make(kRootInode, "late" + std::to_string(round));
  }
  EXPECT_EQ(seen.size(), stay.size());
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()), stay);
}

TEST_F(Names, ListingWithAttributesSaysWhatGetAttrSays) {
  const InodeId dir = MakeDir(kRootInode, "d");
  MakeDir(dir, "sub");
  Make(kRootInode, "f");
  auto listing = names().ReadDir(caller_, kRootInode, 0, 100, role::Names::WithAttrs::kYes);
  ASSERT_TRUE(listing.ok());
  ASSERT_EQ(listing->entries.size(), 2U);
  for (const role::DirEntry& entry : listing->entries) {
    ASSERT_TRUE(entry.attr);
    const role::Attr attr = AttrOf(entry.ino);
    EXPECT_EQ(entry.attr->nlink, attr.nlink);
    EXPECT_EQ(entry.attr->mtime_ns, attr.mtime_ns);
    EXPECT_EQ(entry.type, attr.type);
  }
  EXPECT_EQ(
      names().ReadDir(caller_, Find(kRootInode, "f"), 0, 1, role::Names::WithAttrs::kNo).code(),
      Code::kNotDirectory);
}

TEST_F(Names, ReadOnlyRefusesEveryChange) {
  const InodeId file = Make(kRootInode, "f");
  options_.read_only = true;
  Open();
  EXPECT_EQ(TryMake(kRootInode, "g", FileType::kRegular).code(), Code::kReadOnly);
  EXPECT_EQ(names().Unlink(caller_, kRootInode, "f").code(), Code::kReadOnly);
  EXPECT_EQ(Rename(kRootInode, "f", kRootInode, "g"), Code::kReadOnly);
  EXPECT_EQ(files().SetAttr(caller_, file, {}).code(), Code::kReadOnly);
  EXPECT_EQ(Find(kRootInode, "f"), file);
}

TEST_F(Names, CreatesInOneDirectoryByManyThreadsAllSucceed) {
  constexpr int kThreads = 4;
  constexpr int kEach = 50;
  std::atomic<int> made{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kEach; ++i) {
          made +=
              TryMake(kRootInode, std::to_string(t) + "." + std::to_string(i), FileType::kRegular)
                  .ok();
        }
      });
    }
  }
  EXPECT_EQ(made, kThreads * kEach);
  EXPECT_EQ(NamesIn(kRootInode).size(), size_t{kThreads * kEach});
}

TEST_F(Names, OneOfManyCreatorsOfANameWins) {
  std::atomic<int> made{0}, exists{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        const Code code = TryMake(kRootInode, "one", FileType::kRegular).code();
        (code == Code::kOk ? made : exists) += code == Code::kOk || code == Code::kExists;
      });
    }
  }
  EXPECT_EQ(made, 1);
  EXPECT_EQ(exists, 3);
}

}  // namespace
}  // namespace tarn::meta
