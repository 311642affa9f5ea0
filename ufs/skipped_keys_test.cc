#include "ufs/skipped_keys.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "base/testing/temporary_directory.h"

namespace tarn::ufs {
namespace {

class SkippedKeysTest : public testing::Test {
 protected:
  SkippedKeysTest() {
    LogOptions options;
    options.file = directory_.path() + "/log";
    EXPECT_TRUE(StartLog(options).ok());
  }
  ~SkippedKeysTest() override { EXPECT_TRUE(StartLog({}).ok()); }
  std::vector<std::string> Lines() const {
    FlushLog();
    std::ifstream log(directory_.path() + "/log");
    std::vector<std::string> lines;
    for (std::string line; std::getline(log, line);) lines.push_back(line);
    return lines;
  }
  void Note(size_t first, size_t count) {
    for (size_t i = first; i < first + count; ++i) keys_.Note(Concat("s3://b/", i, "//"), "why");
  }

  const TemporaryDirectory directory_;
  SkippedKeys keys_;
};

TEST_F(SkippedKeysTest, EachKeyCountsAndIsLoggedOnce) {
  for (int i = 0; i < 3; ++i) {
    keys_.Note("s3://b/x//y", "an empty name");
    keys_.Note("s3://b/..", "leads out");
  }
  EXPECT_EQ(keys_.Get().keys, 2u);
  EXPECT_FALSE(keys_.Get().or_more);
  ASSERT_EQ(Lines().size(), 2u);
  EXPECT_NE(Lines()[0].find("not shown: s3://b/x//y: an empty name"), std::string::npos);
}

TEST_F(SkippedKeysTest, TheLastLineOfTheLogSaysThatThereAreMore) {
  Note(0, SkippedKeys::kMaxLogged);
  EXPECT_EQ(Lines().size(), SkippedKeys::kMaxLogged);
  Note(0, SkippedKeys::kMaxLogged + 1000);
  ASSERT_EQ(Lines().size(), SkippedKeys::kMaxLogged + 1);
  EXPECT_NE(Lines().back().find("more than 100 keys"), std::string::npos) << Lines().back();
  EXPECT_EQ(keys_.Get().keys, SkippedKeys::kMaxLogged + 1000);
}

TEST_F(SkippedKeysTest, CountingEndsToo) {
  Note(0, SkippedKeys::kMaxCounted);
  EXPECT_FALSE(keys_.Get().or_more);
  Note(0, 10);
  EXPECT_FALSE(keys_.Get().or_more) << "these are known";
  Note(SkippedKeys::kMaxCounted, 10);
  EXPECT_EQ(keys_.Get().keys, SkippedKeys::kMaxCounted);
  EXPECT_TRUE(keys_.Get().or_more);
}

}  // namespace
}  // namespace tarn::ufs
