#include "meta/namespace.h"

#include <set>
#include <thread>

#include "meta/store/context.h"
#include "meta/store/keys.h"
#include "meta/testing/namespace_fixture.h"

namespace tarn::meta {
namespace {

class NamespaceTest : public NamespaceFixture {
 protected:
  Code OpenAs(const std::string& identity, bool adopt) {
    namespace_.reset();
    RootMount root;
    root.uri = "mem://" + identity;
    root.identity = identity;
    root.adopt = adopt;
    auto opened = OpenNamespace(*store_, mounts_, clock_, options_, root);
    if (!opened.ok()) return opened.code();
    namespace_ = *std::move(opened);
    return Code::kOk;
  }
};

TEST_F(NamespaceTest, KeepsItsNamesOverARestart) {
  const InodeId file = Make(MakeDir(kRootInode, "d"), "f");
  Open();
  EXPECT_EQ(*maintenance().PathOf(file), "/d/f");
  EXPECT_GT(Make(kRootInode, "g").value, file.value);
}

TEST_F(NamespaceTest, RefusesAnotherSourceUnlessToldToAdoptIt) {
  EXPECT_EQ(OpenAs("other", false), Code::kInvalid);
  EXPECT_EQ(OpenAs("other", true), Code::kOk);
  EXPECT_EQ((*namespace_->GetMountTable().List()).front().uri, "mem://other");
  EXPECT_EQ(OpenAs("other", false), Code::kOk);
  EXPECT_EQ(OpenAs("mem", false), Code::kInvalid);
}

TEST_F(NamespaceTest, RefusesAFormatItDoesNotKnow) {
  auto txn = store_->Begin();
  txn->Put(keys::System("format"), kv::EncodeCounter(99));
  ASSERT_TRUE(txn->Commit(kv::Durability::kDurable).ok());
  EXPECT_EQ(OpenAs("mem", false), Code::kUnsupported);
}

TEST_F(NamespaceTest, RootHasTheModeOfTheMount) {
  const role::Attr root = AttrOf(kRootInode);
  EXPECT_EQ(root.type, role::FileType::kDirectory);
  EXPECT_EQ(root.mode, 0755U);
  EXPECT_EQ(root.nlink, 2U);
  EXPECT_EQ(*maintenance().PathOf(kRootInode), "/");
}

TEST_F(NamespaceTest, NumbersAreGivenOutOnce) {
  IdAllocator first(*store_, SystemClock()), second(*store_, SystemClock());
  std::set<uint64_t> seen;
  for (int i = 0; i < 5000; ++i) {
    EXPECT_TRUE(seen.insert(*first.Next()).second);
    EXPECT_TRUE(seen.insert(*second.Next()).second);
  }
  EXPECT_FALSE(seen.contains(kRootInode.value));
}

TEST_F(NamespaceTest, NumbersAreGivenOutOnceToManyThreads) {
  IdAllocator ids(*store_, SystemClock());
  std::vector<std::vector<uint64_t>> got(4);
  {
    std::vector<std::jthread> threads;
    for (auto& mine : got) {
      threads.emplace_back([&] {
        for (int i = 0; i < 6000; ++i) mine.push_back(*ids.Next());
      });
    }
  }
  std::set<uint64_t> seen;
  for (const auto& mine : got) seen.insert(mine.begin(), mine.end());
  EXPECT_EQ(seen.size(), 24000U);
}

}  // namespace
}  // namespace tarn::meta
