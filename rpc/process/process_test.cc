// What a process says arrives over the socket as it was said.

#include "rpc/testing/control_fixture.h"

namespace tarn::rpc {
namespace {

using ProcessOverSocket = ControlSocket;

TEST_F(ProcessOverSocket, TheInfoArrivesWhole) {
  local_process_.info = {5, "0.1", "/m\xff", "file:///s\xff", "/st\xff", 6, "embedded", true};
  const Result<role::ProcessInfo> info = process()->Info();
  ASSERT_TRUE(info.ok()) << info.status().ToString();
  EXPECT_EQ(info->pid, 5);
  EXPECT_EQ(info->version, "0.1");
  EXPECT_EQ(info->mount_point, "/m\xff");
  EXPECT_EQ(info->source, "file:///s\xff");
  EXPECT_EQ(info->state_directory, "/st\xff");
  EXPECT_EQ(info->started_ns, 6);
  EXPECT_EQ(info->mode, "embedded");
  EXPECT_TRUE(info->passthrough);
}

TEST_F(ProcessOverSocket, TheConfigurationArrivesWhole) {
  local_process_.config = {{"tarn.x", "\xff", "-D"}};
  const Result<std::vector<role::ConfigEntry>> config = process()->Config();
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  ASSERT_EQ(config->size(), 1u);
  EXPECT_EQ(config->front().name, "tarn.x");
  EXPECT_EQ(config->front().value, "\xff");
  EXPECT_EQ(config->front().source, "-D");
}

TEST_F(ProcessOverSocket, AStopAnswersWhatWaits) {
  local_process_.totals = {1, 2, 3, 4, 5, 6, 7};
  using Manner = role::ProcessControl::Manner;
  const Result<role::QueueTotals> left = process()->Stop({.manner = Manner::kLazy});
  ASSERT_TRUE(left.ok()) << left.status().ToString();
  EXPECT_EQ(left->entries, 1u);
  EXPECT_EQ(left->files, 2u);
  EXPECT_EQ(left->gave_way, 7u);
  EXPECT_EQ(local_process_.stopped_in, Manner::kLazy);
  for (const Manner manner : {Manner::kAbort, Manner::kIfIdle}) {
    ASSERT_TRUE(process()->Stop({.manner = manner}).ok());
    EXPECT_EQ(local_process_.stopped_in, manner);
  }
}

TEST_F(ProcessOverSocket, ACallerWaitsForAStopNoLongerThanItSays) {
  const Result<role::QueueTotals> left = process()->Stop({.answer_within = -std::chrono::hours(1)});
  EXPECT_EQ(left.code(), Code::kDeadlineExceeded);
}

}  // namespace
}  // namespace tarn::rpc
