#include "base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace tarn {
namespace {

using testing::HasSubstr;
using testing::Not;

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::string name = testing::TempDir() + "tarn-log-XXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~LogTest() override {
    EXPECT_TRUE(StartLog({}).ok());
    for (const char* file : {"/log", "/log.1", "/log.2"}) unlink((directory_ + file).c_str());
    rmdir(directory_.c_str());
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

TEST_F(LogTest, StaysWithinItsSize) {
  ASSERT_TRUE(StartLog({.file = directory_ + "/log", .max_file_bytes = 4096}).ok());
  for (int i = 0; i < 1000; ++i) LogInfo("some line of the log");
  struct stat info {};
  ASSERT_EQ(stat((directory_ + "/log").c_str(), &info), 0);
  EXPECT_LE(info.st_size, 4096);
  EXPECT_NE(stat((directory_ + "/log.3").c_str(), &info), 0);
}

TEST(ParseLogLevel, UnknownLevelIsInvalid) {
  EXPECT_EQ(*ParseLogLevel("warn"), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("loud").code(), Code::kInvalid);
}

}  // namespace
}  // namespace tarn
