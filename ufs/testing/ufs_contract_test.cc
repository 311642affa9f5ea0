// The part of the contract suite (ufs/testing/ufs_contract.h) about objects.

#include "ufs/testing/ufs_contract.h"

#include <algorithm>
#include <atomic>
#include <stop_token>
#include <thread>

#include "base/testing/temporary_directory.h"
#include "ufs/faults.h"
#include "ufs/late_ufs.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::ufs {
namespace {

class MemoryFixture final : public UfsFixture {
 public:
  UnderFileSystem& ufs() override { return *ufs_; }

 private:
  const std::unique_ptr<UnderFileSystem> ufs_ = NewMemoryUfs(SystemClock());
};

class MarkersFixture final : public UfsFixture {
 public:
  UnderFileSystem& ufs() override { return *ufs_; }

 private:
  const std::unique_ptr<UnderFileSystem> ufs_ = NewMemoryUfs(SystemClock(), Markers::kWritten);
};

class LocalFixture final : public UfsFixture {
 public:
  UnderFileSystem& ufs() override { return *ufs_; }

 private:
  const TemporaryDirectory directory_;
  const std::unique_ptr<UnderFileSystem> ufs_ =
      OpenLocalUfs(directory_.path(), SystemClock()).value();
};

// Without faults a FaultyUfs behaves as the store below.
template <typename Below>
class FaultyFixture final : public UfsFixture {
 public:
  UnderFileSystem& ufs() override { return *faulty_.ufs; }

 private:
  Below below_;
  const FaultyUfs faulty_ = NewFaultyUfs(below_.ufs(), SystemClock());
};

// A LateUfs behaves as its source once that is connected.
std::unique_ptr<LateUfs> Connected(std::unique_ptr<UnderFileSystem> source) {
  std::unique_ptr<LateUfs> late = NewLateUfs(source->Traits());
  late->Connect(std::move(source));
  return late;
}

class LateMemoryFixture final : public UfsFixture {
 public:
  UnderFileSystem& ufs() override { return *ufs_; }

 private:
  const std::unique_ptr<LateUfs> ufs_ = Connected(NewMemoryUfs(SystemClock()));
};

class LateLocalFixture final : public UfsFixture {
 public:
  UnderFileSystem& ufs() override { return *ufs_; }

 private:
  const TemporaryDirectory directory_;
  const std::unique_ptr<LateUfs> ufs_ =
      Connected(OpenLocalUfs(directory_.path(), SystemClock()).value());
};

template <typename T>
std::unique_ptr<UfsFixture> Make() {
  return std::make_unique<T>();
}

const UfsUnderTest kMemory = {"Memory", Make<MemoryFixture>};
const UfsUnderTest kMarkers = {"MemoryWithMarkers", Make<MarkersFixture>};
const UfsUnderTest kLocal = {"Local", Make<LocalFixture>};
const UfsUnderTest kFaultyMemory = {"FaultyMemory", Make<FaultyFixture<MemoryFixture>>};
const UfsUnderTest kFaultyLocal = {"FaultyLocal", Make<FaultyFixture<LocalFixture>>};

const UfsUnderTest kLateMemory = {"LateMemory", Make<LateMemoryFixture>};
const UfsUnderTest kLateLocal = {"LateLocal", Make<LateLocalFixture>};

}  // namespace

INSTANTIATE_TEST_SUITE_P(Stores, UfsContract,
                         testing::Values(kMemory, kMarkers, kLocal, kFaultyMemory, kFaultyLocal,
                                         kLateMemory, kLateLocal),
                         UfsName());
INSTANTIATE_TEST_SUITE_P(Stores, UfsAttributesContract,
                         testing::Values(kLocal, kFaultyLocal, kLateLocal), UfsName());

TEST_P(UfsContract, AttributesAreThereIfTraitsSaySo) {
  EXPECT_EQ(ufs().Attributes() != nullptr, ufs().Traits().attributes);
}

TEST_P(UfsContract, WhatWasPutIsRead) {
  const ObjectInfo put = Put("d/f", "hello");
  EXPECT_EQ(put.key, "d/f");
  EXPECT_EQ(put.type, ObjectType::kFile);
  EXPECT_EQ(put.size_bytes, 5u);
  EXPECT_NE(put.etag, "");
  EXPECT_GT(put.mtime_ns, 0);
  const ObjectInfo stat = ufs().Stat("d/f", {}).value();
  EXPECT_EQ(stat.etag, put.etag);
  EXPECT_EQ(stat.size_bytes, 5u);
  EXPECT_EQ(stat.mtime_ns, put.mtime_ns);
  EXPECT_EQ(Get("d/f", put.etag), "hello");
}

TEST_P(UfsContract, TheRootIsADirectoryFromTheStart) {
  const ObjectInfo root = ufs().Stat("", {}).value();
  EXPECT_EQ(root.type, ObjectType::kDirectory);
  EXPECT_EQ(root.etag, "");
  EXPECT_EQ(ListAll(""), Names());
  EXPECT_EQ(Get(""), "kIsDirectory");
}

TEST_P(UfsContract, AbsentKeysAreNotFound) {
  EXPECT_EQ(ufs().Stat("a", {}).code(), Code::kNotFound);
  EXPECT_EQ(ufs().Stat("a/b", {}).code(), Code::kNotFound);
  EXPECT_EQ(Get("a"), "kNotFound");
  EXPECT_EQ(ufs().Move("a", "b", {}, {}).code(), Code::kNotFound);
  EXPECT_EQ(Remove("a"), Code::kOk);
  EXPECT_EQ(Remove("a/b"), Code::kOk);
}

TEST_P(UfsContract, WhatIsNoKeyIsRefused) {
  const Names bad = {"/a", "a/", "a//b", ".", "a/../b", std::string("a\0b", 3)};
  for (const std::string& key : bad) {
    EXPECT_EQ(ufs().Stat(key, {}).code(), Code::kInvalid) << key;
    EXPECT_EQ(ufs().List(key, {}, {}).code(), Code::kInvalid) << key;
    EXPECT_EQ(Get(key), "kInvalid") << key;
    EXPECT_EQ(TryPut(key, "x").code(), Code::kInvalid) << key;
    EXPECT_EQ(Remove(key), Code::kInvalid) << key;
    EXPECT_EQ(ufs().Move(key, "b", {}, {}).code(), Code::kInvalid) << key;
  }
  EXPECT_EQ(TryPut("", "x").code(), Code::kIsDirectory);
}

TEST_P(UfsContract, ReadsAreShortOnlyAtTheEnd) {
  Put("f", "0123456789");
  EXPECT_EQ(Get("f", "", 0, 4), "0123");
  EXPECT_EQ(Get("f", "", 3, 4), "3456");
  EXPECT_EQ(Get("f", "", 8, 4), "89");
  EXPECT_EQ(Get("f", "", 10, 4), "");
  EXPECT_EQ(Get("f", "", 1000, 4), "");
  EXPECT_EQ(Get("f", "", 0, 0), "");
}

TEST_P(UfsContract, PiecesComeInOrderAndAreShortOnlyAtTheEnd) {
  const ObjectInfo info = Put("f", "0123456789");
  EXPECT_EQ(Pieces("f", info.etag, {0, 10}), (Names{"012", "345", "678", "9"}));
  EXPECT_EQ(Pieces("f", info.etag, {4, 3}), Names{"456"});
  EXPECT_EQ(Pieces("f", "", {1, 5}), (Names{"123", "45"}));
  EXPECT_EQ(Pieces("f", "", {5, 100}), (Names{"567", "89"}));
  EXPECT_EQ(Pieces("f", "", {0, 10}, 100), Names{"0123456789"});
  EXPECT_EQ(Pieces("f", "", {10, 4}), Names{});
  EXPECT_EQ(Pieces("f", "", {0, 0}), Names{});
  Put("f", "other");
  EXPECT_EQ(Pieces("f", info.etag, {0, 10}), Names{"kStale"});
  EXPECT_EQ(Pieces("gone", "", {0, 10}), Names{"kNotFound"});
}

TEST_P(UfsContract, TheTakerOfPiecesMayEndTheRead) {
  Put("f", "0123456789");
  std::vector<std::byte> piece(3);
  int taken = 0;
  const auto take = [&](std::span<const std::byte>) {
    return ++taken == 2 ? Status(Code::kNoSpace, "full") : OkStatus();
  };
  EXPECT_EQ(ufs().ReadPieces("f", "", {0, 10}, piece, take, {}).code(), Code::kNoSpace);
  EXPECT_EQ(taken, 2);
}

TEST_P(UfsContract, EmptyObjectsAreObjects) {
  EXPECT_EQ(Put("empty", "").size_bytes, 0u);
  EXPECT_EQ(Get("empty"), "");
  EXPECT_EQ(ListAll(""), Names{"empty"});
}

TEST_P(UfsContract, ReadOfAReplacedObjectIsStale) {
  const ObjectInfo before = Put("f", "one");
  const ObjectInfo after = Put("f", "two");
  EXPECT_NE(before.etag, after.etag);
  EXPECT_EQ(Get("f", before.etag), "kStale");
  EXPECT_EQ(Get("f", after.etag), "two");
  EXPECT_EQ(Get("f"), "two");
  EXPECT_EQ(ufs().Read("f", before.etag, 0, {}, {}).code(), Code::kStale);
}

TEST_P(UfsContract, NothingIsVisibleBeforeCommit) {
  Put("f", "old");
  auto upload = Start("f", 3).value();
  auto fresh = Start("g", 3).value();
  ASSERT_TRUE(upload->WritePart(0, BytesOf("new"), {}).ok());
  ASSERT_TRUE(fresh->WritePart(0, BytesOf("new"), {}).ok());
  EXPECT_EQ(Get("f"), "old");
  EXPECT_EQ(Get("g"), "kNotFound");
  EXPECT_EQ(ListAll(""), Names{"f"});
  ASSERT_TRUE(upload->Commit({}).ok());
  ASSERT_TRUE(fresh->Commit({}).ok());
  EXPECT_EQ(Get("f"), "new");
  EXPECT_EQ(ListAll(""), (Names{"f", "g"}));
}

TEST_P(UfsContract, PartsComeInAnyOrderAndReplaceEachOther) {
  auto upload = Start("f", 9).value();
  EXPECT_TRUE(upload->WritePart(6, BytesOf("ghi"), {}).ok());
  EXPECT_TRUE(upload->WritePart(0, BytesOf("xxx"), {}).ok());
  EXPECT_TRUE(upload->WritePart(3, BytesOf("def"), {}).ok());
  EXPECT_TRUE(upload->WritePart(0, BytesOf("abc"), {}).ok());
  EXPECT_TRUE(upload->Commit({}).ok());
  EXPECT_EQ(Get("f"), "abcdefghi");
}

TEST_P(UfsContract, PartsAreWrittenInParallel) {
  constexpr size_t kPart = 10'000;
  constexpr size_t kParts = 16;
  auto upload = Start("f", kPart * kParts).value();
  std::string whole;
  for (size_t i = 0; i < kParts; ++i) whole += std::string(kPart, static_cast<char>('a' + i));
  std::atomic<size_t> next = 0;
  {
    std::vector<std::jthread> writers;
    for (int t = 0; t < 4; ++t) {
      writers.emplace_back([&] {
        for (size_t i = next++; i < kParts; i = next++) {
          const auto part = std::string_view(whole).substr(i * kPart, kPart);
          EXPECT_TRUE(upload->WritePart(i * kPart, BytesOf(part), {}).ok());
        }
      });
    }
  }
  ASSERT_TRUE(upload->Commit({}).ok());
  EXPECT_EQ(Get("f", "", 0, whole.size()), whole);
}

TEST_P(UfsContract, AnUploadWithAPartMissingIsNotCommitted) {
  auto upload = Start("f", 9).value();
  EXPECT_EQ(upload->WritePart(7, BytesOf("ghi"), {}).code(), Code::kInvalid);
  EXPECT_EQ(upload->WritePart(UINT64_MAX, BytesOf("ghi"), {}).code(), Code::kInvalid);
  EXPECT_TRUE(upload->WritePart(0, BytesOf("abc"), {}).ok());
  EXPECT_TRUE(upload->WritePart(6, BytesOf("ghi"), {}).ok());
  EXPECT_EQ(upload->Commit({}).code(), Code::kInvalid);
  EXPECT_EQ(Get("f"), "kNotFound");
  EXPECT_TRUE(upload->WritePart(3, BytesOf("def"), {}).ok());
  EXPECT_TRUE(upload->Commit({}).ok());
  EXPECT_EQ(Get("f"), "abcdefghi");
}

TEST_P(UfsContract, AbsentPreconditionNeverReplaces) {
  EXPECT_TRUE(TryPut("f", "one", Absent()).ok());
  EXPECT_EQ(TryPut("f", "two", Absent()).code(), Code::kStale);
  EXPECT_EQ(Get("f"), "one");
}

TEST_P(UfsContract, EtagPreconditionReplacesOnlyThatVersion) {
  const ObjectInfo one = Put("f", "one");
  EXPECT_TRUE(TryPut("f", "two", Is(one)).ok());
  EXPECT_EQ(TryPut("f", "three", Is(one)).code(), Code::kStale);
  EXPECT_EQ(Get("f"), "two");
  EXPECT_EQ(TryPut("g", "new", Is(one)).code(), Code::kStale);
  EXPECT_EQ(Get("g"), "kNotFound");
}

TEST_P(UfsContract, APreconditionIsLookedAtWhenCommitting) {
  auto upload = Start("f", 3, Absent()).value();
  ASSERT_TRUE(upload->WritePart(0, BytesOf("two"), {}).ok());
  Put("f", "one");
  EXPECT_EQ(upload->Commit({}).code(), Code::kStale);
  EXPECT_EQ(Get("f"), "one");
}

TEST_P(UfsContract, CommitsOnceOnly) {
  auto upload = Start("f", 3).value();
  ASSERT_TRUE(upload->WritePart(0, BytesOf("one"), {}).ok());
  EXPECT_TRUE(upload->Commit({}).ok());
  EXPECT_EQ(upload->Commit({}).code(), Code::kNotFound);
  EXPECT_TRUE(upload->Abort({}).ok());
  EXPECT_EQ(Get("f"), "one");
}

TEST_P(UfsContract, OneOfManyCreatorsWins) {
  std::atomic<int> won = 0;
  std::atomic<int> stale = 0;
  {
    std::vector<std::jthread> creators;
    for (int t = 0; t < 8; ++t) {
      creators.emplace_back([&, t] {
        const Code code = TryPut("f", Concat("by ", t), Absent()).code();
        if (code == Code::kOk) ++won;
        if (code == Code::kStale) ++stale;
      });
    }
  }
  EXPECT_EQ(won, 1);
  EXPECT_EQ(stale, 7);
  EXPECT_EQ(UploadsPending(), Names());
}

TEST_P(UfsContract, AnAbortedUploadLeavesNothing) {
  auto upload = Start("f", 3).value();
  ASSERT_TRUE(upload->WritePart(0, BytesOf("one"), {}).ok());
  EXPECT_TRUE(upload->Abort({}).ok());
  EXPECT_TRUE(upload->Abort({}).ok());
  EXPECT_EQ(upload->Commit({}).code(), Code::kNotFound);
  upload.reset();
  EXPECT_EQ(UploadsPending(), Names());
  EXPECT_EQ(ListAll(""), Names());
}

TEST_P(UfsContract, ADroppedUploadIsFoundAndAborted) {
  MakeParents("d/e/f");
  // So large that the store learns of the upload before the commit.
  const size_t part_bytes = std::max<size_t>(1, ufs().Traits().min_part_bytes);
  auto upload = Start("d/e/f", 3 * part_bytes).value();
  ASSERT_TRUE(upload->WritePart(part_bytes, BytesOf(std::string(part_bytes, 'x')), {}).ok());
  EXPECT_EQ(UploadsPending(), Names()) << "it is held";
  const std::string id = upload->UploadId();
  upload.reset();
  EXPECT_EQ(UploadsPending(), Names{id});
  const PendingUpload pending = ufs().ListUploads({}).value().at(0);
  EXPECT_GT(pending.started_ns, 0);
  EXPECT_TRUE(ufs().AbortUpload(pending, {}).ok());
  EXPECT_TRUE(ufs().AbortUpload(pending, {}).ok()) << "absent is OK";
  EXPECT_EQ(UploadsPending(), Names());
}

TEST_P(UfsContract, MetadataIsKeptWhereTraitsSaySo) {
  CreateOptions options;
  options.metadata = {{"attempt", "7"}};
  ASSERT_TRUE(ufs().Create("f", options, {}).value()->Commit({}).ok());
  const bool kept = ufs().Stat("f", {}).value().metadata == options.metadata;
  EXPECT_EQ(kept, ufs().Traits().object_metadata);
}

TEST_P(UfsContract, DeleteAnswersEachRequest) {
  const ObjectInfo a = Put("a", "1");
  Put("b", "1");
  const ObjectInfo c = Put("c", "1");
  Put("c", "2");
  using Requests = std::vector<DeleteRequest>;
  const Requests requests = {{"a", Is(a)}, {"absent", {}}, {"b", {}}, {"c", Is(c)}};
  const std::vector<Status> results = ufs().Delete(requests, {});
  ASSERT_EQ(results.size(), 4u);
  EXPECT_EQ(results[0].code(), Code::kOk);
  EXPECT_EQ(results[1].code(), Code::kOk);
  EXPECT_EQ(results[2].code(), Code::kOk);
  EXPECT_EQ(results[3].code(), Code::kStale);
  EXPECT_EQ(ListAll(""), Names{"c"});
}

TEST_P(UfsContract, MoveReplacesTheTarget) {
  MakeParents("d/to");
  const ObjectInfo from = Put("from", "new");
  Put("d/to", "old");
  const ObjectInfo moved = ufs().Move("from", "d/to", Is(from), {}).value();
  EXPECT_EQ(moved.key, "d/to");
  EXPECT_EQ(Get("d/to", moved.etag), "new");
  EXPECT_EQ(moved.identity, from.identity);
  EXPECT_EQ(Get("from"), ufs().Traits().atomic_rename ? "kNotFound" : "new");
}

TEST_P(UfsContract, MoveOfAnotherVersionIsStale) {
  const ObjectInfo before = Put("from", "one");
  Put("from", "two");
  EXPECT_EQ(ufs().Move("from", "to", Is(before), {}).code(), Code::kStale);
  EXPECT_EQ(Get("from"), "two");
  EXPECT_EQ(Get("to"), "kNotFound");
}

TEST_P(UfsContract, MoveToItselfKeepsTheObject) {
  Put("f", "one");
  EXPECT_TRUE(ufs().Move("f", "f", {}, {}).ok());
  EXPECT_EQ(Get("f"), "one");
}

TEST_P(UfsContract, SyncAndIdentityAnswer) {
  Put("f", "one");
  EXPECT_TRUE(ufs().Sync({}).ok());
  const std::string identity = ufs().SourceIdentity({}).value();
  EXPECT_NE(identity, "");
  EXPECT_EQ(ufs().SourceIdentity({}).value(), identity);
}

// Each call of the interface, with the code that it answers.
std::vector<std::pair<std::string, Code>> CallAll(UnderFileSystem& ufs, Upload& upload,
                                                  const CallOptions& call) {
  std::byte out{};
  const DeleteRequest request = {"f", {}};
  std::vector<std::pair<std::string, Code>> codes = {
      {"SourceIdentity", ufs.SourceIdentity(call).code()},
      {"Stat", ufs.Stat("f", call).code()},
      {"List", ufs.List("", {}, call).code()},
      {"Read", ufs.Read("f", "", 0, std::span(&out, 1), call).code()},
      {"Create", ufs.Create("g", {}, call).code()},
      {"ListUploads", ufs.ListUploads(call).code()},
      {"AbortUpload", ufs.AbortUpload({"", ".tarn-upload.0", 0}, call).code()},
      {"Move", ufs.Move("f", "g", {}, call).code()},
      {"Delete", ufs.Delete(std::span(&request, 1), call).at(0).code()},
      {"Sync", ufs.Sync(call).code()},
      {"WritePart", upload.WritePart(0, BytesOf("x"), call).code()},
      {"Commit", upload.Commit(call).code()},
      {"Abort", upload.Abort(call).code()}};
  if (AttributeStore* attributes = ufs.Attributes(); attributes != nullptr) {
    codes.emplace_back("MakeDirectory", attributes->MakeDirectory("d", 0755, call).code());
    codes.emplace_back("RemoveDirectory", attributes->RemoveDirectory("d", call).code());
    codes.emplace_back("MakeSymlink", attributes->MakeSymlink("f", "x", {}, call).code());
    codes.emplace_back("Link", attributes->Link("f", "g", {}, call).code());
    codes.emplace_back("SetAttributes", attributes->SetAttributes("f", {}, call).code());
    codes.emplace_back("Usage", attributes->Usage(call).code());
  }
  return codes;
}

TEST_P(UfsContract, NothingIsDonePastTheDeadline) {
  Put("f", "one");
  auto upload = Start("f", 1).value();
  CallOptions late;
  late.deadline = Deadline::After(SystemClock(), Nanos(0));
  for (const auto& [name, code] : CallAll(ufs(), *upload, late)) {
    EXPECT_EQ(code, Code::kDeadlineExceeded) << name;
  }
  EXPECT_EQ(Get("f"), "one");
  EXPECT_EQ(ListAll(""), Names{"f"});
}

TEST_P(UfsContract, NothingIsDoneWhenStopped) {
  Put("f", "one");
  auto upload = Start("f", 1).value();
  std::stop_source stop;
  stop.request_stop();
  CallOptions stopped;
  stopped.stop = stop.get_token();
  for (const auto& [name, code] : CallAll(ufs(), *upload, stopped)) {
    EXPECT_EQ(code, Code::kCancelled) << name;
  }
  EXPECT_EQ(Get("f"), "one");
  EXPECT_EQ(ListAll(""), Names{"f"});
}

}  // namespace tarn::ufs
