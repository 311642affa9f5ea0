// The part of the contract suite (ufs/testing/ufs_contract.h) about preconditions, and about
// changes under them (ufs/expectation.h).

#include "ufs/expectation.h"
#include "ufs/testing/ufs_contract.h"

namespace tarn::ufs {
namespace {

Precondition IsVersionOf(const std::string& version) {
  return {Precondition::Kind::kEtag, version};
}

MoveOptions Onto(const ObjectInfo& source, const Precondition& target) {
  MoveOptions options(IsVersionOf(source.etag));
  options.target = target;
  return options;
}

CallOptions AnyCall() { return {}; }

}  // namespace

TEST_P(UfsContract, MoveReplacesOnlyTheTargetThatItExpects) {
  const ObjectInfo from = Put("from", "new");
  const ObjectInfo to = Put("to", "old");
  EXPECT_EQ(ufs().Move("from", "to", Onto(from, Absent()), {}).code(), Code::kStale);
  EXPECT_EQ(ufs().Move("from", "to", Onto(from, Is(from)), {}).code(), Code::kStale);
  EXPECT_EQ(ufs().Move("from", "absent", Onto(from, Is(to)), {}).code(), Code::kStale);
  EXPECT_EQ(Get("from"), "new");
  EXPECT_EQ(Get("to"), "old");
  const Result<ObjectInfo> moved = ufs().Move("from", "to", Onto(from, Is(to)), {});
  ASSERT_TRUE(moved.ok()) << moved.status().ToString();
  EXPECT_EQ(Get("to", moved->etag), "new");
  EXPECT_EQ(ListAll(""), ufs().Traits().atomic_rename ? Names{"to"} : (Names{"from", "to"}));
}

TEST_P(UfsContract, MoveAddsMetadata) {
  if (!ufs().Traits().object_metadata) GTEST_SKIP() << "the store keeps none";
  CreateOptions create;
  create.size_bytes = 1;
  create.metadata = {{"kept", "1"}, {"tarn-attempt", "old"}};
  auto upload = ufs().Create("from", create, {});
  ASSERT_TRUE(upload.ok() && (*upload)->WritePart(0, BytesOf("x"), {}).ok());
  ASSERT_TRUE((*upload)->Commit({}).ok());
  MoveOptions options;
  options.metadata = {{"tarn-attempt", "new"}};
  ASSERT_TRUE(ufs().Move("from", "to", options, {}).ok());
  const ObjectInfo moved = ufs().Stat("to", {}).value();
  EXPECT_EQ(moved.metadata.at("tarn-attempt"), "new");
  EXPECT_EQ(moved.metadata.at("kept"), "1");
  EXPECT_EQ(Get("to"), "x");
}

TEST_P(UfsAttributesContract, AnIdentityOutlivesAttributesAndNames) {
  const ObjectInfo before = Put("f", "one");
  AttributeChange change;
  change.mode = 0600;
  ASSERT_TRUE(Change("f", change).ok());
  EXPECT_EQ(Get("f", before.etag), "kStale");
  EXPECT_EQ(Get("f", before.identity), "one");
  EXPECT_EQ(Get("f", before.file), "one");
  EXPECT_EQ(TryPut("f", "two", Is(before)).code(), Code::kStale);
  ASSERT_TRUE(ufs().Move("f", "g", IsVersionOf(before.identity), {}).ok());
  EXPECT_EQ(TryPut("g", "two", IsVersionOf(before.identity)).code(), Code::kOk);
  EXPECT_EQ(Remove("g", IsVersionOf(before.file)), Code::kStale);
  EXPECT_EQ(Get("g"), "two");
  EXPECT_TRUE(UploadsPending().empty());
}

TEST_P(UfsAttributesContract, AttributesAreSetOnTheVersionExpectedAlone) {
  const ObjectInfo before = Put("f", "one");
  Put("f", "other");
  AttributeChange change;
  change.mode = 0604;
  change.times = Timestamps{1, 2};
  change.precondition = IsVersionOf(before.identity);
  EXPECT_EQ(Change("f", change).code(), Code::kStale);
  const ObjectInfo there = ufs().Stat("f", {}).value();
  EXPECT_NE(there.mode, 0604u);
  EXPECT_NE(there.mtime_ns, 2);
  change.precondition = IsVersionOf(there.identity);
  const ObjectInfo changed = Change("f", change).value();
  EXPECT_EQ(changed.mtime_ns, 2);
  EXPECT_TRUE(IsRetimed(changed, there.identity, 2));
  EXPECT_FALSE(IsRetimed(changed, before.identity, 2));
}

TEST_P(UfsAttributesContract, LinksAndSymlinksReplaceOnlyWhatTheyExpect) {
  const ObjectInfo f = Put("f", "one");
  const ObjectInfo g = Put("g", "other");
  EXPECT_EQ(attributes().Link("f", "g", Onto(f, Absent()), {}).code(), Code::kStale);
  EXPECT_EQ(attributes().Link("f", "h", Onto(g, Absent()), {}).code(), Code::kStale);
  AttributeChange absent;
  absent.precondition = Absent();
  EXPECT_EQ(attributes().MakeSymlink("g", "x", absent, {}).code(), Code::kStale);
  EXPECT_EQ(Get("g"), "other");
  EXPECT_EQ(attributes().Link("f", "g", Onto(f, Is(g)), {}).value().file, f.file);
  EXPECT_EQ(Get("g"), "one");
  EXPECT_EQ(ListAll(""), (Names{"f", "g"}));
}

TEST_P(UfsAttributesContract, AnObjectHasItsAttributesWhenItIsSeen) {
  CreateOptions create;
  create.size_bytes = 1;
  create.exactly.emplace();
  create.exactly->mode = 0640;
  create.exactly->times = Timestamps{5, 7};
  create.exactly->xattrs = {{{"user.a", "b"}}};
  auto upload = ufs().Create("f", create, {});
  ASSERT_TRUE(upload.ok() && (*upload)->WritePart(0, BytesOf("x"), {}).ok());
  const ObjectInfo made = (*upload)->Commit({}).value();
  const ObjectInfo seen = ufs().Stat("f", {}).value();
  EXPECT_EQ(made.etag, seen.etag);
  EXPECT_EQ(seen.mode, 0640u);
  EXPECT_EQ(seen.mtime_ns, 7);
  EXPECT_TRUE(IsMadeBy(ufs(), seen, {"", 1, 7, ""}, ""));
  EXPECT_FALSE(IsMadeBy(ufs(), seen, {"", 2, 7, ""}, ""));
}

TEST_P(UfsContract, AnUploadIsKnownByItsFile) {
  if (ufs().Traits().object_metadata || !ufs().Traits().attributes) {
    GTEST_SKIP() << "the store keeps ids, or nothing marks an object";
  }
  const ObjectInfo base = Put("f", "old");
  CreateOptions create;
  create.size_bytes = 3;
  create.exactly.emplace();
  create.exactly->times = Timestamps{7, 7};
  auto upload = ufs().Create("f", create, {}).value();
  ASSERT_TRUE(upload->WritePart(0, BytesOf("new"), {}).ok());
  const AttemptMark noted{"", 3, 7, upload->File()};
  ASSERT_FALSE(noted.file.empty());
  ASSERT_TRUE(upload->Commit({}).ok());
  ObjectInfo seen = ufs().Stat("f", {}).value();
  EXPECT_EQ(seen.file, noted.file);
  EXPECT_TRUE(IsMadeBy(ufs(), seen, noted, base.etag));
  // The other file has the size and time of the attempt.
  EXPECT_FALSE(IsMadeBy(ufs(), seen, {"", 3, 7, base.file}, ""));
  EXPECT_FALSE(IsMadeBy(ufs(), seen, {"", 3, 7, AttemptMark::kNoFile}, base.etag));
  EXPECT_TRUE(IsMadeBy(ufs(), seen, {"", 3, 7, ""}, base.etag)) << "it is not known which";
  for (const std::string& version : {seen.etag, seen.identity, seen.file}) {
    EXPECT_FALSE(IsMadeBy(ufs(), seen, {"", 3, 7, ""}, version)) << "it was there before";
  }
}

// --- Expectations.

TEST_P(UfsContract, AChangeFindsWhatItExpected) {
  const ObjectInfo before = Put("f", "one");
  Expectation expected;
  expected.version = before.etag;
  const Change put = [&](const Precondition& target) { return TryPut("f", "two", target); };
  const Attempted made = ChangeAsExpected(ufs(), "f", expected, put, AnyCall);
  EXPECT_TRUE(made.made.ok());
  EXPECT_FALSE(made.replaced);
  EXPECT_EQ(Get("f"), "two");
}

TEST_P(UfsContract, AChangeGivesWayToAnotherVersion) {
  Expectation expected;
  expected.version = Put("f", "one").etag;
  const ObjectInfo theirs = Put("f", "theirs");
  const Change put = [&](const Precondition& target) { return TryPut("f", "two", target); };
  Attempted made = ChangeAsExpected(ufs(), "f", expected, put, AnyCall);
  EXPECT_EQ(made.made.code(), Code::kStale);
  EXPECT_TRUE(made.yielded);
  EXPECT_EQ(made.theirs->etag, theirs.etag);
  EXPECT_EQ(Get("f"), "theirs");
  ASSERT_EQ(Remove("f"), Code::kOk);
  made = ChangeAsExpected(ufs(), "f", expected, put, AnyCall);
  EXPECT_TRUE(made.yielded) << "it was removed";
  EXPECT_FALSE(made.theirs);
  EXPECT_EQ(Get("f"), "kNotFound");
}

TEST_P(UfsContract, AChangeThatWinsSaysWhatItReplaced) {
  const ObjectInfo theirs = Put("f", "theirs");
  Expectation expected;
  expected.against = Expectation::Against::kWins;
  const Change put = [&](const Precondition& target) { return TryPut("f", "two", target); };
  const Attempted made = ChangeAsExpected(ufs(), "f", expected, put, AnyCall);
  ASSERT_TRUE(made.made.ok());
  EXPECT_EQ(made.replaced->etag, theirs.etag);
  EXPECT_EQ(Get("f"), "two");
}

TEST_P(UfsContract, AChangeWhoseAnswerIsLostIsKnownByItsMark) {
  const bool by_id = ufs().Traits().object_metadata;
  if (!by_id && !ufs().Traits().attributes) GTEST_SKIP() << "nothing marks an object";
  Expectation expected;
  expected.own = AttemptMark{"u1", 3, 7, ""};
  int calls = 0;
  const Change put = [&](const Precondition& target) -> Result<ObjectInfo> {
    ++calls;
    CreateOptions create;
    create.size_bytes = 3;
    create.precondition = target;
    create.metadata[kAttemptName] = "u1";
    create.exactly.emplace();
    create.exactly->times = Timestamps{7, 7};
    ASSIGN_OR_RETURN(auto upload, ufs().Create("f", create, {}));
    RETURN_IF_ERROR(upload->WritePart(0, BytesOf("two"), {}));
    RETURN_IF_ERROR(upload->Commit({}).status());
    return Status(Code::kMaybeCommitted, "answer lost");
  };
  const Attempted made = ChangeAsExpected(ufs(), "f", expected, put, AnyCall);
  EXPECT_TRUE(made.made.ok());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(made.made->etag, ufs().Stat("f", {}).value().etag);
  EXPECT_EQ(DeleteAsExpected(ufs(), "f", {}, AnyCall).code(), Code::kStale) << "not known";
  Expectation marked;
  marked.marks.push_back(*expected.own);
  EXPECT_TRUE(DeleteAsExpected(ufs(), "f", marked, AnyCall).ok());
  EXPECT_TRUE(DeleteAsExpected(ufs(), "f", marked, AnyCall).ok()) << "absent is OK";
  EXPECT_EQ(Get("f"), "kNotFound");
}

}  // namespace tarn::ufs
