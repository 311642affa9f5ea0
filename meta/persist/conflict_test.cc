// Another client changes the UFS while changes made here wait to be persisted. No file mixes two
// versions. The objects of the other client stay unless a version made from nothing replaces them.
// A file that cannot be persisted says so.

#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "meta/testing/rig.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

using role::PersistState;

enum class Kind { kObjects, kDirectory };

std::string NameOf(const ::testing::TestParamInfo<Kind>& info) {
  return info.param == Kind::kObjects ? "Objects" : "Directory";
}

class OtherWriter : public ::testing::TestWithParam<Kind> {
 protected:
  void Begin(const Tree& before) {
    rig_.reset();
    directory_ = std::make_unique<TemporaryDirectory>();
    std::unique_ptr<ufs::UnderFileSystem> ufs;
    if (GetParam() == Kind::kObjects) {
      ufs = ufs::NewMemoryUfs(clock_);
    } else {
      ufs = *ufs::OpenLocalUfs(directory_->path(), SystemClock());
    }
    rig_ = std::make_unique<Rig>(std::move(ufs), before, Pace::kNothing);
  }
  Rig& rig() { return *rig_; }
  void Replace(const std::string& key, const std::string& bytes) {
    PutOutside(rig().ufs(), key, bytes);
  }
  void Delete(const std::string& key) {
    const ufs::DeleteRequest request{key, {}};
    ASSERT_TRUE(rig().ufs().Delete(std::span(&request, 1), {}).front().ok());
  }
  // Puts a directory in the place of a file.
  void MakeDirectoryOf(const std::string& key) {
    Delete(key);
    if (rig().ufs().Attributes() != nullptr) {
      ASSERT_TRUE(rig().ufs().Attributes()->MakeDirectory(key, 0755, {}).ok());
    }
    Replace(key + "/x", "X");
  }
  PersistState StateOf(const std::string& path) { return rig().AttrOf(path).persist; }
  role::QueueTotals Totals() { return *rig().ns().GetPersistQueue().Totals(); }
  Status Resolve(const std::string& path, role::Take take) {
    return rig().ns().GetPersistQueue().Resolve(rig().Find(path), take);
  }
  void ExpectConflict(const std::string& path) {
    EXPECT_EQ(StateOf(path), PersistState::kConflict);
    EXPECT_EQ(Totals().conflicts, 1u);
    EXPECT_EQ(Totals().entries, 0u);
    EXPECT_EQ(Totals().conflict_bytes, rig().AttrOf(path).size_bytes);
    const auto page = rig().ns().GetPersistQueue().List("", 10);
    ASSERT_EQ(page->entries.size(), 1u);
    const role::QueueEntry& entry = page->entries.front();
    EXPECT_EQ(entry.path, "/" + path);
    EXPECT_EQ(entry.state, PersistState::kConflict);
    EXPECT_NE(entry.last_error.find("another client"), std::string::npos);
    EXPECT_NE(entry.queued_ns, 0);
  }

  TickingClock clock_;
  std::unique_ptr<TemporaryDirectory> directory_;
  std::unique_ptr<Rig> rig_;
};

INSTANTIATE_TEST_SUITE_P(Each, OtherWriter, ::testing::Values(Kind::kObjects, Kind::kDirectory),
                         NameOf);

TEST_P(OtherWriter, AnAppendToAReplacedFileIsAConflict) {
  for (const std::string theirs : {"theirs, and longer", "t", "base"}) {
    SCOPED_TRACE(theirs);
    Begin({{"f", "base"}});
    rig().Append("f", "+1");
    Replace("f", theirs);
    rig().Drain();
    ExpectConflict("f");
    EXPECT_EQ(rig().Stored(), (Tree{{"f", theirs}}));
    EXPECT_EQ(Totals().gave_way, 1u);
  }
}

TEST_P(OtherWriter, AnAppendToARemovedFileIsAConflict) {
  Begin({{"f", "base"}});
  rig().Append("f", "+1");
  Delete("f");
  rig().Drain();
  ExpectConflict("f");
  EXPECT_EQ(rig().Stored(), Tree{});
}

TEST_P(OtherWriter, AnAppendToWhatBecameADirectoryIsAConflict) {
  Begin({{"f", "base"}});
  rig().Append("f", "+1");
  MakeDirectoryOf("f");
  rig().Drain();
  ExpectConflict("f");
  EXPECT_EQ(rig().Stored(), (Tree{{"f/", ""}, {"f/x", "X"}}));
}

// All bytes are here, but they are made from a version that is gone.
TEST_P(OtherWriter, AnAppendThatIsWholeHereGivesWayToo) {
  Begin({{"f", "base"}});
  rig().Append("f", "+1");
  rig().Fetch("f");
  Replace("f", "theirs");
  rig().Drain();
  ExpectConflict("f");
  EXPECT_EQ(rig().Stored(), (Tree{{"f", "theirs"}}));
  EXPECT_EQ(rig().Names(), (Tree{{"f", "base+1"}})) << "it stays readable here";
}

TEST_P(OtherWriter, AVersionMadeFromNothingWins) {
  Begin({{"f", "base"}});
  rig().Put("f", "mine");
  Replace("f", "theirs");
  rig().ExpectAtEnd({{"f", "mine"}});
  EXPECT_EQ(Totals().replaced, 1u);
}

TEST_P(OtherWriter, ANewFileMeetsOneThatWasMadeMeanwhile) {
  Begin({});
  rig().Put("f", "mine");
  Replace("f", "theirs");
  rig().ExpectAtEnd({{"f", "mine"}});
  EXPECT_EQ(Totals().replaced, 1u);
}

TEST_P(OtherWriter, AnUndisturbedFileCountsNothing) {
  Begin({{"f", "base"}});
  rig().Append("f", "+1");
  rig().ExpectAtEnd({{"f", "base+1"}});
  rig().Put("f", "2");
  rig().ExpectAtEnd({{"f", "2"}});
  EXPECT_EQ(Totals().replaced, 0u);
  EXPECT_EQ(Totals().gave_way, 0u);
}

TEST_P(OtherWriter, RemovingAConflictLeavesTheirs) {
  Begin({{"f", "base"}});
  rig().Append("f", "+1");
  Replace("f", "theirs");
  rig().Drain();
  rig().Remove("f");
  EXPECT_EQ(rig().AttrOf("f").size_bytes, 6u) << "at once: a create would replace them";
  rig().ExpectAtEnd({{"f", "theirs"}});
}

TEST_P(OtherWriter, TakingTheirsShowsThem) {
  Begin({{"f", "base"}});
  rig().Append("f", "+1");
  Replace("f", "theirs");
  rig().Drain();
  const InodeId ours = rig().Find("f");
  ASSERT_TRUE(Resolve("f", role::Take::kTheirs).ok());
  EXPECT_EQ(rig().Names(), (Tree{{"f", "theirs"}}));
  EXPECT_NE(rig().Find("f"), ours);
  EXPECT_EQ(Totals().conflicts, 0u);
  ASSERT_TRUE(rig().ns().GetFiles().Forget(ours).ok());
  rig().ExpectAtEnd({{"f", "theirs"}});
}

TEST_P(OtherWriter, TakingOursReplacesTheirs) {
  Begin({{"f", "base"}});
  rig().Put("f", "1");
  rig().Drain();
  rig().Append("f", "+2");
  rig().Fetch("f");
  Replace("f", "theirs");
  rig().Drain();
  ExpectConflict("f");
  ASSERT_TRUE(Resolve("f", role::Take::kOurs).ok());
  rig().ExpectAtEnd({{"f", "1+2"}});
  EXPECT_EQ(Totals().replaced, 1u);
  EXPECT_EQ(Resolve("f", role::Take::kOurs).code(), Code::kInvalid);
}

TEST_P(OtherWriter, AConflictWrittenFromNothingWins) {
  Begin({{"f", "base"}});
  rig().Append("f", "+1");
  Replace("f", "theirs");
  rig().Drain();
  rig().Put("f", "whole");
  rig().ExpectAtEnd({{"f", "whole"}});
}

TEST_P(OtherWriter, ARenameTakesAConflictAlong) {
  Begin({{"f", "base"}});
  rig().Append("f", "+1");
  Replace("f", "theirs");
  rig().Drain();
  rig().Move("f", "g");
  ExpectConflict("g");
  EXPECT_EQ(rig().AttrOf("f").size_bytes, 6u) << "theirs is seen under its name at once";
  EXPECT_EQ(rig().Stored(), (Tree{{"f", "theirs"}}));
}

TEST_P(OtherWriter, AConflictOutlivesARestart) {
  Begin({{"f", "base"}});
  rig().Append("f", "+1");
  Replace("f", "theirs");
  rig().Drain();
  rig().Restart();
  rig().Drain();
  ExpectConflict("f");
  ASSERT_TRUE(rig().ns().GetPersistQueue().RetryNow(std::nullopt).ok());
  rig().Drain();
  ExpectConflict("f");
}

TEST_P(OtherWriter, ADeleteSparesWhatWasMadeSince) {
  Begin({{"f", "old"}});
  rig().Remove("f");
  Replace("f", "theirs");
  rig().Drain();
  EXPECT_EQ(rig().Stored(), (Tree{{"f", "theirs"}}));
}

// A renamed file whose bytes are all here stays the same file.
TEST_P(OtherWriter, AFileThatIsHereIsUploadedWhereItWasMovedTo) {
  Begin({});
  rig().Put("f", "mine");
  rig().Drain();
  rig().Keep("f", "mine");
  rig().Move("f", "g");
  Replace("f", "theirs");
  rig().Drain();
  EXPECT_EQ(rig().Stored(), (Tree{{"f", "theirs"}, {"g", "mine"}}));
  EXPECT_EQ(StateOf("g"), PersistState::kPersisted);
}

TEST_P(OtherWriter, AMovedFileWhoseObjectIsGoneIsGone) {
  Begin({{"f", "base"}});
  rig().Find("f");
  rig().Move("f", "g");
  Delete("f");
  rig().Drain();
  EXPECT_FALSE(rig().Has("g"));
  EXPECT_EQ(rig().Stored(), Tree{});
}

TEST_P(OtherWriter, AMoveReplacesWhatWasMadeAtItsTarget) {
  Begin({{"f", "mine"}});
  rig().Move("f", "g");
  Replace("g", "theirs");
  rig().ExpectAtEnd({{"g", "mine"}});
  EXPECT_EQ(Totals().replaced, 1u);
}

// The answer of an upload is lost, and another client replaces its object.
TEST_P(OtherWriter, AnUploadWithoutAnswerIsKnownByItsAttempt) {
  for (const bool disturbed : {false, true}) {
    SCOPED_TRACE(disturbed);
    Begin({{"f", "base"}});
    rig().Append("f", "+1");
    rig().FailAt(1, Status(Code::kMaybeCommitted, "answer lost"), Rig::Effect::kDone);
    rig().OneStep();
    ASSERT_TRUE(rig().Failed());
    rig().Append("f", "+2");
    if (disturbed) Replace("f", "theirs");
    rig().Drain();
    if (disturbed) {
      ExpectConflict("f");
      EXPECT_EQ(rig().Stored(), (Tree{{"f", "theirs"}}));
    } else {
      rig().ExpectAtEnd({{"f", "base+1+2"}});
      EXPECT_EQ(Totals().replaced, 0u);
      EXPECT_EQ(Totals().gave_way, 0u);
    }
  }
}

TEST_P(OtherWriter, ANameOfALinkedFileFollowsItsObject) {
  Begin({{"f", "base"}});
  rig().Link("f", "g");
  rig().Drain();
  const InodeId linked = rig().Find("f");
  for (const std::string name : {"f", "g"}) {
    SCOPED_TRACE(name);
    Replace(name, "theirs");
    ASSERT_TRUE(rig().Revalidate("").ok());
    EXPECT_EQ(rig().AttrOf(name).size_bytes, 6u);
    EXPECT_EQ(rig().AttrOf(name).nlink, 1u);
  }
  ASSERT_TRUE(rig().ns().GetFiles().Forget(linked).ok());
  rig().ExpectAtEnd({{"f", "theirs"}, {"g", "theirs"}});
}

TEST_P(OtherWriter, ANameOfALinkedFileVanishesWithItsObject) {
  Begin({{"f", "base"}});
  rig().Link("f", "g");
  rig().Drain();
  Delete("f");
  ASSERT_TRUE(rig().Revalidate("").ok());
  EXPECT_FALSE(rig().Has("f"));
  rig().ExpectAtEnd({{"g", "base"}});
}

TEST_P(OtherWriter, UnlinkOfALinkedNameSparesANewFile) {
  Begin({{"f", "base"}});
  rig().Link("f", "g");
  rig().Drain();
  rig().Remove("f");
  Replace("f", "theirs");
  rig().Drain();
  EXPECT_EQ(rig().Stored(), (Tree{{"f", "theirs"}, {"g", "base"}}));
}

TEST_P(OtherWriter, RenameOfALinkedNameSparesItsOtherName) {
  Begin({{"f", "base"}});
  rig().Link("f", "g");
  rig().Drain();
  rig().Move("f", "h");
  Replace("f", "theirs");
  rig().Drain();
  EXPECT_EQ(rig().Stored(), (Tree{{"f", "theirs"}, {"g", "base"}, {"h", "base"}}));
}

TEST_P(OtherWriter, ALinkOfAReplacedFileIsNoLinkOfTheirs) {
  Begin({{"f", "base"}});
  rig().Link("f", "g");
  Replace("f", "theirs");
  rig().Drain();
  ASSERT_TRUE(rig().Revalidate("").ok());
  EXPECT_EQ(rig().AttrOf("f").size_bytes, 6u);
  EXPECT_EQ(StateOf("g"), PersistState::kLost) << "its bytes were in f alone";
  EXPECT_EQ(Totals().conflicts, 1u) << "it is listed until it is removed";
  rig().Remove("g");
  EXPECT_EQ(Totals().conflicts, 0u);
  EXPECT_EQ(rig().Stored(), (Tree{{"f", "theirs"}}));
}

// Attributes, which only a local directory stores.
class OtherWriterOfAttributes : public ::testing::Test {
 protected:
  void Replace(const std::string& bytes) { PutOutside(rig_.ufs(), "f", bytes); }
  // Forgets the file made here, which has no name any more.
  void Forget(InodeId ino) { ASSERT_TRUE(rig_.ns().GetFiles().Forget(ino).ok()); }
  uint32_t ModeThere() { return rig_.ufs().Stat("f", {})->mode; }

  TemporaryDirectory directory_;
  Rig rig_{*ufs::OpenLocalUfs(directory_.path(), SystemClock()), {{"f", "base"}}, Pace::kNothing};
};

TEST_F(OtherWriterOfAttributes, AModeIsNotSetOnAnotherFile) {
  rig_.Chmod("f", 0604);
  Replace("theirs");
  const uint32_t before = ModeThere();
  const InodeId ours = rig_.Find("f");
  rig_.Drain();
  EXPECT_EQ(ModeThere(), before);
  Forget(ours);
  rig_.ExpectAtEnd({{"f", "theirs"}});
  EXPECT_EQ(rig_.AttrOf("f").mode, before);
  EXPECT_EQ(rig_.ns().GetPersistQueue().Totals()->gave_way, 1u);
}

TEST_F(OtherWriterOfAttributes, TimesAreNotSetOnAnotherFile) {
  rig_.SetTime("f", 1'000'000'000);
  Replace("theirs");
  const InodeId ours = rig_.Find("f");
  rig_.Drain();
  Forget(ours);
  rig_.ExpectAtEnd({{"f", "theirs"}});
  EXPECT_NE(rig_.AttrOf("f").mtime_ns, 1'000'000'000);
}

TEST_F(OtherWriterOfAttributes, AnotherModeThereIsNoConflict) {
  rig_.Append("f", "+1");
  ufs::AttributeChange change;
  change.mode = 0600;
  ASSERT_TRUE(rig_.ufs().Attributes()->SetAttributes("f", change, {}).ok());
  rig_.ExpectAtEnd({{"f", "base+1"}});
}

// Links made here are one file: setting the time of the first name sets it for all.
TEST_F(OtherWriterOfAttributes, ALinkIsKnownAfterItsTimeWasSet) {
  rig_.Link("f", "g");
  rig_.Drain();
  rig_.SetTime("f", 1'000'000'000);
  rig_.Drain();
  rig_.Remove("g");
  rig_.ExpectAtEnd({{"f", "base"}});
}

}  // namespace
}  // namespace tarn::meta
