#include "fuse/loop/interrupts.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

namespace tarn::fuse {
namespace {

constexpr pid_t kKilled = 1;
constexpr pid_t kAlive = 2;

class InterruptsTest : public testing::Test {
 protected:
  std::atomic<int> looks_ = 0;
  ManualClock clock_;
  Interrupts interrupts_{clock_, [this](pid_t thread) {
                           ++looks_;
                           return thread == kKilled;
                         }};
};

TEST_F(InterruptsTest, ARequestOfAKilledCallerStopsAtOnce) {
  std::stop_source killed;
  std::stop_source other;
  const uint64_t id = interrupts_.Add(kKilled, killed);
  interrupts_.Add(kKilled, other);
  interrupts_.Interrupted(id);
  while (!killed.stop_requested()) std::this_thread::yield();
  EXPECT_FALSE(other.stop_requested()) << "the other request was not interrupted";
}

TEST_F(InterruptsTest, AnotherSignalStopsOnlyALongWait) {
  std::stop_source alive;
  const uint64_t id = interrupts_.Add(kAlive, alive);
  interrupts_.Interrupted(id);
  while (looks_ == 0) std::this_thread::yield();
  EXPECT_FALSE(alive.stop_requested());
  while (!alive.stop_requested()) clock_.Advance(std::chrono::seconds(1));
  EXPECT_GE(clock_.Now().time_since_epoch(), std::chrono::seconds(10));
}

TEST_F(InterruptsTest, AnAnsweredRequestIsNotStopped) {
  std::stop_source answered;
  std::stop_source killed;
  const uint64_t id = interrupts_.Add(kKilled, answered);
  interrupts_.Remove(id);
  interrupts_.Interrupted(id);
  interrupts_.Interrupted(interrupts_.Add(kKilled, killed));
  while (!killed.stop_requested()) std::this_thread::yield();
  EXPECT_FALSE(answered.stop_requested());
}

TEST(IsBeingKilledTest, OnlyAFatalSignalCounts) {
  const auto self = static_cast<pid_t>(syscall(SYS_gettid));
  EXPECT_FALSE(IsBeingKilled(self));
  sigset_t blocked;
  sigset_t before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  ASSERT_EQ(pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
  ASSERT_EQ(pthread_kill(pthread_self(), SIGUSR1), 0);
  EXPECT_FALSE(IsBeingKilled(self)) << "the signal is blocked";
  int signal = 0;
  ASSERT_EQ(sigwait(&blocked, &signal), 0);
  ASSERT_EQ(pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  const pid_t child = fork();
  if (child == 0) _exit(0);
  ASSERT_GT(child, 0);
  siginfo_t info;
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED), 0);
  EXPECT_TRUE(IsBeingKilled(child)) << "the process is gone";
}

}  // namespace
}  // namespace tarn::fuse
