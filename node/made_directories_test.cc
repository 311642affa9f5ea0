#include "node/made_directories.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "base/testing/temporary_directory.h"

namespace tarn {
namespace {

bool Exists(const std::string& path) {
  struct stat st = {};
  return stat(path.c_str(), &st) == 0;
}

TEST(MadeDirectories, WhatWasMadeIsRemovedWithItsContents) {
  const TemporaryDirectory root;
  MadeDirectories made;
  ASSERT_TRUE(made.Make(root / "a/b/state").ok());
  ASSERT_TRUE(made.Make(root / "a/b/state/cache").ok());
  std::ofstream(root / "a/b/state/LOCK") << "1";
  std::ofstream(root / "a/b/state/cache/page") << "2";
  made.Remove();
  EXPECT_FALSE(Exists(root / "a"));
  EXPECT_TRUE(Exists(root.path()));
}

TEST(MadeDirectories, AnEmptyDirectoryIsEmptyAgain) {
  const TemporaryDirectory root;
  ASSERT_EQ(mkdir((root / "given").c_str(), 0755), 0);
  MadeDirectories made;
  ASSERT_TRUE(made.Make(root / "given").ok());
  ASSERT_TRUE(made.Make(root / "given/cache").ok());
  std::ofstream(root / "given/LOCK") << "1";
  made.Remove();
  EXPECT_TRUE(Exists(root / "given"));
  EXPECT_FALSE(Exists(root / "given/LOCK"));
  EXPECT_FALSE(Exists(root / "given/cache"));
}

TEST(MadeDirectories, WhatWasThereBeforeStays) {
  const TemporaryDirectory root;
  ASSERT_EQ(mkdir((root / "used").c_str(), 0755), 0);
  std::ofstream(root / "used/mine") << "kept";
  MadeDirectories made;
  ASSERT_TRUE(made.Make(root / "used").ok());
  std::ofstream(root / "used/LOCK") << "1";
  made.Remove();
  EXPECT_TRUE(Exists(root / "used/mine"));
  EXPECT_TRUE(Exists(root / "used/LOCK"));
}

TEST(MadeDirectories, AParentThatAnotherProcessUsesStays) {
  const TemporaryDirectory root;
  MadeDirectories made;
  ASSERT_TRUE(made.Make(root / "tarn/one").ok());
  ASSERT_EQ(mkdir((root / "tarn/other").c_str(), 0755), 0);
  made.Remove();
  EXPECT_FALSE(Exists(root / "tarn/one"));
  EXPECT_TRUE(Exists(root / "tarn/other"));
}

TEST(MadeDirectories, AFileInTheWayIsAnError) {
  const TemporaryDirectory root;
  std::ofstream(root / "file") << "1";
  MadeDirectories made;
  EXPECT_EQ(made.Make(root / "file/state").code(), Code::kNotDirectory);
}

}  // namespace
}  // namespace tarn
