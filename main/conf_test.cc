#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>

#include "main/commands.h"

namespace tarn {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

struct Ran {
  int exit_status = 0;
  std::string error;
};

Ran RunConf(const std::string& arguments) {
  CLI::App app;
  GlobalOptions global;
  Ran ran;
  AddConf(app, global, &ran.exit_status);
  testing::internal::CaptureStderr();
  app.parse(arguments);
  ran.error = testing::internal::GetCapturedStderr();
  return ran;
}

TEST(Conf, DefinitionsAreRefusedForAMountThatRuns) {
  for (const char* command : {"conf get --at /mnt/x -D s3a.secretKey=hunter2 s3a.secretKey",
                              "conf list --at /mnt/x -D s3a.secretKey=hunter2"}) {
    const Ran ran = RunConf(command);
    EXPECT_EQ(ran.exit_status, 1) << command;
    EXPECT_THAT(ran.error, AllOf(HasSubstr("-D s3a.secretKey has no effect"), HasSubstr("/mnt/x"),
                                 Not(HasSubstr("hunter2"))));
  }
}

}  // namespace
}  // namespace tarn
