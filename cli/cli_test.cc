#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "cli/format.h"
#include "cli/registry.h"
#include "cli/remote.h"

namespace tarn::cli {
namespace {

TEST(ModeTextTest, ShowsTypePermissionsAndSpecialBits) {
  role::Attr attr;
  attr.mode = 0644;
  EXPECT_EQ(ModeText(attr), "-rw-r--r--");
  attr.type = role::FileType::kDirectory;
  attr.mode = 01777;
  EXPECT_EQ(ModeText(attr), "drwxrwxrwt");
  attr.mode = 06644;
  EXPECT_EQ(ModeText(attr), "drwSr-Sr--");
}

TEST(ShownTest, ControlCharactersAreEscaped) {
  EXPECT_EQ(Shown("a\nb\x1b"), "a\\x0ab\\x1b");
  EXPECT_EQ(Shown("\xc3\xa9"), "\xc3\xa9");
}

TEST(LocalTimeTest, ATimeBeforeTheEpochIsRoundedDown) {
  setenv("TZ", "UTC", 1);
  tzset();
  EXPECT_EQ(LocalTime(0), "1970-01-01 00:00:00");
  EXPECT_EQ(LocalTime(-1), "1969-12-31 23:59:59");
}

TEST(ToJsonTest, PinnedBytesComeWithTheirLimit) {
  role::NodeUsage node;
  node.cache_pinned_bytes = 7;
  node.cache_pinned_limit_bytes = 30;
  const std::string text = Dump(ToJson(role::ProcessInfo(), node));
  EXPECT_NE(text.find("\"cache_pinned_bytes\": 7"), std::string::npos) << text;
  EXPECT_NE(text.find("\"cache_pinned_limit_bytes\": 30"), std::string::npos) << text;
}

TEST(SizeTextTest, UsesBinaryUnits) {
  EXPECT_EQ(SizeText(512), "512 B");
  EXPECT_EQ(SizeText(1536), "1.5 KiB");
}

char StateOf(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string line;
  std::getline(file, line);
  const size_t name_end = line.rfind(')');
  return name_end + 2 < line.size() ? line[name_end + 2] : '?';
}

// The child's other thread runs this, and lives until the pipe is closed.
void* WaitForEnd(void* pipe) {
  char byte = 0;
  static_cast<void>(read(*static_cast<int*>(pipe), &byte, 1));
  // Ends all threads: a sanitizer's own thread would outlive this one.
  syscall(SYS_exit_group, 0);
  return nullptr;
}

TEST(ProcessRunsTest, AProcessRunsUntilItsLastThreadEnds) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(ends[1]);
    pthread_t other;
    pthread_create(&other, nullptr, WaitForEnd, &ends[0]);
    syscall(SYS_exit, 0);  // Ends the first thread alone.
  }
  close(ends[0]);
  EXPECT_TRUE(ProcessRuns(child));
  while (StateOf(child) != 'Z') std::this_thread::yield();
  EXPECT_TRUE(ProcessRuns(child)) << "a thread of it is left";
  close(ends[1]);
  siginfo_t info{};
  ASSERT_EQ(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
  EXPECT_FALSE(ProcessRuns(child)) << "its parent has not waited for it yet";
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
}

}  // namespace
}  // namespace tarn::cli
