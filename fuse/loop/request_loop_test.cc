#include "fuse/loop/request_loop.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

namespace tarn::fuse {
namespace {

using Mode = RequestLoop::Mode;
using std::chrono::microseconds;
using std::chrono::milliseconds;

// A queue of functions instead of the kernel's.
class FakeSource final : public RequestSource {
 public:
  std::unique_ptr<Slot> NewSlot() override { return std::make_unique<FakeSlot>(*this); }

  void Add(std::function<void()> request) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    requests_.push_back(std::move(request));
    changed_.NotifyOne();
  }
  // Returns when the request is served.
  void Call(std::function<void()> request) EXCLUDES(mutex_) {
    bool done = false;
    Add([&, request = std::move(request)] {
      request();
      MutexLock lock(mutex_);
      done = true;
      called_.NotifyAll();
    });
    MutexLock lock(mutex_);
    while (!done) called_.Wait(mutex_);
  }
  void End(Status status) EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ended_ = true;
    status_ = std::move(status);
    changed_.NotifyAll();
  }
  void Restart() EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    ended_ = false;
  }

 private:
  class FakeSlot final : public Slot {
   public:
    explicit FakeSlot(FakeSource& source) : source_(source) {}
    bool HasRequest() override {
      MutexLock lock(source_.mutex_);
      return source_.ended_ || !source_.requests_.empty();
    }
    Result<Got> Receive() override {
      MutexLock lock(source_.mutex_);
      while (!source_.ended_ && source_.requests_.empty()) source_.changed_.Wait(source_.mutex_);
      if (source_.ended_) {
        const Status status = std::exchange(source_.status_, OkStatus());
        return status.ok() ? Result<Got>(Got::kEnd) : Result<Got>(status);
      }
      request_ = std::move(source_.requests_.front());
      source_.requests_.pop_front();
      return Got::kRequest;
    }
    void Serve() override { request_(); }

   private:
    FakeSource& source_;
    std::function<void()> request_;
  };

  Mutex mutex_;
  CondVar changed_;
  CondVar called_;
  std::deque<std::function<void()>> requests_ GUARDED_BY(mutex_);
  bool ended_ GUARDED_BY(mutex_) = false;
  Status status_ GUARDED_BY(mutex_);
};

// Takes so long that the watcher notices.
void Linger() {
  const MonotonicTime end = SystemClock().Now() + milliseconds(2);
  while (SystemClock().Now() < end) std::this_thread::yield();
}

class RequestLoopTest : public ::testing::Test {
 protected:
  void Start(RequestLoopOptions options) {
    loop_ = std::make_unique<RequestLoop>(options, source_, SystemClock());
    runner_ = std::thread([this] { status_ = loop_->Run(); });
  }
  Status End(Status status = OkStatus()) {
    source_.End(std::move(status));
    runner_.join();
    return status_;
  }
  void WaitFor(Mode mode) {
    while (loop_->mode() != mode) std::this_thread::yield();
  }
  // Sends requests one after the other until the mode is kAlone.
  void CallUntilAlone() {
    while (loop_->mode() != Mode::kAlone) source_.Call([] {});
  }

  FakeSource source_;
  std::unique_ptr<RequestLoop> loop_;
  std::thread runner_;
  Status status_;
};

TEST_F(RequestLoopTest, OneThreadServesRequestsThatComeOneAfterTheOther) {
  Start({8, microseconds(50)});
  std::thread::id last;
  int in_a_row = 0;
  // A slow moment may switch to kMany for a while.
  for (int i = 0; i < 100'000 && in_a_row < 200; ++i) {
    std::thread::id id;
    source_.Call([&] { id = std::this_thread::get_id(); });
    in_a_row = id == last ? in_a_row + 1 : 0;
    last = id;
  }
  EXPECT_EQ(in_a_row, 200);
  EXPECT_TRUE(End().ok());
}

// A request may wait for another one, which must be served meanwhile.
TEST_F(RequestLoopTest, ARequestThatTakesLongHoldsUpNoOther) {
  Start({8, microseconds(50)});
  Mutex mutex;
  CondVar changed;
  int released = 0;
  constexpr int kWaiting = 7;  // One thread is left.
  for (int i = 0; i < kWaiting; ++i) {
    source_.Add([&] {
      MutexLock lock(mutex);
      while (released == 0) changed.Wait(mutex);
      ++released;
      changed.NotifyAll();
    });
  }
  source_.Call([&] {
    MutexLock lock(mutex);
    ++released;
    changed.NotifyAll();
  });
  {
    MutexLock lock(mutex);
    while (released <= kWaiting) changed.Wait(mutex);
  }
  EXPECT_EQ(loop_->mode(), Mode::kMany);
  EXPECT_TRUE(End().ok());
}

TEST_F(RequestLoopTest, RequestsThatKeepWaitingAreServedByMany) {
  Start({4, microseconds(50)});
  std::atomic<bool> queued = false;
  std::atomic<bool> many = false;
  std::atomic<int> left = 2000;
  source_.Add([&] {
    while (!queued) std::this_thread::yield();
  });
  for (int i = 0; i < 2000; ++i) {
    source_.Add([&] {
      if (loop_->mode() == Mode::kMany) many = true;
      --left;
    });
  }
  queued = true;
  while (left > 0) std::this_thread::yield();
  EXPECT_TRUE(many);
  EXPECT_TRUE(End().ok());
}

TEST_F(RequestLoopTest, ShortRequestsInTurnEndTheModeOfMany) {
  Start({4, microseconds(50)});
  for (int round = 0; round < 5; ++round) {
    while (loop_->mode() == Mode::kAlone) source_.Add([] {});
    CallUntilAlone();
  }
  EXPECT_TRUE(End().ok());
}

TEST_F(RequestLoopTest, WithoutPollingTheModeIsAlwaysMany) {
  Start({4, Nanos::zero()});
  for (int i = 0; i < 1000; ++i) {
    source_.Call([] {});
    EXPECT_EQ(loop_->mode(), Mode::kMany);
  }
  EXPECT_TRUE(End().ok());
}

TEST_F(RequestLoopTest, ALoopOfOneThreadServesAllRequests) {
  Start({1, microseconds(50)});
  int served = 0;
  for (int i = 0; i < 100; ++i) source_.Call([&] { ++served; });
  EXPECT_EQ(served, 100);
  EXPECT_TRUE(End().ok());
}

TEST_F(RequestLoopTest, ASleepingWatcherIsWoken) {
  Start({3, microseconds(50)});
  source_.Call([] {});
  while (!loop_->WatcherSleeps()) std::this_thread::yield();
  source_.Call([this] { WaitFor(Mode::kMany); });
  EXPECT_TRUE(End().ok());
}

TEST_F(RequestLoopTest, NoRequestOfSeveralCallersIsLost) {
  for (const int threads : {1, 2, 3, 8}) {
    SCOPED_TRACE(threads);
    FakeSource source;
    RequestLoop loop({threads, microseconds(50)}, source, SystemClock());
    std::thread runner([&] { EXPECT_TRUE(loop.Run().ok()); });
    std::atomic<int> served = 0;
    std::vector<std::thread> callers;
    for (int c = 0; c < 4; ++c) {
      callers.emplace_back([&, c] {
        for (int i = 0; i < 500; ++i) {
          source.Call([&] {
            if (i % 100 == c) Linger();
            ++served;
          });
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(served, 2000);
    source.End(OkStatus());
    runner.join();
  }
}

TEST_F(RequestLoopTest, AFailedSourceEndsTheLoopWithItsStatus) {
  Start({4, microseconds(50)});
  EXPECT_EQ(End(Status(Code::kIo, "no more")).code(), Code::kIo);
}

// 64 readers wait for a source that hangs.
TEST_F(RequestLoopTest, RequestsThatWaitForASourceHoldUpNoOthers) {
  Start({.threads = 128, .busy_poll = microseconds(50)});
  Mutex mutex;
  CondVar changed;
  int waiting = 0;
  bool go_on = false;
  constexpr int kReaders = 64;
  for (int i = 0; i < kReaders; ++i) {
    source_.Add([&] {
      MutexLock lock(mutex);
      ++waiting;
      changed.NotifyAll();
      while (!go_on) changed.Wait(mutex);
    });
  }
  {
    MutexLock lock(mutex);
    while (waiting < kReaders) changed.Wait(mutex);
  }
  for (int i = 0; i < 100; ++i) source_.Call([] {});
  {
    MutexLock lock(mutex);
    go_on = true;
    changed.NotifyAll();
  }
  EXPECT_TRUE(End().ok());
}

// Waits in many requests at the same time, then lets them end.
TEST_F(RequestLoopTest, IdleThreadsEndAboveTheirLimit) {
  for (const Nanos busy_poll : {Nanos::zero(), Nanos(microseconds(50))}) {
    Start({.threads = 64, .busy_poll = busy_poll, .idle_threads = 3});
    Mutex mutex;
    CondVar changed;
    int waiting = 0;
    int left = 0;
    bool released = false;
    constexpr int kWaiting = 32;
    for (int i = 0; i < kWaiting; ++i) {
      source_.Add([&] {
        MutexLock lock(mutex);
        ++waiting;
        changed.NotifyAll();
        while (!released) changed.Wait(mutex);
        ++left;
        changed.NotifyAll();
      });
    }
    {
      MutexLock lock(mutex);
      while (waiting < kWaiting) changed.Wait(mutex);
      EXPECT_GE(loop_->ThreadCount(), static_cast<size_t>(kWaiting));
      released = true;
      changed.NotifyAll();
      while (left < kWaiting) changed.Wait(mutex);
    }
    while (loop_->ThreadCount() > 3) std::this_thread::yield();
    source_.Call([] {});
    EXPECT_TRUE(End().ok());
    source_.Restart();
  }
}

// One request is held while the mode becomes kAlone again, and one after that.
TEST_F(RequestLoopTest, TwoHeldRequestsLeaveAThreadForTheNext) {
  Start({.threads = 8, .busy_poll = microseconds(50), .idle_threads = 2});
  std::atomic<int> held = 0;
  std::atomic<bool> go_on = false;
  const auto hold = [&] {
    ++held;
    while (!go_on) std::this_thread::yield();
  };
  source_.Add(hold);
  WaitFor(Mode::kMany);
  CallUntilAlone();
  source_.Add(hold);
  while (held < 2) std::this_thread::yield();
  source_.Call([] {});
  go_on = true;
  EXPECT_TRUE(End().ok());
}

TEST_F(RequestLoopTest, OneIdleThreadServesAll) {
  Start({.threads = 4, .busy_poll = Nanos::zero(), .idle_threads = 1});
  for (int i = 0; i < 1000; ++i) source_.Call([] {});
  while (loop_->ThreadCount() > 1) std::this_thread::yield();
  source_.Call([] {});
  EXPECT_TRUE(End().ok());
}

}  // namespace
}  // namespace tarn::fuse
