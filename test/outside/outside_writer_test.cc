// Another program changes the source of a mount at every call that Tarn makes to it: before and
// after each, for each operation of an application, each object that the operation is about, and
// each way to change it. The calls are counted by a first run without the other program. What must
// hold afterwards is in judge.h, what is known not to hold in exceptions.cc.
//
// With TARN_TEST_LONG=1 the other program also acts after each call. Otherwise it acts after the
// last call only: for a source that one thread calls, after a call is before the next. On S3, with
// a process that is killed, and under a sanitizer, only a part of the runs is done, unless
// TARN_TEST_LONG=1.

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "base/strings.h"
#include "outside/exceptions.h"
#include "outside/judge.h"
#include "outside/run.h"
#include "outside/versions.h"

namespace tarn::outside {
namespace {

const std::vector<const Operation*>& Operations() {
  static const std::vector<const Operation*> all = [] {
    std::vector<const Operation*> list;
    for (const auto* some : {&DataOperations(), &NameOperations()}) {
      for (const Operation& operation : *some) list.push_back(&operation);
    }
    return list;
  }();
  return all;
}

bool IsLong() {
  const char* set = getenv("TARN_TEST_LONG");
  return set != nullptr && *set != '\0' && std::string(set) != "0";
}

// One run in this many is done.
int StrideOf(const Case& one) {
#ifdef TARN_SANITIZED
  constexpr int kOfAll = 43;
#else
  constexpr int kOfAll = 1;
#endif
  if (IsLong()) return 1;
  int stride = kOfAll;
  if (one.kind == Kind::kS3) stride *= 3;
  if (one.kill.step > 0) stride *= 17;
  return stride;
}

struct Totals {
  int operations = 0;
  int points = 0;  // Calls, of each operation and object.
  int runs = 0;
  int idle = 0;  // The other program found nothing to do.
  int excepted = 0;
};

using Parameters = std::tuple<Kind, const Operation*>;

class OutsideWriter : public testing::TestWithParam<Parameters> {
 protected:
  static void SetUpTestSuite() { StartLogForRuns(); }
  static void TearDownTestSuite() {
    for (const auto& [kind, totals] : all_) Print(NameOf(kind), totals);
    all_.clear();
  }

  static void Print(const std::string& what, const Totals& totals) {
    std::cout << what << ": " << totals.operations << " operations, " << std::size(kActions)
              << " actions, " << totals.points << " calls: " << totals.runs << " runs, "
              << totals.idle << " more with nothing to do, " << totals.excepted
              << " known faults\n";
  }

  bool Takes(const Case& one) { return !one.operation->directories || one.kind == Kind::kLocal; }
  Case TheCase() {
    Case one;
    std::tie(one.kind, one.operation) = GetParam();
    return one;
  }

  void RunAll() {
    const Case one = TheCase();
    ++totals_.operations;
    RunWith(one, Undisturbed(one).calls);
    Finish(one);
  }

  void RunAllKilled() {
    Case one = TheCase();
    ++totals_.operations;
    const int steps = Undisturbed(one).steps;
    for (one.kill.step = 1; one.kill.step <= steps; ++one.kill.step) {
      for (const bool done : {false, true}) {
        one.kill.done = done;
        RunWith(one, Undisturbed(one).calls);
      }
    }
    Finish(one);
  }

 private:
  void RunWith(Case one, const std::vector<std::string>& calls) {
    for (const char* victim : one.operation->victims) {
      one.victim = victim;
      totals_.points += static_cast<int>(calls.size());
      for (const Action action : kActions) {
        one.action = action;
        RunAtEachCall(one, calls);
      }
    }
  }
  Ending Undisturbed(const Case& one) {
    Ending ending = outside::Run(one);
    EXPECT_TRUE(ending.done.ok()) << ending.done.ToString();
    for (const Violation& violation : Judge(one, ending)) {
      ADD_FAILURE() << "without another program" << KilledAt(one) << ": " << violation.text << "\n"
                    << ending.log;
    }
    for (const auto& [path, bytes] : one.operation->after) {
      const auto found = ending.objects.find(path);
      EXPECT_TRUE(found != ending.objects.end() && found->second.bytes == bytes) << path;
    }
    EXPECT_TRUE(ending.queue.empty());
    return ending;
  }

  void RunAtEachCall(Case one, const std::vector<std::string>& calls) {
    const int last = static_cast<int>(calls.size());
    for (int call = 1; call <= last; ++call) {
      for (const When when : {When::kBefore, When::kAfter}) {
        if (when == When::kAfter && call < last && !IsLong()) continue;
        one.point = {call, when};
        if (++turn_ % StrideOf(one) != 0) continue;
        RunOne(one, calls[static_cast<size_t>(call) - 1]);
      }
    }
  }

  void RunOne(const Case& one, const std::string& call) {
    const Ending ending = outside::Run(one);
    if (!ending.acted) {
      ++totals_.idle;
      return;
    }
    ++totals_.runs;
    for (const Violation& violation : Judge(one, ending)) {
      if (const Exception* known = FindException(one, call, violation.fault)) {
        ++totals_.excepted;
        ++known_[known];
        continue;
      }
      Report(one, call, violation, ending);
    }
  }

  // TARN_TEST_VERBOSE=1: how it ended.
  static std::string Told(const Ending& ending) {
    if (getenv("TARN_TEST_VERBOSE") == nullptr) return "";
    std::string text = ending.log;
    for (const std::string& call : ending.calls) text += Concat("  call ", call, "\n");
    for (const auto& [path, name] : ending.names) {
      text += Concat("  mount ", path, " ", name.state, ": ",
                     name.bytes ? Describe(*name.bytes) : "unreadable", "\n");
    }
    for (const role::QueueEntry& entry : ending.queue) {
      text += Concat("  queue ", entry.path, " ", entry.what, ": ", entry.last_error, "\n");
    }
    for (const auto& [key, seen] : ending.objects) {
      text += Concat("  source ", key, ": ", Describe(seen.bytes), "\n");
    }
    return text;
  }

  static std::string KilledAt(const Case& one) {
    if (one.kill.step == 0) return "";
    return Concat(" killed ", one.kill.done ? "after" : "before", " step ", one.kill.step);
  }

  void Report(const Case& one, const std::string& call, const Violation& violation,
              const Ending& ending) {
    if (++violations_ > kShown) return;
    const char* when = one.point.when == When::kBefore ? " before " : " after ";
    ADD_FAILURE() << NameOf(one.kind) << " " << one.operation->name << KilledAt(one) << ": "
                  << NameOf(one.action) << " " << one.victim << when << one.point.call << " ("
                  << call << "): " << NameOf(violation.fault) << ": " << violation.text
                  << (ending.done.ok() ? "" : "; the operation gave " + ending.done.ToString())
                  << "\n"
                  << Told(ending);
  }

  void Finish(const Case& one) {
    const std::string what = Concat(NameOf(one.kind), " ", one.operation->name);
    if (violations_ > kShown) ADD_FAILURE() << what << ": " << violations_ << " violations in all";
    Print(what, totals_);
    for (const auto& [known, times] : known_) {
      std::cout << "  known: " << times << " times: " << known->why << "\n";
    }
    Totals& all = all_[one.kind];
    all.operations += totals_.operations;
    all.points += totals_.points;
    all.runs += totals_.runs;
    all.idle += totals_.idle;
    all.excepted += totals_.excepted;
  }

  static constexpr int kShown = 400;
  static inline std::map<Kind, Totals> all_;
  Totals totals_;
  std::map<const Exception*, int> known_;
  int violations_ = 0;
  int turn_ = 0;
};

TEST_P(OutsideWriter, NeitherMixesNorLosesAnything) { RunAll(); }

// The process is killed before or after each step of the worker, and starts again.
class OutsideWriterAndKill : public OutsideWriter {};
TEST_P(OutsideWriterAndKill, NeitherMixesNorLosesAnything) { RunAllKilled(); }

std::string NameOfParameters(const testing::TestParamInfo<Parameters>& info) {
  return Concat(NameOf(std::get<0>(info.param)), std::get<1>(info.param)->name);
}

enum class Process { kLives, kIsKilled };

std::vector<Parameters> All(Process process) {
  std::vector<Parameters> all;
  for (const Kind kind : {Kind::kMemory, Kind::kLocal, Kind::kS3}) {
    for (const Operation* operation : Operations()) {
      const bool fits = !operation->directories || kind == Kind::kLocal;
      if (fits && !(process == Process::kIsKilled && operation->goes_on)) {
        all.emplace_back(kind, operation);
      }
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Every, OutsideWriter, testing::ValuesIn(All(Process::kLives)),
                         NameOfParameters);
INSTANTIATE_TEST_SUITE_P(Every, OutsideWriterAndKill, testing::ValuesIn(All(Process::kIsKilled)),
                         NameOfParameters);

}  // namespace
}  // namespace tarn::outside
