#include "base/memory_budget.h"

#include <gtest/gtest.h>

#include <future>

namespace tarn {
namespace {

TEST(MemoryBudget, RefusesWhatDoesNotFit) {
  ManualClock clock;
  MemoryBudget budget(100, clock);
  std::optional<Reservation> first = budget.TryReserve(60);
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(budget.TryReserve(41).has_value());
  EXPECT_EQ(budget.used_bytes(), 60u);
  first->Release();
  EXPECT_TRUE(budget.TryReserve(100).has_value());
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(MemoryBudget, MovedReservationIsGivenBackOnce) {
  ManualClock clock;
  MemoryBudget budget(100, clock);
  {
    std::optional<Reservation> a = budget.TryReserve(40);
    Reservation b = std::move(*a);
    Reservation c;
    c = std::move(b);
    EXPECT_EQ(c.bytes(), 40u);
  }
  EXPECT_EQ(budget.used_bytes(), 0u);
}

TEST(MemoryBudget, PassedDeadlineTakesNothing) {
  ManualClock clock;
  MemoryBudget budget(100, clock);
  std::optional<Reservation> all = budget.TryReserve(100);
  const Deadline deadline = Deadline::After(clock, std::chrono::seconds(1));
  clock.Advance(std::chrono::seconds(2));
  EXPECT_EQ(budget.Reserve(1, deadline).code(), Code::kDeadlineExceeded);
  EXPECT_EQ(budget.used_bytes(), 100u);
}

TEST(MemoryBudget, MoreThanTheWholeBudgetIsInvalid) {
  ManualClock clock;
  MemoryBudget budget(100, clock);
  EXPECT_EQ(budget.Reserve(101, Deadline::Never()).code(), Code::kInvalid);
}

TEST(MemoryBudget, WaiterGetsWhatIsGivenBack) {
  ManualClock clock;
  MemoryBudget budget(100, clock);
  std::optional<Reservation> most = budget.TryReserve(80);
  std::future<bool> waiter =
      std::async(std::launch::async, [&] { return budget.Reserve(90, Deadline::Never()).ok(); });
  most->Release();
  EXPECT_TRUE(waiter.get());
}

}  // namespace
}  // namespace tarn
