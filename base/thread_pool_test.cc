#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace tarn {
namespace {

TEST(ThreadPool, ShutdownRunsWhatIsQueued) {
  std::atomic<int> ran = 0;
  ThreadPool pool({.name = "test", .threads = 2, .queue_capacity = 100});
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.Submit([&] { ++ran; }).ok());
  pool.Shutdown();
  EXPECT_EQ(ran, 100);
}

TEST(ThreadPool, RefusesTasksAfterShutdown) {
  ThreadPool pool({.name = "test"});
  pool.Shutdown();
  EXPECT_EQ(pool.Submit([] {}).code(), Code::kUnavailable);
  EXPECT_EQ(pool.TrySubmit([] {}).code(), Code::kUnavailable);
}

TEST(ThreadPool, FullQueueRefusesTrySubmitAndHoldsSubmit) {
  ThreadPool pool({.name = "test", .threads = 1, .queue_capacity = 1});
  std::promise<void> started;
  std::promise<void> release;
  ASSERT_TRUE(pool.Submit([&] {
                    started.set_value();
                    release.get_future().wait();
                  })
                  .ok());
  started.get_future().wait();
  ASSERT_TRUE(pool.TrySubmit([] {}).ok());
  EXPECT_EQ(pool.TrySubmit([] {}).code(), Code::kBusy);
  std::atomic<bool> last_ran = false;
  std::future<Status> held =
      std::async(std::launch::async, [&] { return pool.Submit([&] { last_ran = true; }); });
  release.set_value();
  EXPECT_TRUE(held.get().ok());
  pool.WaitIdle();
  EXPECT_TRUE(last_ran);
}

TEST(ThreadPool, GrowsWhileATaskWouldWaitForAThread) {
  ThreadPool pool({.name = "test", .threads = 1, .most_threads = 3, .queue_capacity = 8});
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::promise<void> started[3];
  for (std::promise<void>& begun : started) {
    ASSERT_TRUE(pool.TrySubmit([&begun, released] {
                      begun.set_value();
                      released.wait();
                    })
                    .ok());
  }
  for (std::promise<void>& begun : started) begun.get_future().wait();  // All at the same time.
  std::atomic<bool> ran = false;
  ASSERT_TRUE(pool.TrySubmit([&] { ran = true; }).ok());
  EXPECT_FALSE(ran) << "a fourth thread";
  release.set_value();
  pool.Shutdown();
  EXPECT_TRUE(ran);
}

TEST(ThreadPool, ShutdownFreesACallerThatWaitsForRoom) {
  auto pool = std::make_unique<ThreadPool>(
      ThreadPoolOptions{.name = "test", .threads = 1, .queue_capacity = 1});
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  ASSERT_TRUE(pool->Submit([=] { released.wait(); }).ok());
  // This fills the queue, whether the first task has left it or not.
  std::future<int> refused = std::async(std::launch::async, [&] {
    int count = 0;
    for (int i = 0; i < 3; ++i) count += pool->Submit([=] { released.wait(); }).ok() ? 0 : 1;
    return count;
  });
  std::future<void> stopped = std::async(std::launch::async, [&] { pool->Shutdown(); });
  EXPECT_GE(refused.get(), 1);
  release.set_value();
  stopped.get();
}

}  // namespace
}  // namespace tarn
