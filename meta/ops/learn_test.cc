// Attributes that objects keep and listings do not show.

#include "meta/ops/learn.h"

#include <algorithm>
#include <set>
#include <thread>
#include <utility>

#include "meta/testing/namespace_fixture.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

class LearnTest : public NamespaceFixture {
 protected:
  LearnTest() : NamespaceFixture({}, ufs::Markers::kWritten, ufs::Keeps::kAttributes) {}

  void Put(const std::string& key, uint32_t mode, uint32_t uid,
           ufs::ObjectType type = ufs::ObjectType::kFile) {
    ufs::CreateOptions options;
    options.type = type;
    options.attributes = ufs::FileAttributes{mode, uid, uid + 1, kStored};
    auto upload = ufs_->Create(key, options, {});
    ASSERT_TRUE(upload.ok()) << upload.status().ToString();
    ASSERT_TRUE((*upload)->Commit({}).ok());
  }
  void Remove(const std::string& key) {
    const ufs::DeleteRequest request{key, {}, ufs::ObjectType::kFile};
    ASSERT_TRUE(ufs_->Delete(std::span(&request, 1), {}).front().ok());
  }
  // The first step of the first entry of the persist queue, and its inode.
  std::pair<InodeId, role::Action> FirstStep() {
    clock_.SleepFor(std::chrono::minutes(1), {});
    role::PersistQueue& queue = namespace_->GetPersistQueue();
    const auto tasks = queue.Lease(role::TaskClass::kSmall, 10, Nanos(0));
    EXPECT_TRUE(tasks.ok() && !tasks->empty());
    if (!tasks.ok() || tasks->empty()) return {};
    const Result<role::Action> action = queue.Prepare(tasks->front());
    EXPECT_TRUE(action.ok()) << action.status().ToString();
    return {tasks->front().ino, action.ok() ? *action : role::Action()};
  }
  void ExpectGuessed(InodeId ino, uint32_t mode) {
    const role::Attr attr = AttrOf(ino);
    EXPECT_TRUE(attr.guessed);
    EXPECT_EQ(attr.mode, mode);
    EXPECT_EQ(attr.uid, 0u);
  }
  void ExpectStored(InodeId ino, uint32_t mode, uint32_t uid) {
    const role::Attr attr = AttrOf(ino);
    EXPECT_FALSE(attr.guessed);
    EXPECT_EQ(attr.mode, mode);
    EXPECT_EQ(attr.uid, uid);
    EXPECT_EQ(attr.gid, uid + 1);
    if (attr.type == role::FileType::kRegular) {
      EXPECT_EQ(attr.mtime_ns, kStored);
    }
  }
  static role::Caller User(uint32_t uid) {
    role::Caller caller;
    caller.uid = caller.gid = uid;
    return caller;
  }

  static constexpr int64_t kStored = 1'500'000'000'000'000'000;
};

TEST_F(LearnTest, AListingLeavesThemOpenUntilTheyAreAskedFor) {
  Put("f", 0600, 1000);
  Put("d", 0700, 1000, ufs::ObjectType::kDirectory);
  Put("plain/f", 0755, 7);
  EXPECT_EQ(NamesIn(kRootInode).size(), 3u);
  const InodeId file = Find(kRootInode, "f");
  const InodeId marked = Find(kRootInode, "d");
  const InodeId plain = Find(kRootInode, "plain");
  ExpectGuessed(file, 0644);
  ExpectGuessed(marked, 0755);
  ExpectGuessed(plain, 0755);
  for (const InodeId ino : {file, marked, plain}) {
    EXPECT_TRUE(maintenance().LearnAttributes(ino).ok());
  }
  ExpectStored(file, 0600, 1000);
  ExpectStored(marked, 0700, 1000);
  EXPECT_FALSE(AttrOf(plain).guessed) << "without a marker it has the defaults for good";
  EXPECT_EQ(AttrOf(plain).mode, 0755u);
}

TEST_F(LearnTest, ANameThatIsAskedForTellsThemAtOnce) {
  Put("f", 0600, 1000);
  ExpectStored(Find(kRootInode, "f"), 0600, 1000);
}

TEST_F(LearnTest, AChangeOfOneKeepsTheOthers) {
  Put("f", 0600, 1000);
  Put("g", 0640, 1000);
  NamesIn(kRootInode);
  role::AttrChange change;
  change.mode = 0750;
  const InodeId file = Find(kRootInode, "f");
  ASSERT_TRUE(files().SetAttr(User(0), file, change).ok());
  ExpectStored(file, 0750, 1000);
  const InodeId other = Find(kRootInode, "g");
  EXPECT_EQ(files().SetAttr(User(1000), other, change).code(), Code::kStale)
      << "the kernel did not know the owner when it let the caller pass";
  ExpectStored(other, 0640, 1000);
  EXPECT_TRUE(files().SetAttr(User(1000), other, change).ok());
  ExpectStored(other, 0750, 1000);
}

TEST_F(LearnTest, AnObjectThatIsGoneTakesItsNameAlong) {
  Put("f", 0600, 1000);
  NamesIn(kRootInode);
  const InodeId file = Find(kRootInode, "f");
  Remove("f");
  EXPECT_EQ(maintenance().LearnAttributes(file).code(), Code::kStale);
  EXPECT_EQ(Look(kRootInode, "f"), Code::kNotFound);
}

TEST_F(LearnTest, WhatIsKnownSurvivesALaterListing) {
  Put("f", 0600, 1000);
  NamesIn(kRootInode);
  const InodeId file = Find(kRootInode, "f");
  ASSERT_TRUE(maintenance().LearnAttributes(file).ok());
  ASSERT_TRUE(maintenance().Revalidate(kRootInode).ok());
  ExpectStored(file, 0600, 1000);
}

TEST_F(LearnTest, AProgramThatLooksAtManyFindsTheNextOnesKnown) {
  for (int i = 100; i < 150; ++i) Put("f" + std::to_string(i), 0600, 1000);
  NamesIn(kRootInode);
  std::vector<InodeId> inos;
  for (int i = 100; i < 150; ++i) inos.push_back(Find(kRootInode, "f" + std::to_string(i)));
  ExpectGuessed(inos.back(), 0644);
  for (size_t i = 0; i < 12; ++i) EXPECT_TRUE(maintenance().LearnAttributes(inos[i]).ok());
  const Deadline deadline = Deadline::After(SystemClock(), std::chrono::seconds(60));
  const auto any_guessed = [&] {
    return std::any_of(inos.begin(), inos.end(), [&](InodeId ino) { return AttrOf(ino).guessed; });
  };
  while (any_guessed() && !deadline.PassedBy(SystemClock().Now())) std::this_thread::yield();
  for (const InodeId ino : inos) ExpectStored(ino, 0600, 1000);
}

TEST_F(LearnTest, ACopyOntoItselfByAnotherClientCounts) {
  Put("f", 0644, 1000);
  Put("here", 0644, 1000);
  NamesIn(kRootInode);
  const InodeId file = Find(kRootInode, "f");
  const InodeId changed_here = Find(kRootInode, "here");
  for (const InodeId ino : {file, changed_here}) {
    ASSERT_TRUE(maintenance().LearnAttributes(ino).ok());
  }
  role::AttrChange change;
  change.mode = 0400;
  ASSERT_TRUE(files().SetAttr(User(0), changed_here, change).ok());
  ASSERT_TRUE(maintenance().Revalidate(kRootInode).ok());
  ExpectStored(file, 0644, 1000);
  clock_.SleepFor(std::chrono::seconds(2), {});
  Put("f", 0600, 1000);
  Put("here", 0666, 1000);
  std::set<InodeId> heard;
  maintenance().SetChangeSink([&heard](const role::Change& news) {
    if (news.kind == role::Change::Kind::kAttributes) heard.insert(news.ino);
  });
  ASSERT_TRUE(maintenance().Revalidate(kRootInode).ok());
  maintenance().DeliverChanges();
  maintenance().SetChangeSink({});
  EXPECT_TRUE(AttrOf(file).guessed);
  EXPECT_EQ(heard, std::set<InodeId>{file}) << "the kernel asks again";
  ASSERT_TRUE(maintenance().LearnAttributes(file).ok());
  ExpectStored(file, 0600, 1000);
  ExpectStored(changed_here, 0400, 1000);
}

TEST_F(LearnTest, WhatComesWithTheBytesCountsForTheirVersion) {
  Put("f", 0600, 1000);
  NamesIn(kRootInode);
  const InodeId file = Find(kRootInode, "f");
  role::ToldAttributes told;
  told.etag = "another";
  told.mode = 0600;
  told.uid = 1000;
  told.gid = 1001;
  told.mtime_ns = kStored;
  ASSERT_TRUE(maintenance().TakeAttributes(file, told).ok());
  ExpectGuessed(file, 0644);
  told.etag = files().GetKnownAttr(file)->binding.etag;
  ASSERT_TRUE(maintenance().TakeAttributes(file, told).ok());
  ExpectStored(file, 0600, 1000);
  told.mode = 0666;
  ASSERT_TRUE(maintenance().TakeAttributes(file, told).ok());
  ExpectStored(file, 0600, 1000);
}

TEST_F(LearnTest, AMoveTakesThemAlongUnasked) {
  Put("f", 0600, 1000);
  NamesIn(kRootInode);
  ASSERT_EQ(Rename(kRootInode, "f", kRootInode, "g"), Code::kOk);
  const auto [ino, action] = FirstStep();
  EXPECT_EQ(action.kind, role::Action::Kind::kMove) << action.reason;
  EXPECT_FALSE(action.mode) << "a guess must not be written";
  ExpectGuessed(ino, 0644);
}

TEST_F(LearnTest, AStepThatWouldLoseThemAsksFirst) {
  Put("f", 0600, 1000);
  Put("g", 0600, 1000);
  NamesIn(kRootInode);
  ASSERT_EQ(Rename(kRootInode, "f", kRootInode, "g", role::RenameMode::kExchange), Code::kOk);
  const auto [ino, action] = FirstStep();
  EXPECT_EQ(action.kind, role::Action::Kind::kLocalize) << action.reason;
  ExpectStored(ino, 0600, 1000);
}

TEST_F(LearnTest, AStepGoesOnWhereTheObjectIsGone) {
  Put("f", 0600, 1000);
  Put("g", 0600, 1000);
  NamesIn(kRootInode);
  ASSERT_EQ(Rename(kRootInode, "f", kRootInode, "g", role::RenameMode::kExchange), Code::kOk);
  Remove("f");
  Remove("g");
  const auto [ino, action] = FirstStep();
  EXPECT_EQ(action.kind, role::Action::Kind::kLocalize) << action.reason;
  EXPECT_FALSE(AttrOf(ino).guessed);
}

TEST_F(LearnTest, RecordsKeepThatTheyAreGuesses) {
  Put("f", 0600, 1000);
  NamesIn(kRootInode);
  Open();
  const InodeId file = Find(kRootInode, "f");
  ExpectGuessed(file, 0644);
  ASSERT_TRUE(maintenance().LearnAttributes(file).ok());
  Open();
  ExpectStored(file, 0600, 1000);
}

}  // namespace
}  // namespace tarn::meta
