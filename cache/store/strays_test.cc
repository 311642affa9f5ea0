// Cache files that the index does not know, because its log was removed, or an older copy of it was
// put back.

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "cache/testing/recovery_fixture.h"

namespace tarn::cache {
namespace {

namespace fs = std::filesystem;

std::string BytesOf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Strays : public Recovery {
 protected:
  fs::path Unknown() const { return fs::path(directory_) / "unknown"; }
  std::set<std::string> Aside() const {
    std::set<std::string> contents;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(Unknown(), none)) {
      contents.insert(BytesOf(entry.path()));
    }
    return contents;
  }
  // The store searches for them in the background.
  void AwaitAside(size_t count) {
    while (Aside().size() < count) std::this_thread::yield();
  }
  // Uses files whose inode numbers are given out again, in all ways of a program.
  void ExpectWorks() {
    MakeClean(*store_, kSmall, 1, "another");
    EXPECT_EQ(Content(kSmall, 1), "another");
    MakeDirty(*store_, kLarge, 1, "written");
    EXPECT_EQ(Content(kLarge, 1), "written");
  }
};

TEST_F(Strays, OfALostIndexAreSetAsideAndBlockNoNewFile) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  MakeClean(*store_, kSmall, 1, "clean");
  ForgetIndex();
  Start();
  ExpectWorks();
  AwaitAside(2);
  EXPECT_EQ(Aside(), (std::set<std::string>{kLargeBytes, "clean"}));
  Die();
  RecoverWith(Verdict::kKeepDirty);
  EXPECT_EQ(Content(kLarge, 1), "written");
  EXPECT_EQ(Content(kSmall, 1), "another");
}

TEST_F(Strays, AreSetAsideAfterACleanEndToo) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  ASSERT_TRUE(store_->Close().ok());
  ForgetIndex();
  Start();
  ExpectWorks();
  AwaitAside(1);
  EXPECT_EQ(Aside(), (std::set<std::string>{kLargeBytes}));
}

TEST_F(Strays, AreFoundWhereTheStateIsLostAsWell) {
  MakeDirty(*store_, kLarge, 2, kLargeBytes);
  ForgetIndex();
  fs::remove(fs::path(directory_) / "state");
  Start();
  ExpectWorks();
  AwaitAside(1);
  EXPECT_EQ(Aside(), (std::set<std::string>{kLargeBytes}));
}

TEST_F(Strays, OfTwoLossesDoNotReplaceEachOther) {
  for (const char* bytes : {"first", "second"}) {
    MakeDirty(*store_, kSmall, 1, bytes);
    const fs::path file = OnlyFile();
    ForgetIndex();
    fs::remove(fs::path(directory_) / "state");
    Start();
    AwaitAside(1);
    EXPECT_EQ(Aside(), (std::set<std::string>{bytes}));
    fs::remove_all(Unknown());
    EXPECT_FALSE(fs::exists(file));
  }
}

TEST_F(Strays, WithTheNameOfANewFileAreSetAside) {
  MakeClean(*store_, kLarge, 1, "x");
  const fs::path mine = OnlyFile();
  const uint64_t id = std::stoull(mine.extension().string().substr(1), nullptr, 16);
  std::ostringstream name;
  name << std::hex << kSmall << "." << id + 1;
  Overwrite(mine.parent_path() / name.str(), "stray");
  MakeClean(*store_, kSmall, 1, "mine");
  EXPECT_EQ(Content(kSmall, 1), "mine");
  EXPECT_EQ(Aside(), (std::set<std::string>{"stray"}));
}

}  // namespace
}  // namespace tarn::cache
