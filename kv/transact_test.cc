#include <gtest/gtest.h>

#include "kv/memory.h"

namespace tarn::kv {
namespace {

int64_t Count(Store& store, const std::string& key) {
  const auto value = store.Begin()->Get(key).value();
  return value ? DecodeCounter(*value).value() : 0;
}

TEST(Transact, RunsUntilConflictsEnd) {
  const auto store = NewMemoryStore(SystemClock(), {.conflict = 0.7});
  int runs = 0;
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(Transact(*store, {.clock = SystemClock()}, [&](Transaction& t) {
                  ++runs;
                  t.Add("n", 1);
                  return OkStatus();
                }).ok());
  }
  EXPECT_GT(runs, 20);
  EXPECT_EQ(Count(*store, "n"), 20);
}

TEST(Transact, RunsAgainOnTheBodysOwnRetryCodes) {
  const auto store = NewMemoryStore(SystemClock());
  int runs = 0;
  const auto result = Transact(*store, {.clock = SystemClock()}, [&](Transaction& t) {
    t.Put("a", std::to_string(runs));
    if (++runs == 1) return Status(Code::kTooOld, "once");
    if (runs == 2) return Status(Code::kConflict, "twice");
    return OkStatus();
  });
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(*store->Begin()->Get("a").value(), "2");
}

TEST(Transact, AnyOtherErrorOfTheBodyEndsItAndWritesNothing) {
  const auto store = NewMemoryStore(SystemClock());
  int runs = 0;
  const auto result = Transact(*store, {.clock = SystemClock()}, [&](Transaction& t) {
    ++runs;
    t.Put("a", "x");
    return Status(Code::kNotEmpty, "no");
  });
  EXPECT_EQ(result.code(), Code::kNotEmpty);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(store->Begin()->Get("a").value(), std::nullopt);
}

TEST(Transact, ThePassedDeadlineGivesTheLastCode) {
  ManualClock clock;
  const auto store = NewMemoryStore(clock, {.conflict = 1});
  TransactOptions options{.clock = clock};
  options.deadline = Deadline::After(clock, Nanos(0));
  const auto put = [](Transaction& t) {
    t.Put("a", "x");
    return OkStatus();
  };
  EXPECT_EQ(Transact(*store, options, put).code(), Code::kConflict);
}

TEST(Transact, ReadsEndWithTheDeadline) {
  ManualClock clock;
  const auto store = NewMemoryStore(clock);
  TransactOptions options{.clock = clock};
  options.deadline = Deadline::After(clock, std::chrono::seconds(1));
  int runs = 0;
  const auto result = Transact(*store, options, [&](Transaction& t) {
    ++runs;
    t.Put("a", "x");
    clock.Advance(std::chrono::seconds(1));
    return t.Get("b").status();
  });
  EXPECT_EQ(result.code(), Code::kDeadlineExceeded);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(store->Begin()->Get("a").value(), std::nullopt);
}

TEST(Transact, ALostAnswerIsReturned) {
  const auto store = NewMemoryStore(SystemClock(), {.maybe_committed_done = 1});
  const auto result = Transact(*store, {.clock = SystemClock()}, [](Transaction& t) {
    t.Add("n", 1);
    return OkStatus();
  });
  EXPECT_EQ(result.code(), Code::kMaybeCommitted);
}

TEST(Transact, EachOperationTakesEffectOnceWhateverIsLost) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const auto store = NewMemoryStore(SystemClock(), {.conflict = 0.1,
                                                      .maybe_committed_done = 0.2,
                                                      .maybe_committed_lost = 0.2,
                                                      .maybe_committed_late = 0.3,
                                                      .seed = seed});
    const auto run = [&](int i, const std::string& reply) {
      return TransactOnce(*store, {.clock = SystemClock()}, "Q/" + std::to_string(i),
                          [&](Transaction& t) -> Result<std::string> {
                            t.Add("n", 1);
                            return reply + std::to_string(i);
                          });
    };
    for (int i = 0; i < 100; ++i) EXPECT_EQ(run(i, "first ")->reply, "first " + std::to_string(i));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(run(i, "again ")->reply, "first " + std::to_string(i));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(run(100 + i, "")->reply, std::to_string(100 + i));
    EXPECT_EQ(Count(*store, "n"), 120) << "seed " << seed;
  }
}

}  // namespace
}  // namespace tarn::kv
