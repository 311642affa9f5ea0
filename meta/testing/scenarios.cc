// The scenarios of persist_test.cc, grouped by topic.

#include "meta/testing/scenarios.h"

namespace tarn::meta {
namespace {

const Tree kDirOfFiles = {{"d/", ""}, {"d/x", "X"}, {"d/y", "Y"}, {"d/s/", ""}, {"d/s/z", "Z"}};

class Adder {
 public:
  explicit Adder(std::vector<Scenario>& all) : all_(all) {}
  void operator()(const char* name, Tree before, Tree after, std::function<void(Rig&)> run,
                  bool needs_attributes = false) {
    all_.push_back({name, std::move(before), std::move(run), std::move(after), needs_attributes});
  }

 private:
  std::vector<Scenario>& all_;
};

void FileScenarios(Adder add) {
  add("NewFile", {}, {{"f", "1"}}, [](Rig& r) { r.Put("f", "1"); });
  add("NewTree", {}, {{"a/", ""}, {"a/b/", ""}, {"a/b/f", "1"}, {"a/g", "2"}}, [](Rig& r) {
    r.MakeDir("a");
    r.MakeDir("a/b");
    r.Put("a/b/f", "1");
    r.Put("a/g", "2");
  });
  add("Rewrite", {{"f", "0"}}, {{"f", "3"}}, [](Rig& r) {
    r.Put("f", "1");
    r.Put("f", "2");
    r.Put("f", "3");
  });
  add("AppendOverItsBase", {{"f", "base"}}, {{"f", "base+1+2"}}, [](Rig& r) {
    r.Append("f", "+1");
    r.Append("f", "+2");
  });
  add("AppendThenRename", {{"f", "base"}}, {{"g", "base+1"}}, [](Rig& r) {
    r.Append("f", "+1");
    r.Move("f", "g");
  });
  add("Remove", {{"f", "0"}, {"g", "1"}}, {{"g", "1"}}, [](Rig& r) { r.Remove("f"); });
  add("RemoveThenCreate", {{"f", "old"}}, {{"f", "new"}}, [](Rig& r) {
    r.Remove("f");
    r.Put("f", "new");
  });
  add("RemoveCreateRemove", {{"f", "old"}}, {}, [](Rig& r) {
    r.Remove("f");
    r.Put("f", "new");
    r.Remove("f");
  });
  add("RemoveCreateRename", {{"f", "old"}}, {{"g", "new"}}, [](Rig& r) {
    r.Remove("f");
    r.Put("f", "new");
    r.Move("f", "g");
  });
  add("TemporaryThenRenameManyTimes", {{"f", "0"}}, {{"f", "4"}}, [](Rig& r) {
    for (const char* bytes : {"1", "2", "3", "4"}) {
      r.Put("f.tmp", bytes);
      r.Move("f.tmp", "f");
    }
  });
}

void RenameScenarios(Adder add) {
  add("BackupThenCreate", {{"f", "old"}}, {{"f", "new"}, {"g", "old"}}, [](Rig& r) {
    r.Move("f", "g");
    r.Put("f", "new");
  });
  add("RenameThereAndBack", {{"f", "0"}}, {{"f", "0"}}, [](Rig& r) {
    r.Move("f", "g");
    r.Move("g", "f");
  });
  add("RenameManyTimes", {{"f", "0"}}, {{"i", "0"}}, [](Rig& r) {
    r.Move("f", "g");
    r.Move("g", "h");
    r.Move("h", "i");
  });
  add("Exchange", {{"a", "A"}, {"b", "B"}}, {{"a", "B"}, {"b", "A"}},
      [](Rig& r) { r.Exchange("a", "b"); });
  add("ExchangeWhenOneIsWritten", {{"a", "A"}, {"b", "B"}}, {{"a", "B"}, {"b", "A2"}}, [](Rig& r) {
    r.Put("a", "A2");
    r.Exchange("a", "b");
  });
  add("ExchangeWhenOneIsAppendedTo", {{"a", "A"}, {"b", "B"}}, {{"a", "B"}, {"b", "A+"}},
      [](Rig& r) {
        r.Append("a", "+");
        r.Exchange("a", "b");
      });
  add("RotateThree", {{"a", "A"}, {"b", "B"}, {"c", "C"}}, {{"a", "C"}, {"b", "A"}, {"c", "B"}},
      [](Rig& r) {
        r.Move("c", "t");
        r.Move("b", "c");
        r.Move("a", "b");
        r.Move("t", "a");
      });
  add("LogRotation", {{"l", "0"}, {"l.1", "1"}, {"l.2", "2"}},
      {{"l", "new"}, {"l.1", "0"}, {"l.2", "1"}, {"l.3", "2"}}, [](Rig& r) {
        r.Move("l.2", "l.3");
        r.Move("l.1", "l.2");
        r.Move("l", "l.1");
        r.Put("l", "new");
      });
  add("RenameOver", {{"a", "A"}, {"b", "B"}}, {{"b", "A"}}, [](Rig& r) { r.Move("a", "b"); });
  add("RenameOverThenBack", {{"a", "A"}, {"b", "B"}}, {{"a", "A"}}, [](Rig& r) {
    r.Move("a", "b");
    r.Move("b", "a");
  });
}

void KindScenarios(Adder add) {
  add("FileBecomesDirectoryWithItself", {{"f", "F"}}, {{"f/", ""}, {"f/t", "F"}}, [](Rig& r) {
    r.Move("f", "t");
    r.MakeDir("f");
    r.Move("t", "f/t");
  });
  add("FileBecomesDirectory", {{"f", "F"}}, {{"f/", ""}, {"f/g", "G"}}, [](Rig& r) {
    r.Remove("f");
    r.MakeDir("f");
    r.Put("f/g", "G");
  });
  add("DirectoryBecomesFile", {{"d/", ""}, {"d/x", "X"}}, {{"d", "D"}}, [](Rig& r) {
    r.Remove("d/x");
    r.RemoveDir("d");
    r.Put("d", "D");
  });
  add("DirectoryReplacedByItsOwnChild", {{"d/", ""}, {"d/x", "X"}}, {{"d", "X"}}, [](Rig& r) {
    r.Move("d/x", "t");
    r.RemoveDir("d");
    r.Move("t", "d");
  });
}

void DirectoryScenarios(Adder add) {
  add("RenameDirectory", kDirOfFiles,
      {{"e/", ""}, {"e/x", "X"}, {"e/y", "Y"}, {"e/s/", ""}, {"e/s/z", "Z"}},
      [](Rig& r) { r.Move("d", "e"); });
  add("RenameDirectoryThenMakeItAnew", kDirOfFiles,
      {{"d/", ""},
       {"d/x", "new"},
       {"e/", ""},
       {"e/x", "X"},
       {"e/y", "Y"},
       {"e/s/", ""},
       {"e/s/z", "Z"}},
      [](Rig& r) {
        r.Move("d", "e");
        r.MakeDir("d");
        r.Put("d/x", "new");
      });
  add("RenameDirectoryTwiceAndMakeItAnewTwice", kDirOfFiles,
      {{"d/", ""},
       {"d/x", "3"},
       {"e/", ""},
       {"e/x", "X"},
       {"e/y", "Y"},
       {"e/s/", ""},
       {"e/s/z", "Z"},
       {"f/", ""},
       {"f/x", "2"}},
      [](Rig& r) {
        r.Move("d", "e");
        r.MakeDir("d");
        r.Put("d/x", "2");
        r.Move("d", "f");
        r.MakeDir("d");
        r.Put("d/x", "3");
      });
}

void NestedDirectoryScenarios(Adder add) {
  add("RenameDirectoryThereAndBack", kDirOfFiles, kDirOfFiles, [](Rig& r) {
    r.Move("d", "e");
    r.Move("e", "d");
  });
  add("RenameDirectoryAndChildren", kDirOfFiles,
      {{"e/", ""}, {"e/y", "X"}, {"y", "Y"}, {"e/t/", ""}, {"e/t/z", "Z2"}}, [](Rig& r) {
        r.Move("d", "e");
        r.Move("e/y", "y");
        r.Move("e/x", "e/y");
        r.Move("e/s", "e/t");
        r.Put("e/t/z", "Z2");
      });
  add("RenameDirectoryIntoAnotherWithItsName", {{"a/", ""}, {"a/b/", ""}, {"a/b/f", "F"}},
      {{"b/", ""}, {"b/f", "F"}, {"a/", ""}, {"a/b/", ""}, {"a/b/f", "G"}}, [](Rig& r) {
        r.Move("a/b", "b");
        r.MakeDir("a/b");
        r.Put("a/b/f", "G");
      });
  add("RenameInsideRenamed", {{"a/", ""}, {"a/m/", ""}, {"a/m/f", "F"}, {"a/g", "G"}},
      {{"c/", ""}, {"c/n/", ""}, {"c/n/f", "F"}, {"c/g", "G"}}, [](Rig& r) {
        r.Move("a", "b");
        r.Move("b/m", "b/n");
        r.Move("b", "c");
      });
}

void RemovedDirectoryScenarios(Adder add) {
  add("ExchangeDirectories", {{"a/", ""}, {"a/x", "AX"}, {"a/1", "A1"}, {"b/", ""}, {"b/x", "BX"}},
      {{"a/", ""}, {"a/x", "BX"}, {"b/", ""}, {"b/x", "AX"}, {"b/1", "A1"}},
      [](Rig& r) { r.Exchange("a", "b"); });
  // An unknown object at a prefix belongs to the directory that was there first, even if another
  // one made there has left it too.
  add("ExchangeDirectoriesAndMoveWhatIsBelow",
      {{"a/", ""}, {"a/s/", ""}, {"a/s/c", "AC"}, {"b/", ""}, {"b/s/", ""}, {"b/s/d", "BD"}},
      {{"a/", ""},
       {"a/s/", ""},
       {"b/", ""},
       {"b/s/", ""},
       {"b/s/c", "AC"},
       {"r/", ""},
       {"r/d", "BD"},
       {"r/e", "E"}},
      [](Rig& r) {
        r.Exchange("a", "b");
        r.Put("a/s/e", "E");
        r.OneStep();
        r.OneStep();
        r.Move("a/s", "r");
        r.MakeDir("a/s");
        EXPECT_TRUE(r.Find("b/s/c"));
      });
  add("ExchangeFileAndDirectory", {{"a/", ""}, {"a/x", "AX"}, {"f", "F"}},
      {{"f/", ""}, {"f/x", "AX"}, {"a", "F"}}, [](Rig& r) { r.Exchange("a", "f"); });
  add("RemoveTree", kDirOfFiles, {}, [](Rig& r) {
    r.Remove("d/x");
    r.Remove("d/y");
    r.Remove("d/s/z");
    r.RemoveDir("d/s");
    r.RemoveDir("d");
  });
  add("RemoveDirectoryAndMakeItAnew", {{"d/", ""}, {"d/x", "X"}}, {{"d/", ""}, {"d/y", "Y"}},
      [](Rig& r) {
        r.Remove("d/x");
        r.RemoveDir("d");
        r.MakeDir("d");
        r.Put("d/y", "Y");
      });
  add("RemoveMakeRemoveDirectory", {{"d/", ""}, {"d/x", "X"}}, {}, [](Rig& r) {
    r.Remove("d/x");
    r.RemoveDir("d");
    r.MakeDir("d");
    r.RemoveDir("d");
  });
}

void ExchangedTwiceScenarios(Adder add) {
  static constexpr const char* kExchangedTwice[] = {
      "ExchangeDirectoriesAndBackTheirFiles0", "ExchangeDirectoriesAndBackTheirFiles1",
      "ExchangeDirectoriesAndBackTheirFiles2", "ExchangeDirectoriesAndBackTheirFiles3",
      "ExchangeDirectoriesAndBackTheirFiles4", "ExchangeDirectoriesAndBackTheirFiles5"};
  for (int steps = 0; steps < 6; ++steps) {
    add(kExchangedTwice[steps],
        {{"a/", ""}, {"a/x", "AX"}, {"a/y", "AY"}, {"b/", ""}, {"b/x", "BX"}, {"b/y", "BY"}},
        {{"a/", ""},
         {"a/x", "NEW"},
         {"b/", ""},
         {"b/y", "AY"},
         {"c/", ""},
         {"c/x", "AX"},
         {"c/y", "BY"},
         {"q", "BX"}},
        [steps](Rig& r) {
          r.Exchange("a", "b");
          r.Exchange("a/x", "b/x");
          for (int i = 0; i < steps; ++i) r.OneStep();
          r.Move("b/x", "q");
          r.Move("a", "c");
          r.MakeDir("a");
          r.Put("a/x", "NEW");
          EXPECT_FALSE(r.Has("b/x"));
        });
  }
  add("ExchangeDirectoriesAndBackTheirFilesThenMoveWhatIsAbove",
      {{"p/", ""}, {"p/a/", ""}, {"p/a/x", "AX"}, {"b/", ""}, {"b/x", "BX"}, {"b/y", "BY"}},
      {{"b/", ""},
       {"p/", ""},
       {"q", "BX"},
       {"r/", ""},
       {"r/a/", ""},
       {"r/a/x", "AX"},
       {"r/a/y", "BY"}},
      [](Rig& r) {
        r.Exchange("p/a", "b");
        r.Exchange("p/a/x", "b/x");
        for (int i = 0; i < 3; ++i) r.OneStep();
        r.Move("b/x", "q");
        r.Move("p", "r");
        r.MakeDir("p");
        EXPECT_FALSE(r.Has("b/x"));
      });
}

void MixedDirectoryScenarios(Adder add) {
  add("RenameDirectoryThenRemoveIt", {{"d/", ""}, {"d/x", "X"}}, {}, [](Rig& r) {
    r.Move("d", "e");
    r.Remove("e/x");
    r.RemoveDir("e");
  });
  add("RenameDirectoryOverAnEmptyOne", {{"a/", ""}, {"a/x", "X"}, {"b/", ""}},
      {{"b/", ""}, {"b/x", "X"}}, [](Rig& r) {
        const ufs::UfsTraits& traits = r.ufs().Traits();
        if (!traits.real_directories && !traits.writes_markers) r.MakeDir("b");
        r.Move("a", "b");
      });
  add("MoveOutOfRenamedDirectory", kDirOfFiles,
      {{"e/", ""}, {"e/y", "Y"}, {"e/s/", ""}, {"e/s/z", "Z"}, {"d", "X"}}, [](Rig& r) {
        r.Move("d", "e");
        r.Move("e/x", "d");
      });
  add("UploadsIntoRenamedDirectories", {}, {{"c/", ""}, {"c/1", "1"}, {"c/2", "2"}, {"c/3", "3"}},
      [](Rig& r) {
        r.MakeDir("a");
        r.Put("a/1", "1");
        r.Move("a", "b");
        r.Put("b/2", "2");
        r.Move("b", "c");
        r.Put("c/3", "3");
      });
  add("AttributesOfAFileAndItsDirectory", kDirOfFiles,
      {{"d/", ""}, {"d/x", "X2"}, {"d/y", "Y"}, {"d/s/", ""}, {"d/s/z", "Z"}}, [](Rig& r) {
        r.Chmod("d/x", 0600);
        r.Chmod("d", 0711);
        r.Put("d/x", "X2");
        r.Chmod("d/x", 0640);
      });
}

void SymlinkScenarios(Adder add) {
  add(
      "Symlinks", {}, {{"b", "-> 2"}, {"c", "-> 1"}},
      [](Rig& r) {
        r.Symlink("a", "1");
        r.Symlink("b", "2");
        r.Move("a", "c");
      },
      true);
  add(
      "ExchangeSymlinkAndFile", {{"f", "F"}}, {{"f", "-> t"}, {"s", "F"}},
      [](Rig& r) {
        r.Symlink("s", "t");
        r.Exchange("s", "f");
      },
      true);
}

void HardLinkScenarios(Adder add) {
  add("HardLinks", {{"f", "F"}}, {{"f", "F2"}, {"g", "F2"}, {"h", "F2"}}, [](Rig& r) {
    r.Link("f", "g");
    r.Put("g", "F2");
    r.Link("f", "h");
  });
  add("HardLinkOutlivesItsFirstName", {{"f", "F"}}, {{"g", "F"}}, [](Rig& r) {
    r.Link("f", "g");
    r.Remove("f");
  });
  // The UFS has the link and still the first name when the other name moves.
  add("HardLinkRenamedOnceItIsTheOnlyName", {{"f", "F"}}, {{"h", "F"}}, [](Rig& r) {
    r.Link("f", "g");
    r.Drain();
    r.Remove("f");
    r.Move("g", "h");
    if (!r.Crashed()) {
      EXPECT_TRUE(r.Revalidate("").ok());
    }
  });
  add("HardLinkOfWhatIsExchangedKeepsItsTime", {{"a", "A"}, {"b", "B"}},
      {{"a", "B"}, {"b", "A"}, {"l", "A"}}, [](Rig& r) {
        r.Link("a", "l");
        r.Drain();
        r.Exchange("a", "b");
        r.Drain();
        r.SetTime("l", 1'000'000'000);
      });
  add("HardLinkOfWhatIsExchangedWhileItIsMade", {{"a", "A"}, {"b", "B"}},
      {{"a", "B"}, {"b", "A"}, {"l", "A"}}, [](Rig& r) {
        r.Link("a", "l");
        r.Exchange("a", "b");
        r.SetTime("b", 1'000'000'000);
        r.Drain();
        r.SetTime("l", 2'000'000'000);
      });
  add("HardLinkRemoved", {{"f", "F"}}, {{"f", "F"}}, [](Rig& r) {
    r.Link("f", "g");
    r.Remove("g");
  });
  add("HardLinkReplacedAndRenamed", {{"f", "F"}}, {{"g", "new"}, {"h", "F"}, {"i", "F"}},
      [](Rig& r) {
        r.Link("f", "g");
        r.Link("f", "h");
        r.Put("t", "new");
        r.Move("t", "g");
        r.Move("f", "i");
      });
  add("HardLinkInARenamedDirectory", kDirOfFiles,
      {{"e/", ""}, {"e/x", "X"}, {"e/y", "Y"}, {"e/s/", ""}, {"e/s/z", "Z"}, {"l", "X"}},
      [](Rig& r) {
        r.Link("d/x", "l");
        r.Move("d", "e");
      });
  add("AllNamesRemovedOneByOne", {{"f", "F"}}, {}, [](Rig& r) {
    r.Link("f", "g");
    r.Remove("f");
    r.Remove("g");
  });
}

void OpenScenarios(Adder add) {
  add("OpenWhileReplaced", {{"f", "F"}}, {{"f", "new"}}, [](Rig& r) {
    const InodeId open = r.Open("f");
    r.Put("t", "new");
    r.Move("t", "f");
    if (!r.Crashed()) {
      EXPECT_EQ(r.ReadOpen(open), "F");
    }
    r.Drain();
    if (r.Crashed()) return;
    EXPECT_EQ(r.ReadOpen(open), "F");
    r.Close(open);
  });
  add("OpenWhileRemovedAndMadeADirectory", {{"f", "F"}}, {{"f/", ""}}, [](Rig& r) {
    const InodeId open = r.Open("f");
    r.Remove("f");
    r.MakeDir("f");
    r.Drain();
    if (r.Crashed()) return;
    EXPECT_EQ(r.ReadOpen(open), "F");
    r.Close(open);
  });
}

}  // namespace

void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.name; }

std::vector<Scenario> Scenarios() {
  std::vector<Scenario> all;
  for (auto add : {FileScenarios, RenameScenarios, KindScenarios, DirectoryScenarios,
                   NestedDirectoryScenarios, RemovedDirectoryScenarios, ExchangedTwiceScenarios,
                   MixedDirectoryScenarios, SymlinkScenarios, HardLinkScenarios, OpenScenarios}) {
    add(Adder(all));
  }
  return all;
}

}  // namespace tarn::meta
