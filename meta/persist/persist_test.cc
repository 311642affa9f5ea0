// Scenarios of names that change while they are persisted. Each runs on a store with directories
// and attributes, on one without, and on one where markers stand for directories. Each runs at
// every pace of the worker, with the process ending at each point of the worker, and with each of
// its steps failing. At the end the UFS equals the namespace, and the queue is empty.

#include <functional>

#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "meta/testing/scenarios.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

std::string NameOf(const ::testing::TestParamInfo<Scenario>& info) { return info.param.name; }

class PersistTest : public ::testing::TestWithParam<Scenario> {
 protected:
  // Runs `body` on each kind of store, with a new store for each run.
  void OnEachStore(
      const std::function<void(const std::function<std::unique_ptr<Rig>(Pace)>&)>& body) {
    const Scenario& scenario = GetParam();
    if (!scenario.needs_attributes) {
      SCOPED_TRACE("an object store");
      body([&](Pace pace) {
        return std::make_unique<Rig>(ufs::NewMemoryUfs(clock_), scenario.before, pace);
      });
      SCOPED_TRACE("an object store with markers of directories");
      body([&](Pace pace) {
        return std::make_unique<Rig>(ufs::NewMemoryUfs(clock_, ufs::Markers::kWritten),
                                     scenario.before, pace);
      });
    }
    SCOPED_TRACE("a local directory");
    body([&](Pace pace) {
      directory_.reset();
      directory_ = std::make_unique<TemporaryDirectory>();
      return std::make_unique<Rig>(*ufs::OpenLocalUfs(directory_->path(), SystemClock()),
                                   scenario.before, pace);
    });
  }

  TickingClock clock_;
  std::unique_ptr<TemporaryDirectory> directory_;
};

constexpr Pace kPaces[] = {Pace::kNothing, Pace::kOneStep, Pace::kAll, Pace::kHoldPrepared,
                           Pace::kHoldDone};

TEST_P(PersistTest, UfsFollowsTheNamespaceAtAnyPace) {
  OnEachStore([&](const auto& make) {
    for (Pace pace : kPaces) {
      SCOPED_TRACE("pace " + std::to_string(static_cast<int>(pace)));
      std::unique_ptr<Rig> rig = make(pace);
      GetParam().run(*rig);
      rig->ExpectAtEnd(GetParam().after);
      if (HasFailure()) return;
    }
  });
}

TEST_P(PersistTest, ACrashAtAnyPointLosesNothing) {
  OnEachStore([&](const auto& make) {
    for (Pace pace : {Pace::kNothing, Pace::kOneStep, Pace::kAll}) {
      for (int point = 1;; point += kPointStride) {
        SCOPED_TRACE("pace " + std::to_string(static_cast<int>(pace)) + ", crash at " +
                     std::to_string(point));
        std::unique_ptr<Rig> rig = make(pace);
        rig->CrashAt(point);
        GetParam().run(*rig);
        rig->ExpectAtEnd(GetParam().after);
        if (HasFailure()) return;
        if (!rig->Crashed()) break;
      }
    }
  });
}

TEST_P(PersistTest, AFailureOfAnyStepLosesNothing) {
  const Status failures[] = {Status(Code::kUnavailable, "down"),
                             Status(Code::kMaybeCommitted, "answer lost")};
  OnEachStore([&](const auto& make) {
    for (const Status& failure : failures) {
      for (Rig::Effect effect : {Rig::Effect::kNone, Rig::Effect::kDone}) {
        for (int step = 1;; step += kPointStride) {
          SCOPED_TRACE(failure.ToString() + ", step " + std::to_string(step) +
                       (effect == Rig::Effect::kDone ? " done" : " not done"));
          std::unique_ptr<Rig> rig = make(step % 2 == 0 ? Pace::kOneStep : Pace::kAll);
          rig->FailAt(step, failure, effect);
          GetParam().run(*rig);
          rig->ExpectAtEnd(GetParam().after);
          if (HasFailure()) return;
          if (!rig->Failed()) break;
        }
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(All, PersistTest, ::testing::ValuesIn(Scenarios()), NameOf);

// The answer of the first write of a file is lost. The write takes effect only after the file was
// removed, or written again.
class LateWrite : public ::testing::Test {
 protected:
  // Begins an upload that waits for its commit.
  void Start(const std::string& key, const std::string& bytes) {
    ufs::CreateOptions options;
    options.size_bytes = bytes.size();
    options.metadata[ufs::kAttemptName] = rig_.LastAttempt();
    late_ = *rig_.ufs().Create(key, options, {});
    ASSERT_TRUE(late_->WritePart(0, std::as_bytes(std::span(bytes.data(), bytes.size())), {}).ok());
  }
  void Land() { ASSERT_TRUE(late_->Commit({}).ok()); }

  TickingClock clock_;
  Rig rig_{ufs::NewMemoryUfs(clock_), {}, Pace::kNothing};
  std::unique_ptr<ufs::Upload> late_;
};

TEST_F(LateWrite, IsDeletedWithTheFile) {
  rig_.FailAt(1, Status(Code::kMaybeCommitted, "answer lost"), Rig::Effect::kNone);
  rig_.Put("f", "1");
  rig_.OneStep();
  Start("f", "1");
  rig_.Remove("f");
  for (int i = 0; i < 20; ++i) rig_.OneStep();
  Land();
  rig_.ExpectAtEnd({});
}

TEST_F(LateWrite, NeverReplacesWhatWasWrittenAfterIt) {
  rig_.FailAt(1, Status(Code::kDeadlineExceeded, "answer lost"), Rig::Effect::kNone);
  rig_.Put("f", "1");
  rig_.OneStep();
  Start("f", "1");
  rig_.Put("f", "2");
  for (int i = 0; i < 20; ++i) rig_.OneStep();
  Land();
  rig_.ExpectAtEnd({{"f", "2"}});
}

TEST_F(LateWrite, OfAProcessThatDiedIsWaitedForToo) {
  rig_.CrashAt(1);
  rig_.Put("f", "1");
  rig_.OneStep();
  ASSERT_TRUE(rig_.Crashed());
  Start("f", "1");
  rig_.Remove("f");
  for (int i = 0; i < 20; ++i) rig_.OneStep();
  Land();
  rig_.ExpectAtEnd({});
}

// The answer of the write of a marker is lost, and it takes effect late.
class LateMarker : public ::testing::Test {
 protected:
  // The answer is lost, so the outcome is unknown.
  void Lose(const std::string& directory) {
    rig_.FailAt(1, Status(Code::kMaybeCommitted, "answer lost"), Rig::Effect::kNone);
    rig_.MakeDir(directory);
    rig_.OneStep();
    ufs::CreateOptions options;
    options.type = ufs::ObjectType::kDirectory;
    late_ = *rig_.ufs().Create(directory, options, {});
  }
  void Land() {
    for (int i = 0; i < 20; ++i) rig_.OneStep();
    ASSERT_TRUE(late_->Commit({}).ok());
  }

  TickingClock clock_;
  Rig rig_{ufs::NewMemoryUfs(clock_, ufs::Markers::kWritten), {}, Pace::kNothing};
  std::unique_ptr<ufs::Upload> late_;
};

TEST_F(LateMarker, IsDeletedWithTheDirectory) {
  Lose("d");
  rig_.RemoveDir("d");
  Land();
  rig_.ExpectAtEnd({});
}

TEST_F(LateMarker, GoesWithADirectoryRenamed) {
  Lose("d");
  rig_.Move("d", "e");
  Land();
  rig_.ExpectAtEnd({{"e/", ""}});
}

TEST_F(LateMarker, OfADirectoryThatWasMadeAnewAndRemoved) {
  Lose("d");
  rig_.RemoveDir("d");
  rig_.MakeDir("d");
  for (int i = 0; i < 5; ++i) rig_.OneStep();
  rig_.RemoveDir("d");
  Land();
  rig_.ExpectAtEnd({});
}

// The answer of a change of attributes is lost, before the file is renamed.
class LostAnswer : public ::testing::Test {
 protected:
  void Lose() {
    rig_.FailAt(1, Status(Code::kMaybeCommitted, "answer lost"), Rig::Effect::kDone);
    rig_.clock().SleepFor(std::chrono::hours(1), {});
    rig_.OneStep();
  }

  TemporaryDirectory directory_;
  Rig rig_{*ufs::OpenLocalUfs(directory_.path(), SystemClock()), {{"f", "F"}}, Pace::kNothing};
};

TEST_F(LostAnswer, OfNewTimesMakesNoOtherFileOfTheOneMoved) {
  rig_.SetTime("f", 1'000'000'000);
  const role::Attr before = rig_.AttrOf("f");
  Lose();
  rig_.Move("f", "g");
  rig_.Drain();
  EXPECT_EQ(rig_.AttrOf("g").generation, before.generation);
  rig_.ExpectAtEnd({{"g", "F"}});
}

TEST_F(LostAnswer, OfNewTimesAndThenOfTheMoveLosesNothing) {
  rig_.SetTime("f", 1'000'000'000);
  Lose();
  rig_.Move("f", "g");
  Lose();
  rig_.ExpectAtEnd({{"g", "F"}});
}

// Another client replaces the object before the source has the new name. The file then has the
// bytes of that client.
TEST(ReplacedOutside, AFileThatWasRenamedHasTheirBytes) {
  const std::string theirs = "theirs, and longer";
  for (int crash = 0; crash < 6; ++crash) {
    SCOPED_TRACE(Concat("the process ends at point ", crash));
    TickingClock clock;
    Rig rig(ufs::NewMemoryUfs(clock), {{"f", "mine"}}, Pace::kNothing);
    const role::Attr before = rig.AttrOf("f");
    PutOutside(rig.ufs(), "f", theirs);
    rig.Move("f", "g");
    rig.CrashAt(crash);
    rig.Drain();
    const role::Attr after = rig.AttrOf("g");
    EXPECT_EQ(after.size_bytes, theirs.size());
    EXPECT_NE(after.ino, before.ino) << "an open handle would mix the two";
    ASSERT_TRUE(rig.ns().GetFiles().Forget(before.ino).ok());
    rig.ExpectAtEnd({{"g", theirs}});
  }
}

TEST(PersistQueue, SaysWhatWaitsAndWhy) {
  TickingClock clock;
  Rig rig(ufs::NewMemoryUfs(clock), {}, Pace::kNothing);
  rig.FailAt(1, Status(Code::kUnavailable, "the UFS is down"), Rig::Effect::kNone);
  rig.Put("f", "12345");
  rig.OneStep();
  role::PersistQueue& queue = rig.ns().GetPersistQueue();
  const auto page = queue.List("", 10);
  ASSERT_TRUE(page.ok());
  ASSERT_EQ(page->entries.size(), 1U);
  EXPECT_EQ(page->next, "");
  const role::QueueEntry& entry = page->entries.front();
  EXPECT_EQ(entry.path, "/f");
  EXPECT_EQ(entry.what, "content");
  EXPECT_EQ(entry.attempts, 1U);
  EXPECT_EQ(entry.size_bytes, 5U);
  EXPECT_EQ(entry.last_error.find("kUnavailable"), std::string::npos) << "no name of a code";
  EXPECT_NE(entry.last_error.find("the UFS is down"), std::string::npos);
  EXPECT_EQ(queue.Totals()->bytes, 5U);
  ASSERT_TRUE(queue.Find(rig.Find("f"))->has_value());
  ASSERT_TRUE(queue.RetryNow(std::nullopt).ok());
  rig.OneStep();
  EXPECT_FALSE(queue.Find(rig.Find("f"))->has_value());
  EXPECT_EQ(rig.AttrOf("f").persist, role::PersistState::kPersisted);
}

// The reason of the only entry that waits for another one.
std::string ReasonOfWaiting(Rig& rig) {
  const auto page = rig.ns().GetPersistQueue().List("", 10);
  if (!page.ok()) return page.status().ToString();
  std::string reason;
  for (const role::QueueEntry& entry : page->entries) {
    if (!role::WaitsForAnother(entry)) continue;
    EXPECT_EQ(reason, "");
    reason = entry.last_error;
  }
  return reason;
}

TEST(PersistQueue, AFileInANewDirectorySaysThatItWaitsForTheDirectory) {
  TemporaryDirectory directory;
  Rig rig(*ufs::OpenLocalUfs(directory.path(), SystemClock()), {}, Pace::kNothing);
  rig.FailAt(1, Status(Code::kUnavailable, "the UFS is down"), Rig::Effect::kNone);
  rig.MakeDir("d");
  rig.Put("d/f", "x");
  rig.OneStep();
  EXPECT_EQ(ReasonOfWaiting(rig), "");
  rig.OneStep();
  EXPECT_EQ(ReasonOfWaiting(rig), "waits until directory d is in the source");
  rig.ExpectAtEnd({{"d/", ""}, {"d/f", "x"}});
}

TEST(PersistQueue, AFileWhoseKeyIsTakenSaysThatItWaitsForTheOther) {
  TickingClock clock;
  Rig rig(ufs::NewMemoryUfs(clock), {{"f", "old"}}, Pace::kNothing);
  rig.FailAt(1, Status(Code::kUnavailable, "the UFS is down"), Rig::Effect::kNone);
  rig.Move("f", "g");
  rig.Put("f", "new");
  rig.OneStep();
  rig.OneStep();
  EXPECT_EQ(ReasonOfWaiting(rig), "waits until another file has left f");
  rig.ExpectAtEnd({{"f", "new"}, {"g", "old"}});
}

TEST(PersistQueue, LeasesEachEntryOnceAndTakesThemBack) {
  TickingClock clock;
  Rig rig(ufs::NewMemoryUfs(clock), {}, Pace::kNothing);
  for (int i = 0; i < 10; ++i) rig.Put("f" + std::to_string(i), "x");
  role::PersistQueue& queue = rig.ns().GetPersistQueue();
  auto first = queue.Lease(role::TaskClass::kSmall, 6, Nanos(0));
  auto second = queue.Lease(role::TaskClass::kSmall, 6, Nanos(0));
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->size(), 6U);
  EXPECT_EQ(second->size(), 4U);
  EXPECT_TRUE(queue.Lease(role::TaskClass::kSmall, 6, Nanos(0))->empty());
  ASSERT_TRUE(queue.Release(*first).ok());
  ASSERT_TRUE(queue.Release(*second).ok());
  rig.ExpectAtEnd({{"f0", "x"},
                   {"f1", "x"},
                   {"f2", "x"},
                   {"f3", "x"},
                   {"f4", "x"},
                   {"f5", "x"},
                   {"f6", "x"},
                   {"f7", "x"},
                   {"f8", "x"},
                   {"f9", "x"}});
}

}  // namespace
}  // namespace tarn::meta
