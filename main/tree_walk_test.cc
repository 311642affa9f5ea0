#include "main/tree_walk.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <vector>

#include "base/descriptor.h"
#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "main/tree_totals.h"

namespace tarn {
namespace {

// Writes down what it sees. Fails at the path `fails_at`.
class Recorder final : public TreeVisitor {
 public:
  Status Enter(const TreeEntry& entry) override { return Note("enter ", entry); }
  Status Visit(const TreeEntry& entry) override { return Note("visit ", entry); }
  Status Leave(const TreeEntry& entry, Below below) override {
    return Note(below == Below::kWhole ? "leave " : "leave failed ", entry);
  }
  std::vector<std::string> seen;
  std::string fails_at;
  Code code = Code::kIo;

 private:
  Status Note(const char* what, const TreeEntry& entry) {
    seen.push_back(what + entry.path);
    return entry.path == fails_at ? Status(code, "told to fail") : OkStatus();
  }
};

using Seen = std::vector<std::string>;

class TreeWalkTest : public testing::Test {
 protected:
  void Make(const std::string& name) { ASSERT_EQ(mkdir((directory_ / name).c_str(), 0755), 0); }
  void Write(const std::string& name) {
    const Descriptor file(open((directory_ / name).c_str(), O_CREAT | O_WRONLY, 0644));
    ASSERT_EQ(write(file.get(), "abc", 3), 3);
  }
  void Walk(TreeVisitor& visitor, const std::string& path = "top") {
    const Descriptor root(open(directory_.path().c_str(), O_PATH | O_DIRECTORY));
    WalkTree(root.get(), path, "/" + path, visitor, failures_);
  }

  TemporaryDirectory directory_;
  Failures failures_{Failures::Report::kCount};
  Recorder recorder_;
};

TEST_F(TreeWalkTest, EntriesComeInOrderBetweenEnterAndLeave) {
  Make("top");
  Make("top/b");
  Write("top/b/in");
  Write("top/a");
  Write("top/c");
  Walk(recorder_);
  EXPECT_EQ(recorder_.seen, (Seen{"enter /top", "visit /top/a", "enter /top/b", "visit /top/b/in",
                                  "leave /top/b", "visit /top/c", "leave /top"}));
  EXPECT_EQ(failures_.ExitStatus(), 0);
}

TEST_F(TreeWalkTest, SymlinksAreNotFollowed) {
  Make("top");
  ASSERT_EQ(symlink(".", (directory_ / "top/loop").c_str()), 0);
  ASSERT_EQ(symlink("/", (directory_ / "top/out").c_str()), 0);
  Walk(recorder_);
  EXPECT_EQ(recorder_.seen,
            (Seen{"enter /top", "visit /top/loop", "visit /top/out", "leave /top"}));
  Recorder itself;
  Walk(itself, "top/loop");
  EXPECT_EQ(itself.seen, Seen{"visit /top/loop"});
}

TEST_F(TreeWalkTest, AnErrorFailsTheDirectoriesAboveAndTheWalkGoesOn) {
  Make("top");
  Make("top/a");
  Write("top/a/bad");
  Write("top/a/good");
  Make("top/b");
  recorder_.fails_at = "/top/a/bad";
  Walk(recorder_);
  EXPECT_EQ(recorder_.seen,
            (Seen{"enter /top", "enter /top/a", "visit /top/a/bad", "visit /top/a/good",
                  "leave failed /top/a", "enter /top/b", "leave /top/b", "leave failed /top"}));
  EXPECT_EQ(failures_.count(), 1u);
}

TEST_F(TreeWalkTest, ADirectoryThatIsRefusedIsLeftOut) {
  Make("top");
  Make("top/a");
  Write("top/a/in");
  recorder_.fails_at = "/top/a";
  Walk(recorder_);
  EXPECT_EQ(recorder_.seen, (Seen{"enter /top", "enter /top/a", "leave failed /top"}));
}

TEST_F(TreeWalkTest, CancelledEndsTheWalk) {
  Make("top");
  Make("top/a");
  Write("top/a/first");
  Write("top/a/second");
  Write("top/b");
  recorder_.fails_at = "/top/a/first";
  recorder_.code = Code::kCancelled;
  Walk(recorder_);
  EXPECT_EQ(recorder_.seen, (Seen{"enter /top", "enter /top/a", "visit /top/a/first"}));
  EXPECT_EQ(failures_.ExitStatus(), 1);
}

TEST_F(TreeWalkTest, AnAbsentPathIsOneFailure) {
  Walk(recorder_, "absent");
  EXPECT_EQ(recorder_.seen, Seen());
  EXPECT_EQ(failures_.count(), 1u);
}

// Removes what it visits.
class Removing final : public TreeVisitor {
 public:
  Status Enter(const TreeEntry&) override { return OkStatus(); }
  Status Visit(const TreeEntry& leaf) override { return Remove(leaf, 0); }
  Status Leave(const TreeEntry& entry, Below) override { return Remove(entry, AT_REMOVEDIR); }

 private:
  static Status Remove(const TreeEntry& entry, int flags) {
    if (unlinkat(entry.directory, entry.name, flags) == 0) return OkStatus();
    return ErrnoStatus(errno, Concat("remove ", entry.path));
  }
};

TEST_F(TreeWalkTest, ADeepTreeNeedsFewDescriptors) {
  constexpr int kDepth = 3000;  // More than the limit of descriptors, and longer than PATH_MAX.
  Make("top");
  {
    Descriptor at(open((directory_ / "top").c_str(), O_PATH | O_DIRECTORY));
    for (int i = 1; i < kDepth; ++i) {
      ASSERT_EQ(mkdirat(at.get(), "deep", 0755), 0);
      at.Reset(openat(at.get(), "deep", O_PATH | O_DIRECTORY));
    }
  }
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few = {120, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  TreeTotals totals;
  Walk(totals);
  EXPECT_EQ(totals.directories(), static_cast<uint64_t>(kDepth));
  Removing removing;
  Walk(removing);
  EXPECT_EQ(failures_.count(), 0u);
  EXPECT_NE(access((directory_ / "top").c_str(), F_OK), 0);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

TEST_F(TreeWalkTest, TotalsCountFilesDirectoriesAndBytes) {
  Make("top");
  Make("top/a");
  Write("top/a/one");
  Write("top/two");
  ASSERT_EQ(symlink("two", (directory_ / "top/link").c_str()), 0);
  TreeTotals totals;
  Walk(totals);
  EXPECT_EQ(totals.files(), 3u);
  EXPECT_EQ(totals.directories(), 2u);
  EXPECT_EQ(totals.bytes(), 6u);
}

}  // namespace
}  // namespace tarn
