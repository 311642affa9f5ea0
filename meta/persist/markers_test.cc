// Markers that carry data follow the directories that they stand for. The tests run at every pace
// of the worker, end the process at each of its points, and make each of its steps fail.

#include <functional>

#include "meta/testing/rig.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

using Notes = std::map<std::string, std::string>;  // Directory -> data of its marker.

struct Renaming {
  std::string name;
  Notes after;
  std::function<void(Rig&)> run;
};

void Note(ufs::UnderFileSystem& ufs, const std::string& directory, const std::string& note) {
  ufs::CreateOptions options;
  options.type = ufs::ObjectType::kDirectory;
  options.metadata["note"] = note;
  auto marker = ufs.Create(directory, options, {});
  ASSERT_TRUE(marker.ok() && (*marker)->Commit({}).ok());
}

std::unique_ptr<Rig> NewRig(const Clock& clock, Pace pace) {
  auto ufs = ufs::NewMemoryUfs(clock, ufs::Markers::kWritten);
  Note(*ufs, "a", "A");
  Note(*ufs, "a/n", "N");
  Note(*ufs, "b", "B");
  Note(*ufs, "c", "C");
  const Tree files = {{"a/x", "AX"}, {"a/n/y", "NY"}, {"b/x", "BX"}};
  return std::make_unique<Rig>(std::move(ufs), files, pace);
}

std::vector<Renaming> Renamings() {
  return {
      {"Rename",
       {{"b", "B"}, {"c", "C"}, {"d", "A"}, {"d/n", "N"}},
       [](Rig& r) { r.Move("a", "d"); }},
      {"RenameTwice",
       {{"b", "B"}, {"c", "C"}, {"e", "A"}, {"e/m", "N"}},
       [](Rig& r) {
         r.Move("a", "d");
         r.Move("d/n", "d/m");
         r.Move("d", "e");
       }},
      {"RenameThereAndBack",
       {{"a", "A"}, {"a/n", "N"}, {"b", "B"}, {"c", "C"}},
       [](Rig& r) {
         r.Move("a", "d");
         r.Move("d", "a");
       }},
      {"RenameThenMakeItAgain",
       {{"a", ""}, {"b", "B"}, {"c", "C"}, {"d", "A"}, {"d/n", "N"}},
       [](Rig& r) {
         r.Move("a", "d");
         r.MakeDir("a");
       }},
      {"RenameOverAnEmptyOne",
       {{"b", "B"}, {"c", "A"}, {"c/n", "N"}},
       [](Rig& r) { r.Move("a", "c"); }},
      {"Exchange",
       {{"a", "B"}, {"b", "A"}, {"b/n", "N"}, {"c", "C"}},
       [](Rig& r) { r.Exchange("a", "b"); }},
      {"ThreeInACircle",
       {{"a", "C"}, {"b", "A"}, {"b/n", "N"}, {"c", "B"}},
       [](Rig& r) {
         r.Move("a", "t");
         r.Move("c", "a");
         r.Move("b", "c");
         r.Move("t", "b");
       }},
      {"OneTakesThePlaceOfTheOther",
       {{"a", "B"}, {"c", "C"}, {"d", "A"}, {"d/n", "N"}},
       [](Rig& r) {
         r.Move("a", "d");
         r.Move("b", "a");
       }},
      {"ThatAboveIsMadeAgain",
       {{"a", ""}, {"a/n", ""}, {"b", "B"}, {"c", "C"}, {"d", "A"}, {"d/n", "N"}},
       [](Rig& r) {
         r.Move("a", "d");
         r.MakeDir("a");
         r.MakeDir("a/n");
       }},
      {"RenameThenRemove",
       {{"b", "B"}, {"c", "C"}},
       [](Rig& r) {
         r.Move("a", "d");
         r.Remove("d/x");
         r.Remove("d/n/y");
         r.RemoveDir("d/n");
         r.RemoveDir("d");
       }},
  };
}

std::string NameOf(const ::testing::TestParamInfo<Renaming>& info) { return info.param.name; }

class Markers : public ::testing::TestWithParam<Renaming> {
 protected:
  // Makes a rig, sets it up and runs the case. Returns the rig.
  std::unique_ptr<Rig> Run(Pace pace, const std::function<void(Rig&)>& set_up) {
    std::unique_ptr<Rig> rig = NewRig(clock_, pace);
    set_up(*rig);
    GetParam().run(*rig);
    rig->Drain();
    EXPECT_EQ(rig->PlacesLeft(), 0u);
    EXPECT_EQ(rig->Records('U'), 0u);
    Notes notes;
    for (const auto& [path, bytes] : rig->Stored()) {
      if (path.back() != '/') continue;
      const std::string directory = path.substr(0, path.size() - 1);
      notes[directory] = rig->ufs().Stat(directory, {}).value().metadata["note"];
    }
    EXPECT_EQ(notes, GetParam().after) << rig->Dump();
    return rig;
  }

  TickingClock clock_;
};

TEST_P(Markers, FollowAtAnyPace) {
  for (const Pace pace :
       {Pace::kNothing, Pace::kOneStep, Pace::kAll, Pace::kHoldPrepared, Pace::kHoldDone}) {
    SCOPED_TRACE("pace " + std::to_string(static_cast<int>(pace)));
    Run(pace, [](Rig&) {});
    if (HasFailure()) return;
  }
}

TEST_P(Markers, FollowWhereverTheProcessEnds) {
  for (const Pace pace : {Pace::kNothing, Pace::kOneStep, Pace::kAll}) {
    for (int point = 1;; point += kPointStride) {
      SCOPED_TRACE("pace " + std::to_string(static_cast<int>(pace)) + ", crash at " +
                   std::to_string(point));
      const auto rig = Run(pace, [&](Rig& r) { r.CrashAt(point); });
      if (HasFailure()) return;
      if (!rig->Crashed()) break;
    }
  }
}

TEST_P(Markers, FollowWhicheverStepFails) {
  const Status failures[] = {Status(Code::kUnavailable, "down"),
                             Status(Code::kMaybeCommitted, "answer lost")};
  for (const Status& failure : failures) {
    for (const Rig::Effect effect : {Rig::Effect::kNone, Rig::Effect::kDone}) {
      for (int step = 1;; step += kPointStride) {
        SCOPED_TRACE(failure.ToString() + ", step " + std::to_string(step));
        const auto rig = Run(step % 2 == 0 ? Pace::kOneStep : Pace::kAll,
                             [&](Rig& r) { r.FailAt(step, failure, effect); });
        if (HasFailure()) return;
        if (!rig->Failed()) break;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Markers, ::testing::ValuesIn(Renamings()), NameOf);

}  // namespace
}  // namespace tarn::meta
