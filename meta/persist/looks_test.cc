// Late answers of the UFS: after the life of a transaction, or after steps of the persist queue
// that they do not reflect.

#include <gmock/gmock.h>

#include "meta/persist/queue.h"
#include "meta/store/key_changes.h"
#include "meta/store/keys.h"
#include "meta/testing/hooked_ufs.h"
#include "meta/testing/rig.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr Nanos kLong = kv::kMaxTransactionLife + std::chrono::seconds(1);

class LooksTest : public ::testing::Test {
 protected:
  explicit LooksTest(const Tree& before = {}) {
    auto hooked = std::make_unique<HookedUfs>(ufs::NewMemoryUfs(clock_));
    ufs_ = hooked.get();
    rig_ = std::make_unique<Rig>(std::move(hooked), before, Pace::kNothing);
  }
  Result<role::FileInfo> Look(const std::string& name) {
    return rig_->ns().GetNames().Lookup(caller_, kRootInode, name);
  }
  Code Create(const std::string& name) {
    return rig_->ns().GetNames().Create(caller_, kRootInode, name, {}).code();
  }
  std::vector<std::string> List() {
    auto listing =
        rig_->ns().GetNames().ReadDir(caller_, kRootInode, 0, 100, role::Names::WithAttrs::kNo);
    EXPECT_TRUE(listing.ok()) << listing.status().ToString();
    std::vector<std::string> names;
    if (listing.ok()) {
      for (const role::DirEntry& entry : listing->entries) names.push_back(entry.name);
    }
    return names;
  }
  // Makes the next question take longer than a transaction lives.
  void AnswerLate() {
    ufs_->before = [this] { rig_->clock().SleepFor(kLong, {}); };
  }

  TickingClock clock_;
  HookedUfs* ufs_ = nullptr;
  std::unique_ptr<Rig> rig_;
  const role::Caller caller_{SessionId(1), 0, 0, 0};
};

class LateLooksTest : public LooksTest {
 protected:
  LateLooksTest() : LooksTest({{"f", "bytes"}, {"g", "more"}}) {}
};

TEST_F(LateLooksTest, ALookupFindsWhatASlowStoreHas) {
  AnswerLate();
  auto found = Look("f");
  ASSERT_TRUE(found.ok()) << found.status().ToString();
  EXPECT_EQ(found->attr.size_bytes, 5U);
  EXPECT_EQ(ufs_->stats, 1);
}

TEST_F(LateLooksTest, CreateMeetsANameThatASlowStoreHas) {
  AnswerLate();
  EXPECT_EQ(Create("f"), Code::kExists);
  EXPECT_EQ(rig_->AttrOf("f").size_bytes, 5U);
}

TEST_F(LateLooksTest, AListingOfASlowStoreIsWhole) {
  AnswerLate();
  EXPECT_THAT(List(), UnorderedElementsAre("f", "g"));
}

TEST_F(LateLooksTest, AListingAgainOfASlowStoreTakesWhatChanged) {
  EXPECT_THAT(List(), UnorderedElementsAre("f", "g"));
  PutOutside(ufs_->base(), "f", "longer bytes");
  PutOutside(ufs_->base(), "h", "");
  AnswerLate();
  ASSERT_TRUE(rig_->Revalidate("").ok());
  EXPECT_EQ(rig_->AttrOf("f").size_bytes, 12U);
  EXPECT_THAT(List(), UnorderedElementsAre("f", "g", "h"));
}

TEST_F(LateLooksTest, AnAbsenceThatASlowStoreFindsRemovesTheName) {
  ASSERT_TRUE(Look("f").ok());
  ufs::DeleteRequest gone;
  gone.key = "f";
  ASSERT_TRUE(ufs_->base().Delete(std::span(&gone, 1), {}).front().ok());
  AnswerLate();
  ASSERT_TRUE(rig_->ns().GetMaintenance().Recheck(rig_->Find("f")).ok());
  EXPECT_EQ(Look("f").code(), Code::kNotFound);
}

TEST_F(LooksTest, NewsOlderThanADeleteBringNoNameBack) {
  ufs_->before = [this] {
    rig_->Put("f", "ours");
    rig_->Drain();
  };
  ufs_->after = [this] {
    rig_->Remove("f");
    rig_->Drain();
  };
  EXPECT_EQ(Look("f").code(), Code::kNotFound);
  EXPECT_EQ(ufs_->stats, 3);  // The first look, the look of Put, and the repeated look.
  rig_->ExpectAtEnd({});
}

TEST_F(LooksTest, AListingOlderThanADeleteBringsNoNameBack) {
  ufs_->before = [this] {
    rig_->Put("f", "ours");
    rig_->Put("g", "stays");
    rig_->Drain();
  };
  ufs_->after = [this] {
    rig_->Remove("f");
    rig_->Drain();
  };
  EXPECT_THAT(List(), ElementsAre("g"));
  rig_->ExpectAtEnd({{"g", "stays"}});
}

TEST_F(LooksTest, AListingOlderThanAMoveBringsNoNameBack) {
  ufs_->before = [this] {
    rig_->Put("f", "ours");
    rig_->Drain();
  };
  ufs_->after = [this] {
    rig_->Move("f", "g");
    rig_->Drain();
  };
  EXPECT_THAT(List(), ElementsAre("g"));
  rig_->ExpectAtEnd({{"g", "ours"}});
}

TEST_F(LooksTest, AListingOlderThanAnUploadDoesNotReplaceIt) {
  rig_->Put("f", "old");
  rig_->Drain();
  EXPECT_THAT(List(), ElementsAre("f"));
  const InodeId ino = rig_->Find("f");
  ufs_->after = [this] {
    rig_->Put("f", "newer bytes");
    rig_->Drain();
  };
  ASSERT_TRUE(rig_->Revalidate("").ok());
  EXPECT_EQ(rig_->Find("f"), ino);
  EXPECT_EQ(rig_->AttrOf("f").size_bytes, 11U);
  rig_->ExpectAtEnd({{"f", "newer bytes"}});
}

TEST_F(LooksTest, AListingOlderThanADirectoryDoesNotRemoveIt) {
  EXPECT_THAT(List(), ElementsAre());
  ufs_->after = [this] {
    rig_->MakeDir("d");
    rig_->Put("d/f", "bytes");
    rig_->Drain();
  };
  ASSERT_TRUE(rig_->Revalidate("").ok());
  rig_->ExpectAtEnd({{"d/", ""}, {"d/f", "bytes"}});
}

TEST(KeyChangesTest, OnlyStepsSinceALookBeganDisturbIt) {
  KeyChanges changes;
  const MountId mount(1);
  const auto name = [&](const char* key) { return keys::Ledger(mount, key); };
  changes.Locked(name("before"));
  changes.Locked(name("still"));
  changes.Unlocked(name("before"));
  const KeyChanges::Look look(changes);
  changes.Locked(name("d/since"));
  changes.Unlocked(name("d/since"));
  EXPECT_FALSE(look.Disturbed(mount, "before"));
  EXPECT_TRUE(look.Disturbed(mount, "still"));
  EXPECT_TRUE(look.Disturbed(mount, "d/since"));
  EXPECT_FALSE(look.Disturbed(mount, "d"));
  EXPECT_TRUE(look.Disturbed(mount, "d", KeyChanges::Look::Reach::kBelow));
  EXPECT_FALSE(look.Disturbed(mount, "d/sinc", KeyChanges::Look::Reach::kBelow));
  EXPECT_FALSE(look.Disturbed(MountId(2), "d/since"));
  EXPECT_FALSE(KeyChanges::Look(changes).Disturbed(mount, "d/since"));
}

}  // namespace
}  // namespace tarn::meta
