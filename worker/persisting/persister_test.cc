#include "worker/persister.h"

#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>

#include "ufs/faults.h"
#include "ufs/memory.h"
#include "worker/testing/fakes.h"

namespace tarn::worker {
namespace {

using cache::ContentState;
using cache::kPageBytes;
using cache::Syncing;
using cache::Truncate;
using role::Action;
using ufs::UfsFaults;

class PersisterTest : public testing::Test {
 protected:
  PersisterTest() : below_(ufs::NewMemoryUfs(SystemClock())) {
    ufs::FaultyUfs faulty = ufs::NewFaultyUfs(*below_, SystemClock());
    faults_ = faulty.faults;
    EXPECT_TRUE(mounts_.Add(kMount, std::move(faulty.ufs)).ok());
    filler_ = NewFiller(FillerOptions{.threads = 2}, *cache_, mounts_, SystemClock());
  }
  void Start(int threads = 2) {
    persister_ = NewPersister(PersisterOptions{.threads = threads}, queue_, *cache_, *filler_,
                              mounts_, SystemClock());
  }
  std::unique_ptr<cache::LiveFile> Stage(uint64_t ino, std::string_view text) {
    auto file = cache_->Stage(InodeId(ino));
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    EXPECT_TRUE((*file)->Write(0, Bytes(text)).ok());
    EXPECT_TRUE((*file)->Commit(Generation(1), Syncing::kSynced).ok());
    return std::move(*file);
  }
  void MakeDirty(uint64_t ino, std::string_view text) {
    auto file = Stage(ino, text);
    file->EndWriting();
    EXPECT_TRUE(file->Settle().ok());
  }
  static Action Upload(uint64_t ino, const std::string& key, uint64_t generation = 1) {
    Action action;
    action.kind = Action::Kind::kUpload;
    action.mount = kMount;
    action.ino = InodeId(ino);
    action.generation = Generation(generation);
    action.key = key;
    action.attempt = "attempt-" + key;
    return action;
  }
  ContentState State(uint64_t ino) { return cache_->Find(InodeId(ino))->state; }
  Status OnlyOutcome() {
    const auto settled = queue_.settled();
    EXPECT_EQ(settled.size(), 1u);
    return settled.empty() ? OkStatus() : settled[0].outcome.status;
  }
  // Puts an object into the store as the attempt makes it. Returns its ETag.
  std::string PutOfAttempt(const std::string& key, const std::string& bytes,
                           const std::string& attempt) {
    ufs::CreateOptions options;
    options.size_bytes = bytes.size();
    options.metadata["tarn-attempt"] = attempt;
    auto upload = below_->Create(key, options, {});
    EXPECT_TRUE(upload.ok() && (*upload)->WritePart(0, Bytes(bytes), {}).ok());
    const Result<ufs::ObjectInfo> made = (*upload)->Commit({});
    EXPECT_TRUE(made.ok());
    return made.ok() ? made->etag : "";
  }
  // The upload of a process that died after the attempt began.
  static Action UploadAgain(uint64_t ino, const std::string& key) {
    Action action = Upload(ino, key);
    action.attempt = "earlier";
    action.repeats = true;
    return action;
  }

  std::unique_ptr<ufs::UnderFileSystem> below_;
  UfsFaults* faults_ = nullptr;
  ufs::UfsMounts mounts_;
  std::unique_ptr<cache::CacheStore> cache_ = cache::NewMemoryCacheStore(128 << 20, SystemClock());
  std::unique_ptr<Filler> filler_;
  ScriptedQueue queue_;
  std::unique_ptr<Persister> persister_;
};

TEST_F(PersisterTest, UploadsWhatWasWrittenAndMakesItClean) {
  MakeDirty(5, "hello");
  queue_.Add(Upload(5, "a/b"));
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  persister_.reset();
  EXPECT_EQ(GetObject(*below_, "a/b"), "hello");
  EXPECT_EQ(below_->Stat("a/b", {})->metadata["tarn-attempt"], "attempt-a/b");
  EXPECT_EQ(queue_.settled()[0].outcome.etag, below_->Stat("a/b", {})->etag);
  EXPECT_EQ(State(5), ContentState::kClean);
}

TEST_F(PersisterTest, AnUploadThatHadArrivedBeforeACrashIsNotMadeAgain) {
  const std::string arrived = PutOfAttempt("arrived", "hello", "earlier");
  PutOfAttempt("another", "hello", "another's");
  uint64_t ino = 5;
  for (const std::string key : {"arrived", "another", "absent"}) {
    MakeDirty(ino, "hello");
    queue_.Add(UploadAgain(ino++, key));
  }
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  persister_.reset();
  EXPECT_EQ(below_->Stat("arrived", {})->etag, arrived);
  EXPECT_EQ(below_->Stat("arrived", {})->metadata["tarn-attempt"], "earlier");
  EXPECT_EQ(below_->Stat("another", {})->metadata["tarn-attempt"], "earlier");
  EXPECT_EQ(below_->Stat("absent", {})->metadata["tarn-attempt"], "earlier");
  for (uint64_t one = 5; one < 8; ++one) EXPECT_EQ(State(one), ContentState::kClean);
}

// The process found the object damaged, and died before it recorded that.
TEST_F(PersisterTest, AnUploadThatHadArrivedDamagedIsNotTakenForIt) {
  PutOfAttempt("f", "hellO", "earlier");
  MakeDirty(5, "hello");
  queue_.Add(UploadAgain(5, "f"));
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  persister_.reset();
  EXPECT_EQ(OnlyOutcome().code(), Code::kCorruption);
  EXPECT_FALSE(queue_.settled()[0].outcome.untouched) << "what is there is known by its mark";
  EXPECT_EQ(GetObject(*below_, "f"), "hellO");
  EXPECT_EQ(State(5), ContentState::kDirty);
}

TEST_F(PersisterTest, HolesArriveAsZerosWhereTheStoreHasNone) {
  {
    auto file = Stage(5, "head");
    ASSERT_TRUE(file->Resize(40 << 20).ok());
    ASSERT_TRUE(file->Write(20 << 20, Bytes("middle")).ok());
    ASSERT_TRUE(file->Commit(Generation(2), Syncing::kSynced).ok());
    file->EndWriting();
    ASSERT_TRUE(file->Settle().ok());
  }
  queue_.Add(Upload(5, "sparse", 2));
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  std::string text(40 << 20, '\0');
  text.replace(0, 4, "head");
  text.replace(20 << 20, 6, "middle");
  EXPECT_TRUE(GetObject(*below_, "sparse") == text);
}

TEST_F(PersisterTest, ASupersededUploadIsGivenUp) {
  MakeDirty(5, std::string(20 * kPageBytes, 'x'));
  queue_.Supersede(InodeId(5));
  queue_.Add(Upload(5, "big"));
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  EXPECT_EQ(OnlyOutcome().code(), Code::kStale);
  EXPECT_TRUE(queue_.settled()[0].outcome.untouched);
  EXPECT_EQ(below_->Stat("big", {}).code(), Code::kNotFound);
}

TEST_F(PersisterTest, OneThatCannotBeSettledLeavesTheOthersPersisted) {
  for (uint64_t ino = 5; ino < 8; ++ino) {
    MakeDirty(ino, "hello");
    queue_.Add(Upload(ino, "f" + std::to_string(ino)));
  }
  queue_.FailSettling(2);
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  persister_.reset();
  EXPECT_EQ(queue_.settled().size(), 3u);
  for (uint64_t ino = 5; ino < 8; ++ino) EXPECT_EQ(State(ino), ContentState::kClean);
}

TEST_F(PersisterTest, ContentsBecomeCleanOnceTheLogCanBeSynced) {
  MakeDirty(5, "hello");
  queue_.Add(Upload(5, "f"));
  std::atomic<int> syncs = 0;
  std::binary_semaphore again(0);
  PersisterOptions options{.threads = 2};
  options.sync_log = [&] {
    const int sync = ++syncs;  // 1: before the upload. 2: after it has been settled.
    if (sync == 3) again.release();
    return sync == 2 ? Status(Code::kNoSpace, "the disk is full") : OkStatus();
  };
  persister_ = NewPersister(options, queue_, *cache_, *filler_, mounts_, SystemClock());
  again.acquire();
  persister_.reset();
  EXPECT_EQ(State(5), ContentState::kClean);
}

TEST_F(PersisterTest, LargerThanOnePartArrivesWhole) {
  std::string text(20 * kPageBytes + 17, 'x');
  for (size_t i = 0; i < text.size(); i += 4096) text[i] = static_cast<char>(i >> 12);
  MakeDirty(5, text);
  queue_.Add(Upload(5, "big"));
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  EXPECT_TRUE(GetObject(*below_, "big") == text);
}

TEST_F(PersisterTest, WhateverCallFailsItIsPersistedInTheEnd) {
  queue_.SetTries(5);
  for (int n = 1; n <= 6; ++n) {
    const auto ino = static_cast<uint64_t>(10 + n);
    const std::string key = "f" + std::to_string(n);
    MakeDirty(ino, key + " content");
    const auto when = n % 2 == 0 ? UfsFaults::When::kAfterEffect : UfsFaults::When::kBeforeEffect;
    faults_->FailNth(n, Status(Code::kUnavailable, "injected"), when);
    queue_.Add(Upload(ino, key));
    Start();
    ASSERT_TRUE(queue_.WaitFinished());
    persister_.reset();
    EXPECT_EQ(GetObject(*below_, key), key + " content") << n;
    EXPECT_EQ(State(ino), ContentState::kClean) << n;
    faults_->Heal();
  }
}

TEST_F(PersisterTest, OneThatFailsHoldsUpNoOther) {
  MakeDirty(1, "one");
  MakeDirty(2, "two");
  queue_.Add(Upload(1, std::string(5000, 'k')));  // Too long for a key.
  queue_.Add(Upload(2, "two"));
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  persister_.reset();
  EXPECT_EQ(GetObject(*below_, "two"), "two");
  EXPECT_EQ(State(1), ContentState::kDirty);
}

TEST_F(PersisterTest, AFileThatIsStillOpenIsUploadedAsCommittedAndStaysPinned) {
  auto file = Stage(5, "committed");
  queue_.Add(Upload(5, "f"));
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  persister_.reset();
  EXPECT_EQ(GetObject(*below_, "f"), "committed");
  EXPECT_EQ(State(5), ContentState::kStaging);
}

TEST_F(PersisterTest, AFileWrittenSinceItsCommitIsBusy) {
  auto file = Stage(5, "committed");
  ASSERT_TRUE(file->Write(0, Bytes("later")).ok());
  queue_.Add(Upload(5, "f"));
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  EXPECT_EQ(OnlyOutcome().code(), Code::kBusy);
  EXPECT_EQ(below_->Stat("f", {}).code(), Code::kNotFound);
}

TEST_F(PersisterTest, AGenerationThatWasOverwrittenIsNotUploaded) {
  MakeDirty(5, "now");
  queue_.Add(Upload(5, "f", 7));
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  EXPECT_EQ(OnlyOutcome().code(), Code::kStale);
  EXPECT_EQ(below_->Stat("f", {}).code(), Code::kNotFound);
}

TEST_F(PersisterTest, PagesStillInTheUfsAreFetchedBeforeTheUpload) {
  const std::string base = std::string(kPageBytes, 'a') + std::string(kPageBytes, 'b');
  const std::string etag = PutObject(*below_, "f", base);
  auto file = cache_->AddClean({InodeId(5), Generation(1)}, base.size());
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE((*file)->BeginWriting(Truncate::kNo).ok());
  ASSERT_TRUE((*file)->Write(kPageBytes, Bytes(std::string(kPageBytes, 'c'))).ok());
  ASSERT_TRUE((*file)->Commit(Generation(2), Syncing::kSynced).ok());
  (*file)->EndWriting();
  ASSERT_TRUE((*file)->Settle().ok());
  Action action = Upload(5, "f", 2);
  action.from_key = "f";
  action.from_size_bytes = base.size();
  action.expected_etag = etag;
  queue_.Add(action);
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  EXPECT_TRUE(OnlyOutcome().ok()) << OnlyOutcome().ToString();
  EXPECT_TRUE(GetObject(*below_, "f") ==
              std::string(kPageBytes, 'a') + std::string(kPageBytes, 'c'));
}

TEST_F(PersisterTest, LocalizedBytesAreHereAndDirty) {
  const std::string text(2 * kPageBytes + 5, 'l');
  Action action;
  action.kind = Action::Kind::kLocalize;
  action.mount = kMount;
  action.ino = InodeId(6);
  action.generation = Generation(3);
  action.size_bytes = text.size();
  action.from_key = "f";
  action.expected_etag = PutObject(*below_, "f", text);
  queue_.Add(action);
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  EXPECT_TRUE(OnlyOutcome().ok()) << OnlyOutcome().ToString();
  EXPECT_EQ(State(6), ContentState::kDirty);
  auto file = cache_->Open({InodeId(6), Generation(3)});
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(ReadLive(**file) == text);
}

TEST_F(PersisterTest, AMoveLeavesNothingBehindAndADeleteNothingAtAll) {
  Action move;
  move.kind = Action::Kind::kMove;
  move.mount = kMount;
  move.ino = InodeId(6);
  move.from_key = "old";
  move.key = "new";
  move.expected_etag = PutObject(*below_, "old", "moved");
  queue_.Add(move);
  Action remove;
  remove.kind = Action::Kind::kDelete;
  remove.mount = kMount;
  remove.ino = InodeId(7);
  remove.key = "rubbish";
  remove.expected_etag = PutObject(*below_, "rubbish", "x");
  queue_.Add(remove);
  remove.ino = InodeId(8);
  remove.key = "another";
  PutObject(*below_, "another", "writer's");
  queue_.Add(remove);
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  EXPECT_EQ(GetObject(*below_, "new"), "moved");
  EXPECT_EQ(below_->Stat("old", {}).code(), Code::kNotFound);
  EXPECT_EQ(below_->Stat("rubbish", {}).code(), Code::kNotFound);
  EXPECT_EQ(GetObject(*below_, "another"), "writer's");
}

TEST_F(PersisterTest, AMoveOfAnotherVersionIsStaleAndChangesNothing) {
  Action move;
  move.kind = Action::Kind::kMove;
  move.mount = kMount;
  move.ino = InodeId(6);
  move.from_key = "old";
  move.key = "new";
  move.expected_etag = PutObject(*below_, "old", "first");
  PutObject(*below_, "old", "second");
  queue_.Add(move);
  Start();
  ASSERT_TRUE(queue_.WaitFinished());
  EXPECT_EQ(OnlyOutcome().code(), Code::kStale);
  EXPECT_EQ(GetObject(*below_, "old"), "second");
  EXPECT_EQ(below_->Stat("new", {}).code(), Code::kNotFound);
}

TEST_F(PersisterTest, UploadsOfACrashAreRemovedBeforeAnythingElse) {
  ufs::CreateOptions options;
  options.size_bytes = 5;
  ASSERT_TRUE(below_->Create("f", options, {}).ok());  // Never committed, so it is left behind.
  ASSERT_EQ(below_->ListUploads({})->size(), 1u);
  MakeDirty(5, "hello");
  queue_.Add(Upload(5, "f"));
  persister_ = NewPersister(PersisterOptions{.threads = 2, .leftovers_in = {kMount}}, queue_,
                            *cache_, *filler_, mounts_, SystemClock());
  ASSERT_TRUE(queue_.WaitFinished());
  EXPECT_TRUE(persister_->LeftoversGone());
  EXPECT_TRUE(below_->ListUploads({})->empty());
  EXPECT_EQ(GetObject(*below_, "f"), "hello");
}

TEST_F(PersisterTest, StopLeavesNoLeaseBehind) {
  for (uint64_t ino = 1; ino <= 50; ++ino) {
    MakeDirty(ino, "x");
    queue_.Add(Upload(ino, "f" + std::to_string(ino)));
  }
  Start(1);
  persister_->Stop();
  EXPECT_EQ(queue_.leased(), 0);
}

}  // namespace
}  // namespace tarn::worker
