// What an access shows if the known answer is older than the sync interval.

#include <gmock/gmock.h>

#include "kv/memory.h"
#include "meta/testing/hooked_ufs.h"
#include "meta/testing/rig.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr Nanos kInterval = std::chrono::minutes(1);

class IntervalTest : public ::testing::Test {
 protected:
  IntervalTest() {
    auto hooked = std::make_unique<HookedUfs>(ufs::NewMemoryUfs(clock_));
    ufs_ = hooked.get();
    EXPECT_TRUE(mounts_.Add(MountId(1), std::move(hooked)).ok());
    options_.sync_interval = kInterval;
    // Deadlines are compared with the machine's clock, not with that of the test.
    options_.ufs_deadline = options_.sync_timeout = std::chrono::hours(100'000);
    auto opened = OpenNamespace(*store_, mounts_, clock_, options_, {});
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    namespace_ = *std::move(opened);
  }
  void Outside(const std::string& key, const std::string& bytes) {
    PutOutside(ufs_->base(), key, bytes);
  }
  void RemoveOutside(const std::string& key) {
    ufs::DeleteRequest request;
    request.key = key;
    EXPECT_TRUE(ufs_->base().Delete(std::span(&request, 1), {}).front().ok());
  }
  void PassInterval() { clock_.SleepFor(kInterval + std::chrono::seconds(1), {}); }
  role::Files& files() { return namespace_->GetFiles(); }
  role::Writers& writers() { return namespace_->GetWriters(); }
  role::Maintenance& maintenance() { return namespace_->GetMaintenance(); }
  Result<role::FileInfo> Look(const std::string& name) {
    return namespace_->GetNames().Lookup(caller_, kRootInode, name);
  }
  uint64_t SizeOf(const std::string& name) {
    auto found = Look(name);
    EXPECT_TRUE(found.ok()) << name << ": " << found.status().ToString();
    return found.ok() ? found->attr.size_bytes : 0;
  }
  InodeId Find(const std::string& name) {
    auto found = Look(name);
    return found.ok() ? found->attr.ino : InodeId();
  }
  std::vector<std::string> List() {
    auto listing =
        namespace_->GetNames().ReadDir(caller_, kRootInode, 0, 100, role::Names::WithAttrs::kNo);
    EXPECT_TRUE(listing.ok()) << listing.status().ToString();
    std::vector<std::string> names;
    if (listing.ok()) {
      for (const role::DirEntry& entry : listing->entries) names.push_back(entry.name);
    }
    return names;
  }

  TickingClock clock_;
  std::unique_ptr<kv::Store> store_ = kv::NewMemoryStore(clock_);
  ufs::UfsMounts mounts_;
  HookedUfs* ufs_ = nullptr;
  MetaOptions options_;
  std::unique_ptr<Namespace> namespace_;
  const role::Caller caller_{SessionId(1), 0, 0, 0};
};

TEST_F(IntervalTest, TheFirstLookupAfterItShowsWhatTheSourceHas) {
  Outside("f", "old");
  EXPECT_EQ(SizeOf("f"), 3U);
  Outside("f", "newer");
  EXPECT_EQ(SizeOf("f"), 3U);
  PassInterval();
  EXPECT_EQ(SizeOf("f"), 5U);
  RemoveOutside("f");
  PassInterval();
  EXPECT_EQ(Look("f").code(), Code::kNotFound);
}

TEST_F(IntervalTest, WithinItTheSourceIsNotAsked) {
  Outside("f", "bytes");
  const InodeId ino = Find("f");
  EXPECT_EQ(Look("absent").code(), Code::kNotFound);
  EXPECT_EQ(ufs_->stats, 2);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Find("f"), ino);
    EXPECT_TRUE(files().GetAttr(ino).ok());
    EXPECT_EQ(Look("absent").code(), Code::kNotFound);
    auto opened = writers().OpenForWrite(ino);
    ASSERT_TRUE(opened.ok());
    writers().CloseForWrite(ino);
  }
  EXPECT_EQ(ufs_->stats, 2);
  EXPECT_THAT(List(), ElementsAre("f"));
  EXPECT_EQ(ufs_->lists, 1);
  EXPECT_THAT(List(), ElementsAre("f"));
  EXPECT_EQ(ufs_->lists, 1);
}

TEST_F(IntervalTest, TheFirstListingAfterItShowsWhatTheSourceHas) {
  Outside("f", "old");
  EXPECT_THAT(List(), ElementsAre("f"));
  Outside("g", "");
  RemoveOutside("f");
  EXPECT_THAT(List(), ElementsAre("f"));
  PassInterval();
  EXPECT_THAT(List(), ElementsAre("g"));
}

TEST_F(IntervalTest, ANameThatAppearedInAListedDirectoryIsFound) {
  EXPECT_THAT(List(), ElementsAre());
  Outside("f", "bytes");
  PassInterval();
  EXPECT_EQ(SizeOf("f"), 5U);
}

TEST_F(IntervalTest, NamesOfAListingAreAsFreshAsIt) {
  for (const char* name : {"a", "b", "c"}) Outside(name, "bytes");
  List();
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(SizeOf(name), 5U);
  EXPECT_EQ(ufs_->stats, 0);
}

TEST_F(IntervalTest, AttributesToldMayBeKeptNoLongerThanTheyAreFresh) {
  Outside("f", "bytes");
  const role::Attr first = Look("f")->attr;
  EXPECT_GT(first.fresh_ns, 0);
  EXPECT_LE(Nanos(first.fresh_ns), kInterval);
  clock_.SleepFor(kInterval / 2, {});
  EXPECT_LE(Nanos(Look("f")->attr.fresh_ns), kInterval / 2);
  EXPECT_LE(Nanos(files().GetAttr(first.ino)->attr.fresh_ns), kInterval / 2);
  auto listing =
      namespace_->GetNames().ReadDir(caller_, kRootInode, 0, 10, role::Names::WithAttrs::kYes);
  ASSERT_TRUE(listing.ok());
  EXPECT_LE(Nanos(listing->entries.front().attr->fresh_ns), kInterval);
}

TEST_F(IntervalTest, ASourceThatDoesNotAnswerLeavesWhatIsKnown) {
  Outside("f", "old");
  Outside("g", "old");
  EXPECT_EQ(SizeOf("f"), 3U);
  EXPECT_EQ(SizeOf("g"), 3U);
  PassInterval();
  ufs_->fails = true;
  EXPECT_EQ(SizeOf("f"), 3U);
  EXPECT_EQ(SizeOf("g"), 3U);
  EXPECT_EQ(Look("unknown").code(), Code::kUnavailable);
  ufs_->fails = false;
  Outside("g", "newer");
  PassInterval();
  // An earlier question may still be under way in the background and fail only now. No later one
  // fails.
  for (int i = 0; i < 5 && SizeOf("g") != 5U; ++i) PassInterval();
  EXPECT_EQ(SizeOf("g"), 5U);
}

TEST_F(IntervalTest, AWriterOpensWhatTheSourceHas) {
  Outside("f", "old");
  const InodeId old = Find("f");
  Outside("f", "newer");
  PassInterval();
  EXPECT_EQ(writers().OpenForWrite(old).code(), Code::kStale);
  const InodeId now = Find("f");
  EXPECT_NE(now, old);
  auto opened = writers().OpenForWrite(now);
  ASSERT_TRUE(opened.ok());
  EXPECT_EQ(opened->attr.size_bytes, 5U);
  // Also where a listing has replaced it before.
  EXPECT_EQ(writers().OpenForWrite(old).code(), Code::kStale);
}

TEST_F(IntervalTest, NoNewsReplaceAFileUnderItsWriter) {
  Outside("f", "old");
  const InodeId ino = Find("f");
  ASSERT_TRUE(writers().OpenForWrite(ino).ok());
  Outside("f", "newer");
  ASSERT_TRUE(maintenance().Revalidate(kRootInode).ok());
  ASSERT_TRUE(maintenance().RecheckName(kRootInode, "f").ok());
  EXPECT_EQ(Find("f"), ino);
  RemoveOutside("f");
  ASSERT_TRUE(maintenance().Revalidate(kRootInode).ok());
  EXPECT_EQ(Find("f"), ino);
  writers().CloseForWrite(ino);
  ASSERT_TRUE(maintenance().Revalidate(kRootInode).ok());
  EXPECT_EQ(Look("f").code(), Code::kNotFound);
}

TEST_F(IntervalTest, ANameIsAskedForOnDemand) {
  EXPECT_THAT(List(), ElementsAre());
  Outside("f", "bytes");
  EXPECT_EQ(Look("f").code(), Code::kNotFound);
  ASSERT_TRUE(maintenance().RecheckName(kRootInode, "f").ok());
  EXPECT_EQ(SizeOf("f"), 5U);
  Outside("f", "other bytes");
  ASSERT_TRUE(maintenance().RecheckName(kRootInode, "f").ok());
  EXPECT_EQ(SizeOf("f"), 11U);
}

}  // namespace
}  // namespace tarn::meta
