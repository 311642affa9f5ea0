// When operations ask the UFS for names, and how they use its answer.

#include <gmock/gmock.h>

#include <map>

#include "base/strings.h"
#include "kv/memory.h"
#include "meta/loading/import.h"
#include "meta/mounts/root.h"
#include "meta/ops/operations.h"
#include "meta/store/changes.h"
#include "meta/testing/namespace_fixture.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Knows the names of a UFS (empty directories and files), and imports those that it is asked for.
class ScriptedLoader final : public Loader {
 public:
  explicit ScriptedLoader(const Context& context) : context_(context) {}

  std::map<std::string, role::FileType> outside;  // The names in each incomplete directory.
  Status failure;
  std::vector<std::string> calls;

  Status LoadName(InodeId dir, std::string_view name) override {
    calls.push_back("name " + std::string(name));
    RETURN_IF_ERROR(failure);
    auto found = outside.find(std::string(name));
    return found == outside.end() ? OkStatus() : Import(dir, found->first, found->second);
  }
  Status LoadAll(InodeId dir) override {
    calls.push_back("all");
    RETURN_IF_ERROR(failure);
    for (const auto& [name, type] : outside) RETURN_IF_ERROR(Import(dir, name, type));
    return Write([&](kv::Transaction& txn) {
      PutListing(txn, dir, {true, 1});
      return OkStatus();
    });
  }
  Result<Loaded> LoadMore(InodeId dir, Progress&) override {
    RETURN_IF_ERROR(LoadAll(dir));
    return Loaded::kAll;
  }
  Status Touch(InodeId dir) override {
    calls.push_back("touch " + std::to_string(dir.value));
    return failure;
  }
  Status TouchName(InodeId dir, std::string_view name) override {
    calls.push_back(Concat("touch ", dir.value, " ", name));
    return failure;
  }
  Nanos FreshFor(InodeId, std::string_view) const override { return Nanos::zero(); }
  void DirectoryMade(InodeId) override {}
  Status LookAgain(InodeId, std::string_view) override { return failure; }
  Status Revalidate(InodeId) override { return failure; }
  void NameCreated(InodeId, std::string_view name) override {
    calls.push_back("created " + std::string(name));
  }

 private:
  Status Write(const std::function<Status(kv::Transaction&)>& body) {
    return kv::Transact(context_.store, {.clock = context_.clock}, body).status();
  }
  Status Import(InodeId dir, const std::string& name, role::FileType type) {
    ASSIGN_OR_RETURN(uint64_t id, context_.ids.Next());
    return Write([&](kv::Transaction& txn) -> Status {
      ASSIGN_OR_RETURN(auto known, GetDentry(txn, dir, name, kv::Reads::kSerializable));
      if (known) return OkStatus();
      InodeRecord inode;
      inode.ino = InodeId(id);
      inode.type = type;
      inode.parent = dir;
      inode.name = name;
      inode.nlink = 1;
      inode.mount = MountId(1);
      inode.never_persist = true;
      PutInode(txn, inode);
      AddName(txn, dir, name, {inode.ino, type, id});
      return OkStatus();
    });
  }

  const Context& context_;
};

class LoadingTest : public ::testing::Test {
 protected:
  LoadingTest() {
    EXPECT_TRUE(mounts_.Add(MountId(1), ufs::NewMemoryUfs(clock_)).ok());
    EXPECT_TRUE(PrepareStore(context_, RootMount{}).ok());
  }
  Code Look(std::string_view name) { return ops::Lookup(env_, kRootInode, name).code(); }
  Code Make(std::string_view name, role::FileType type = role::FileType::kRegular) {
    return ops::Create(env_, {}, kRootInode, name, {type, 0644, 0, ""}).code();
  }
  // The calls of the loader since the last Calls(), without Touch.
  std::vector<std::string> Calls() {
    std::vector<std::string> calls;
    for (const std::string& call : loader_.calls) {
      if (!call.starts_with("touch")) calls.push_back(call);
    }
    loader_.calls.clear();
    return calls;
  }

  TickingClock clock_;
  std::unique_ptr<kv::Store> store_ = kv::NewMemoryStore(clock_);
  ufs::UfsMounts mounts_;
  IdAllocator ids_{*store_, SystemClock()};
  ChangeFeed changes_;
  ChangeGate gate_;
  Encounters encounters_;
  KeyChanges key_changes_;
  OpenWriters writers_;
  QueueClock queue_clock_{clock_};
  Parents parents_;
  Context context_{*store_, mounts_,     clock_,       {},       ids_,         changes_,
                   gate_,   encounters_, key_changes_, writers_, queue_clock_, parents_};
  ScriptedLoader loader_{context_};
  const Env env_{context_, loader_};
};

// A page of a thousand names as long as S3 allows, in a deep directory, with large attributes.
std::vector<ufs::ObjectInfo> LongPage(const std::string& prefix) {
  std::vector<ufs::ObjectInfo> page(1000);
  for (size_t i = 0; i < page.size(); ++i) {
    page[i].type = ufs::ObjectType::kDirectory;
    page[i].key = Concat(prefix, "/", 1000 + i, std::string(1019 - prefix.size(), 'n'));
    page[i].xattrs["user.x"] = std::string(12 << 10, 'x');
  }
  return page;
}

TEST_F(LoadingTest, PartsOfALongPageFitIntoATransaction) {
  std::string prefix = "d";
  while (prefix.size() < 800) prefix += "/directory";
  const std::vector<ufs::ObjectInfo> page = LongPage(prefix);
  InodeRecord dir = *ReadInode(*store_->Begin(), kRootInode, kv::Reads::kSnapshot);
  dir.key = prefix;
  const auto apply = [&](std::span<const ufs::ObjectInfo> part) {
    const std::unique_ptr<KeyChanges::Look> look = key_changes_.Begin();
    Imported imported(*look, writers_);
    const std::unique_ptr<kv::Transaction> txn = store_->Begin();
    for (const ufs::ObjectInfo& info : part) {
      const std::string name = info.key.substr(prefix.size() + 1);
      EXPECT_TRUE(ApplyFound(context_, *txn, dir, name, info, imported).ok());
    }
    return txn->Commit(kv::Durability::kBuffered).code();
  };
  EXPECT_EQ(apply(page), Code::kTooBig);
  size_t parts = 0;
  for (std::span<const ufs::ObjectInfo> left = page; !left.empty(); ++parts) {
    const size_t count = CountThatFits(prefix, left);
    EXPECT_EQ(apply(left.first(count)), Code::kOk);
    left = left.subspan(count);
  }
  EXPECT_LE(parts, 20U);
}

TEST_F(LoadingTest, APageOfCommonNamesIsOnePart) {
  std::vector<ufs::ObjectInfo> page(1000);
  for (ufs::ObjectInfo& info : page) info.key = "data/2026/11/30/eu/parts/a-name-of-common-length";
  EXPECT_EQ(CountThatFits("data/2026/11/30/eu/parts", page), page.size());
  page.resize(200);
  for (ufs::ObjectInfo& info : page) info.xattrs["user.x"] = std::string(64 << 10, 'x');
  EXPECT_LT(CountThatFits("data/2026/11/30/eu/parts", page), 100U);
  EXPECT_EQ(CountThatFits("data", {}), 0U);
}

TEST_F(LoadingTest, AnUnknownNameIsAskedForOnceAndFound) {
  loader_.outside["f"] = role::FileType::kRegular;
  EXPECT_EQ(Look("f"), Code::kOk);
  EXPECT_THAT(Calls(), ElementsAre("name f"));
  EXPECT_EQ(Look("f"), Code::kOk);
  EXPECT_THAT(Calls(), IsEmpty());
  EXPECT_EQ(Look("g"), Code::kNotFound);
  EXPECT_THAT(Calls(), ElementsAre("name g"));
}

TEST_F(LoadingTest, InACompleteDirectoryNobodyIsAsked) {
  loader_.outside["f"] = role::FileType::kRegular;
  auto listing = ops::ReadDir(env_, kRootInode, 0, 10, role::Names::WithAttrs::kNo);
  ASSERT_TRUE(listing.ok());
  EXPECT_EQ(listing->entries.size(), 1U);
  EXPECT_THAT(Calls(), ElementsAre("all"));
  loader_.failure = Status(Code::kUnavailable, "down");
  loader_.calls.clear();
  EXPECT_EQ(Make("g"), Code::kOk);
  EXPECT_THAT(Calls(), ElementsAre("created g"));
}

TEST_F(LoadingTest, WhatWasMadeHereIsComplete) {
  ASSERT_EQ(Make("d", role::FileType::kDirectory), Code::kOk);
  const InodeId dir = ops::Lookup(env_, kRootInode, "d")->attr.ino;
  Calls();
  EXPECT_EQ(ops::Lookup(env_, dir, "x").code(), Code::kNotFound);
  EXPECT_THAT(Calls(), IsEmpty());
}

TEST_F(LoadingTest, CreateMeetsANameThatOnlyTheUfsKnew) {
  loader_.outside["f"] = role::FileType::kRegular;
  EXPECT_EQ(Make("f"), Code::kExists);
  EXPECT_THAT(Calls(), ElementsAre("name f"));
}

TEST_F(LoadingTest, NothingIsDoneWhenTheUfsCannotBeAsked) {
  ASSERT_EQ(Make("here"), Code::kOk);
  loader_.failure = Status(Code::kUnavailable, "down");
  EXPECT_EQ(Make("f"), Code::kUnavailable);
  EXPECT_EQ(ops::Rename(env_, role::Caller{}, {kRootInode, "here"}, {kRootInode, "there"},
                        role::RenameMode::kReplace)
                .code(),
            Code::kUnavailable);
  loader_.failure = OkStatus();
  EXPECT_EQ(Look("here"), Code::kOk);
  EXPECT_EQ(Look("f"), Code::kNotFound);
}

TEST_F(LoadingTest, RenameAsksForBothNamesAndReplacesWhatWasOutside) {
  loader_.outside["a"] = role::FileType::kRegular;
  loader_.outside["b"] = role::FileType::kRegular;
  auto renamed = ops::Rename(env_, role::Caller{}, {kRootInode, "a"}, {kRootInode, "b"},
                             role::RenameMode::kReplace);
  ASSERT_TRUE(renamed.ok()) << renamed.status().ToString();
  EXPECT_TRUE(renamed->replaced);
  EXPECT_THAT(Calls(), ElementsAre("name a", "name b", "created b"));
}

TEST_F(LoadingTest, RmdirLoadsADirectoryBeforeItCallsItEmpty) {
  loader_.outside["d"] = role::FileType::kDirectory;
  // The directory "d" has a "d" too.
  EXPECT_EQ(ops::Rmdir(env_, kRootInode, "d").code(), Code::kNotEmpty);
  EXPECT_THAT(Calls(), ElementsAre("name d", "all"));
}

TEST_F(LoadingTest, LooksTouchWhatTheyDependOn) {
  ASSERT_EQ(Make("f"), Code::kOk);
  auto file = ops::Lookup(env_, kRootInode, "f");
  ASSERT_TRUE(file.ok());
  loader_.calls.clear();
  ASSERT_TRUE(ops::GetAttr(env_, file->attr.ino).ok());
  ASSERT_TRUE(ops::GetAttr(env_, kRootInode).ok());
  EXPECT_THAT(loader_.calls, ElementsAre("touch 1 f"));
}

}  // namespace
}  // namespace tarn::meta
