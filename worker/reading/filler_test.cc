#include "worker/filler.h"

#include <gtest/gtest.h>

#include <thread>

#include "ufs/faults.h"
#include "ufs/memory.h"
#include "worker/reading/read_ahead.h"
#include "worker/testing/fakes.h"

namespace tarn::worker {
namespace {

using cache::kPageBytes;
using ufs::UfsFaults;

constexpr InodeId kFile{5};

std::string Text(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / kPageBytes);
  return text;
}

class FillerTest : public testing::Test {
 protected:
  FillerTest() : below_(ufs::NewMemoryUfs(SystemClock())) {
    ufs::FaultyUfs faulty = ufs::NewFaultyUfs(*below_, SystemClock());
    faults_ = faulty.faults;
    EXPECT_TRUE(mounts_.Add(kMount, std::move(faulty.ufs)).ok());
    Put(Text(3 * kPageBytes + 100));
  }
  void Put(const std::string& text) {
    text_ = text;
    binding_ = {kMount, "dir/file", PutObject(*below_, "dir/file", text), Generation(1),
                text.size()};
  }
  std::unique_ptr<cache::LiveFile> AddClean(InodeId ino = kFile) {
    auto file = cache_->AddClean({ino, Generation(1)}, binding_.size_bytes);
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    return std::move(*file);
  }
  Filler& filler() {
    if (!filler_) filler_ = NewFiller(options_, *cache_, mounts_, SystemClock());
    return *filler_;
  }

  std::unique_ptr<ufs::UnderFileSystem> below_;
  UfsFaults* faults_ = nullptr;
  ufs::UfsMounts mounts_;
  std::unique_ptr<cache::CacheStore> cache_ = cache::NewMemoryCacheStore(64 << 20, SystemClock());
  FillerOptions options_{.threads = 4};
  std::unique_ptr<Filler> filler_;
  std::string text_;
  role::Binding binding_;
};

TEST_F(FillerTest, FillsOnlyThePagesAskedFor) {
  auto file = AddClean();
  ASSERT_TRUE(filler().Fill(*file, binding_, kPageBytes + 5, 10).ok());
  EXPECT_TRUE(file->Present(kPageBytes, kPageBytes));
  EXPECT_FALSE(file->Present(0, 1));
  EXPECT_FALSE(file->Present(2 * kPageBytes, 1));
  EXPECT_EQ(faults_->Calls(), 1);
}

TEST_F(FillerTest, AWholeFileIsWhatTheUfsHas) {
  auto file = AddClean();
  ASSERT_TRUE(filler().FillWhole(*file, binding_).ok());
  EXPECT_TRUE(file->Complete());
  EXPECT_EQ(ReadLive(*file), text_);
}

TEST_F(FillerTest, TellsWhatCameWithTheFirstPageOfAFileWithGuesses) {
  std::vector<std::pair<InodeId, std::string>> told;
  options_.on_told = [&told](InodeId ino, const role::ToldAttributes& attributes) {
    told.emplace_back(ino, attributes.etag);
  };
  auto known = AddClean(InodeId(6));
  ASSERT_TRUE(filler().FillWhole(*known, binding_).ok());
  EXPECT_TRUE(told.empty());
  binding_.guessed = true;
  auto guessed = AddClean();
  ASSERT_TRUE(filler().Fill(*guessed, binding_, kPageBytes, 1).ok());
  EXPECT_TRUE(told.empty());
  ASSERT_TRUE(filler().FillWhole(*guessed, binding_).ok());
  EXPECT_EQ(told, (std::vector{std::pair(kFile, binding_.etag)}));
}

TEST_F(FillerTest, WhatIsThereIsNotReadAgain) {
  auto file = AddClean();
  ASSERT_TRUE(filler().FillWhole(*file, binding_).ok());
  const int calls = faults_->Calls();
  ASSERT_TRUE(filler().Fill(*file, binding_, 0, text_.size()).ok());
  EXPECT_EQ(faults_->Calls(), calls);
}

TEST_F(FillerTest, ManyReadersOfOnePageCostOneRead) {
  auto file = AddClean();
  faults_->DelayEach(std::chrono::milliseconds(20));
  Filler& shared = filler();
  std::vector<std::jthread> readers;
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] { EXPECT_TRUE(shared.Fill(*file, binding_, 0, 1).ok()); });
  }
  readers.clear();
  EXPECT_EQ(faults_->Calls(), 1);
}

TEST_F(FillerTest, AnyOneFailingReadIsTriedAgain) {
  for (int n = 1; n <= 4; ++n) {
    auto file = AddClean(InodeId(100 + static_cast<uint64_t>(n)));
    faults_->FailNth(n, Status(Code::kUnavailable, "busy"), UfsFaults::When::kBeforeEffect);
    ASSERT_TRUE(filler().FillWhole(*file, binding_).ok()) << n;
    EXPECT_EQ(ReadLive(*file), text_) << n;
  }
}

TEST_F(FillerTest, WhatArrivedBeforeAFailureIsNotReadAgain) {
  Put(Text(32 * kPageBytes));  // Eight pages a read.
  auto file = AddClean();
  faults_->FailNth(4, Status(Code::kUnavailable, "busy"), UfsFaults::When::kBeforeEffect);
  ASSERT_TRUE(filler().FillWhole(*file, binding_).ok());
  EXPECT_EQ(faults_->Calls(), 33);
  EXPECT_EQ(ReadLive(*file), text_);
}

// Lets one thread pass SleepFor `times` times. Other threads pass once it is open.
class Turnstile final : public Clock {
 public:
  MonotonicTime Now() const override { return SystemClock().Now(); }
  int64_t WallNs() const override { return SystemClock().WallNs(); }
  bool SleepFor(Nanos, const std::stop_token&) override {
    MutexLock lock(mutex_);
    while (!open_ && (std::this_thread::get_id() != thread_ || left_ == 0)) changed_.Wait(mutex_);
    --left_;
    return true;
  }
  void LetMe(int times) {
    MutexLock lock(mutex_);
    thread_ = std::this_thread::get_id();
    left_ = times;
  }
  void Open() {
    MutexLock lock(mutex_);
    open_ = true;
    changed_.NotifyAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::thread::id thread_ GUARDED_BY(mutex_);
  int left_ GUARDED_BY(mutex_) = 0;
  bool open_ GUARDED_BY(mutex_) = false;
};

TEST_F(FillerTest, AReaderGoesOnWhenItsPageIsThereWhileOthersAreStillOnTheirWay) {
  Turnstile turnstile;
  ufs::FaultyUfs slow = ufs::NewFaultyUfs(*below_, turnstile);
  slow.faults->DelayEach(Nanos(1));
  constexpr MountId kSlow{2};
  ASSERT_TRUE(mounts_.Add(kSlow, std::move(slow.ufs)).ok());
  Put(Text(32 * kPageBytes));  // Eight pages a read.
  binding_.mount = kSlow;
  auto file = AddClean();
  Filler& shared = filler();
  std::jthread run([&] {
    turnstile.LetMe(1);
    EXPECT_TRUE(shared.Fill(*file, binding_, 0, text_.size()).ok());
  });
  while (!file->Present(0, 1)) std::this_thread::yield();
  EXPECT_TRUE(shared.Fill(*file, binding_, 0, 1).ok());
  EXPECT_FALSE(file->Present(kPageBytes, 1));
  turnstile.Open();
}

TEST_F(FillerTest, PastTheDeadlineTheReasonIsTold) {
  options_.read_deadline = Nanos(0);
  auto file = AddClean();
  faults_->FailAll(Status(Code::kUnavailable, "the disk is gone"));
  Status status = filler().FillWhole(*file, binding_);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(), "the disk is gone");
  EXPECT_FALSE(file->Present(0, 1));
}

TEST_F(FillerTest, OtherErrorsAreNotTriedAgain) {
  auto file = AddClean();
  faults_->FailAll(Status(Code::kIo, "bad sector"));
  EXPECT_EQ(filler().Fill(*file, binding_, 0, 1).code(), Code::kIo);
  EXPECT_EQ(faults_->Calls(), 1);
}

TEST_F(FillerTest, AReplacedObjectIsStaleAndNothingOfItIsCached) {
  auto file = AddClean();
  const role::Binding before = binding_;
  Put(Text(3 * kPageBytes + 200));
  EXPECT_EQ(filler().FillWhole(*file, before).code(), Code::kStale);
  EXPECT_FALSE(file->Present(0, 1));
}

TEST_F(FillerTest, AnObjectThatIsGoneIsNotFound) {
  auto file = AddClean();
  binding_.key = "dir/gone";
  EXPECT_EQ(filler().Fill(*file, binding_, 0, 1).code(), Code::kNotFound);
}

TEST_F(FillerTest, ReadingInOrderFetchesAhead) {
  auto file = AddClean();
  host::ReadHistory history;
  filler().NoteRead({kFile, Generation(1)}, binding_, 0, 4096, history);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!file->Present(0, text_.size()) && std::chrono::steady_clock::now() < end) {
    std::this_thread::yield();
  }
  EXPECT_TRUE(file->Complete());
}

TEST_F(FillerTest, FetchingAheadLeavesRoomToWriters) {
  // Three of the ten megabytes may be unpersisted.
  cache_ = cache::NewMemoryCacheStore(10 << 20, SystemClock());
  options_.threads = 1;  // Queued fetches run one by one.
  auto file = AddClean();
  auto clean = AddClean(InodeId(6));
  ASSERT_TRUE(file->BeginWriting(cache::Truncate::kNo).ok());
  ASSERT_TRUE(filler().Fill(*file, binding_, 0, 1).ok());
  host::ReadHistory history;
  filler().NoteRead({kFile, Generation(1)}, binding_, 0, 4096, history);
  host::ReadHistory other;
  filler().NoteRead({InodeId(6), Generation(1)}, binding_, 0, 4096, other);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!clean->Complete() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(clean->Complete());
  EXPECT_EQ(cache_->GetUsage().pinned_bytes, kPageBytes);
  file->EndWriting();
}

TEST_F(FillerTest, FetchingAheadNeedsNoReaderAnyMore) {
  host::ReadHistory history;
  // None of its pages is here.
  filler().NoteRead({kFile, Generation(1)}, binding_, 0, 4096, history);
  filler_.reset();
  EXPECT_EQ(faults_->Calls(), 0);
}

TEST_F(FillerTest, CancelEndsWaitingForAUfsThatIsAway) {
  auto file = AddClean();
  faults_->FailAll(Status(Code::kUnavailable, "away"));
  filler().Cancel();
  const Code code = filler().Fill(*file, binding_, 0, 1).code();
  EXPECT_TRUE(code == Code::kCancelled || code == Code::kUnavailable) << CodeName(code);
}

TEST(ReadAheadTest, TheWindowDoublesWhileReadsFollowOneAnother) {
  host::ReadHistory history;
  std::vector<uint64_t> fetched;
  for (uint64_t at = 0; at < 200; at += 1) {
    const Range range = PlanReadAhead(history, at, 1, 1000, 4, 32);
    if (range.length_bytes > 0) fetched.push_back(range.length_bytes);
  }
  ASSERT_GE(fetched.size(), 4u);
  EXPECT_EQ(fetched[0], 4u);
  EXPECT_LE(*std::max_element(fetched.begin(), fetched.end()), 32u);
  EXPECT_EQ(history.window_bytes, 32u);
}

TEST(ReadAheadTest, NothingIsFetchedTwiceOrLeftOut) {
  host::ReadHistory history;
  uint64_t next = 1;
  for (uint64_t at = 0; at < 500; ++at) {
    const Range range = PlanReadAhead(history, at, 1, 400, 4, 32);
    if (range.length_bytes == 0) continue;
    EXPECT_EQ(range.offset_bytes, next);
    next = range.offset_bytes + range.length_bytes;
  }
  EXPECT_EQ(next, 400u);
}

TEST(ReadAheadTest, AJumpClosesTheWindow) {
  host::ReadHistory history;
  PlanReadAhead(history, 0, 1, 1000, 4, 32);
  PlanReadAhead(history, 1, 1, 1000, 4, 32);
  EXPECT_EQ(PlanReadAhead(history, 700, 1, 1000, 4, 32).length_bytes, 0u);
  EXPECT_EQ(history.window_bytes, 0u);
  EXPECT_EQ(PlanReadAhead(history, 300, 1, 1000, 4, 32).length_bytes, 0u);
}

TEST_F(FillerTest, ASourceThatDoesNotAnswerHoldsUpNoReaderOfAnother) {
  constexpr MountId kOther{2};
  auto other = ufs::NewMemoryUfs(SystemClock());
  const role::Binding there = {kOther, "f", PutObject(*other, "f", text_), Generation(1),
                               text_.size()};
  ASSERT_TRUE(mounts_.Add(kOther, std::move(other)).ok());
  faults_->DelayEach(std::chrono::hours(1));
  filler();  // Made before the threads use it.
  std::vector<std::jthread> readers;
  for (uint64_t ino = 10; ino < 16; ++ino) {
    readers.emplace_back([this, ino] {
      auto file = AddClean(InodeId(ino));
      EXPECT_FALSE(filler().FillWhole(*file, binding_).ok());
    });
  }
  // Each reader waits, and so does each thread that helps.
  while (faults_->Calls() < 6 + 4) std::this_thread::yield();
  auto file = AddClean();
  EXPECT_TRUE(filler().FillWhole(*file, there).ok());
  EXPECT_EQ(ReadLive(*file), text_);
  filler().Cancel();
}

}  // namespace
}  // namespace tarn::worker
