#include "main/mode_change.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

constexpr uint32_t kUmask = 022;

uint32_t File(const char* text, uint32_t mode) {
  const Result<ModeChange> change = ModeChange::Parse(text, kUmask);
  EXPECT_TRUE(change.ok()) << change.status().ToString();
  return change.ok() ? change->Apply(mode, ModeChange::Kind::kFile) : 0;
}

uint32_t Directory(const char* text, uint32_t mode) {
  const Result<ModeChange> change = ModeChange::Parse(text, kUmask);
  EXPECT_TRUE(change.ok()) << change.status().ToString();
  return change.ok() ? change->Apply(mode, ModeChange::Kind::kDirectory) : 0;
}

TEST(ModeChange, OctalDigitsReplaceAllBits) {
  EXPECT_EQ(File("755", 04600), 0755u);
  EXPECT_EQ(File("0", 07777), 0u);
  EXPECT_EQ(Directory("1777", 02700), 01777u);
}

TEST(ModeChange, SymbolsChangeTheBitsOfTheOnesNamed) {
  EXPECT_EQ(File("u+x", 0644), 0744u);
  EXPECT_EQ(File("go-w", 0666), 0644u);
  EXPECT_EQ(File("a=r", 0755), 0444u);
  EXPECT_EQ(File("o=", 0757), 0750u);
  EXPECT_EQ(File("ug=rw,o=r", 0), 0664u);
  EXPECT_EQ(File("u=rwx,g=u,o=g", 0), 0777u);
  EXPECT_EQ(File("u+r-w", 0200), 0400u);
}

TEST(ModeChange, WithoutANameTheUmaskCounts) {
  EXPECT_EQ(File("+w", 0444), 0644u);
  EXPECT_EQ(File("+x", 0644), 0755u);
  EXPECT_EQ(File("a+w", 0444), 0666u);
}

TEST(ModeChange, SpecialBitsBelongToUserGroupAndOther) {
  EXPECT_EQ(File("u+s", 0755), 04755u);
  EXPECT_EQ(File("g+s", 0755), 02755u);
  EXPECT_EQ(File("u=rx", 04755), 0555u);
  EXPECT_EQ(Directory("+t", 0755), 01755u);
}

TEST(ModeChange, ADirectoryKeepsSetgidUnlessItIsNamed) {
  EXPECT_EQ(Directory("g=rx", 02775), 02755u);
  EXPECT_EQ(Directory("g-s", 02775), 0775u);
}

TEST(ModeChange, CapitalXIsForDirectoriesAndPrograms) {
  EXPECT_EQ(File("a+X", 0644), 0644u);
  EXPECT_EQ(File("a+X", 0744), 0755u);
  EXPECT_EQ(Directory("a+X", 0644), 0755u);
}

TEST(ModeChange, WhatIsNoModeIsRefused) {
  for (const char* text : {"", "8", "77777", "u", "u+q", "x+u", "u+x,", "u+rg", "u+gr", "+-q"}) {
    EXPECT_EQ(ModeChange::Parse(text, kUmask).code(), Code::kInvalid) << text;
  }
}

}  // namespace
}  // namespace tarn
