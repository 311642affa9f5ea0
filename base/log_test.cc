#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace tarn {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string name = testing::TempDir() + "tarn-log-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~LogTest() override {
    EXPECT_TRUE(StartLog({}).ok());
    std::filesystem::remove_all(directory_);
  }
  std::string Logged() const {
    FlushLog();
    std::stringstream text;
    text << std::ifstream(directory_ + "/log").rdbuf();
    return text.str();
  }
  std::string directory_;
};

TEST_F(LogTest, WritesFromItsLevelUp) {
  ASSERT_TRUE(StartLog({.level = LogLevel::kWarning, .file = directory_ + "/log"}).ok());
  LogInfo("quiet");
  LogWarning("loud {} %s ", 7, ' ', true);
  EXPECT_THAT(Logged(), HasSubstr("loud {} %s 7 true"));
  EXPECT_THAT(Logged(), Not(HasSubstr("quiet")));
  SetLogLevel(LogLevel::kDebug);
  LogDebug("now heard");
  EXPECT_THAT(Logged(), HasSubstr("now heard"));
}

TEST_F(LogTest, NoTextBeginsALineOrSpeaksToATerminal) {
  ASSERT_TRUE(StartLog({.file = directory_ + "/log"}).ok());
  LogWarning("key \"a\nE forged\r\x1b[31m\x7f", '\0', "\t\xe2\x82\xac\"");
  const std::string logged = Logged();
  EXPECT_THAT(logged, HasSubstr("key \"a\\nE forged\\r\\x1b[31m\\x7f\\x00\t\xe2\x82\xac\"\n"));
  EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 1);
}

TEST_F(LogTest, ThreadsKeepTheirLinesWhole) {
  ASSERT_TRUE(StartLog({.file = directory_ + "/log"}).ok());
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 100; ++i) LogInfo("line");
      });
    }
  }
  std::istringstream lines(Logged());
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_TRUE(line.ends_with(" line"));
  EXPECT_EQ(count, 400);
}

TEST_F(LogTest, FileThatCannotBeOpenedSaysWhy) {
  EXPECT_EQ(StartLog({.file = directory_ + "/absent/log"}).code(), Code::kNotFound);
  EXPECT_EQ(StartLog({.file = directory_}).code(), Code::kIsDirectory);
}

TEST_F(LogTest, KeepsThreeFilesWithinTheirSize) {
  ASSERT_TRUE(StartLog({.file = directory_ + "/tarn.log", .max_file_bytes = 4096}).ok());
  for (int i = 0; i < 1000; ++i) LogInfo("some line of the log");
  std::vector<std::string> names;
  for (const auto& file : std::filesystem::directory_iterator(directory_)) {
    names.push_back(file.path().filename());
    EXPECT_LE(file.file_size(), 4096u) << names.back();
  }
  EXPECT_THAT(names, UnorderedElementsAre("tarn.log", "tarn.1.log", "tarn.2.log"));
}

TEST(ParseLogLevel, UnknownLevelIsInvalid) {
  EXPECT_EQ(*ParseLogLevel("warn"), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("loud").code(), Code::kInvalid);
}

}  // namespace
}  // namespace tarn
