#include "main/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tarn {
namespace {

using testing::ElementsAre;
using Words = std::vector<std::string>;

// The words as the process list shows them afterwards.
Words Shown(Words words) {
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (std::string& word : words) argv.push_back(word.data());
  const Words expected(words.rbegin(), words.rend() - 1);
  EXPECT_EQ(TakeArguments(static_cast<int>(argv.size()), argv.data()), expected);
  return words;
}

TEST(Arguments, OthersAreShownAsTheyAre) {
  const Words words = {"tarn", "mount", "-f", "-o", "ro,s3a.accessKeyId=me", "--state", "/s"};
  EXPECT_EQ(Shown(words), words);
  EXPECT_THAT(Shown({"tarn", "mount", "-o"}), ElementsAre("tarn", "mount", "-o"));
}

TEST(Arguments, SecretsAmongOptionsAreHidden) {
  const std::string given = "ro,s3a.secretKey=a\\,b,nodev";
  const std::string shown = "ro,s3a.secretKey=****,nodev";
  EXPECT_THAT(Shown({"tarn", "-o", given}), ElementsAre("tarn", "-o", shown));
  EXPECT_THAT(Shown({"tarn", "-o" + given}), ElementsAre("tarn", "-o" + shown));
  EXPECT_THAT(Shown({"tarn", "-fo", given}), ElementsAre("tarn", "-fo", shown));
  EXPECT_THAT(Shown({"tarn", "-fo" + given}), ElementsAre("tarn", "-fo" + shown));
  EXPECT_THAT(Shown({"mount.tarn", "-no", given}), ElementsAre("mount.tarn", "-no", shown));
}

TEST(Arguments, SecretsAmongDefinitionsAreHidden) {
  const std::string given = "s3a.secretKey=a,b";
  const std::string shown = "s3a.secretKey=***";
  EXPECT_THAT(Shown({"tarn", "-D", given}), ElementsAre("tarn", "-D", shown));
  EXPECT_THAT(Shown({"tarn", "-D" + given}), ElementsAre("tarn", "-D" + shown));
  EXPECT_THAT(Shown({"tarn", "-fD", given}), ElementsAre("tarn", "-fD", shown));
  EXPECT_THAT(Shown({"tarn", "-fD" + given}), ElementsAre("tarn", "-fD" + shown));
}

TEST(Arguments, OnlyABackslashBeforeACommaOrABackslashIsAnEscape) {
  EXPECT_THAT(Shown({"tarn", "-o", "a\\\\,s3a.secretKey=x\\y"}),
              ElementsAre("tarn", "-o", "a\\\\,s3a.secretKey=***"));
}

}  // namespace
}  // namespace tarn
