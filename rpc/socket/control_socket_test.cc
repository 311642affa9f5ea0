// The socket, and how errors cross it.

#include <sys/stat.h>

#include "rpc/testing/control_fixture.h"

namespace tarn::rpc {
namespace {

TEST_F(ControlSocket, EveryCodeArrivesAsItself) {
  for (int code = 1; code <= static_cast<int>(Code::kIo); ++code) {
    script_.error = Status(static_cast<Code>(code), "read \xff caf\xc3\xa9: no");
    const Result<role::ProcessInfo> answer = process()->Info();
    EXPECT_EQ(CodeName(answer.code()), CodeName(static_cast<Code>(code)));
    EXPECT_EQ(answer.status().message(), script_.error.message());
  }
}

TEST_F(ControlSocket, OnlyTheOwnerMayConnect) {
  struct stat st = {};
  ASSERT_EQ(stat(socket().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST_F(ControlSocket, AServiceOutlivesTheClientsOfTheOthers) {
  remote_.coordinator.reset();
  remote_.node.reset();
  EXPECT_TRUE(process()->Info().ok());
}

TEST(ConnectControlTest, ASocketWithoutAProcessIsUnavailable) {
  EXPECT_EQ(ConnectControl("/tmp/tarn-rpc-nothing/s").code(), Code::kUnavailable);
}

TEST(ControlServerTest, APathTooLongForASocketIsRefused) {
  Script script;
  ScriptedCoordinator coordinator(script);
  ScriptedNode node(script);
  ScriptedProcess process(script);
  EXPECT_EQ(ControlServer::Start("/tmp/" + std::string(200, 'x'), {coordinator, node, process},
                                 SystemClock())
                .code(),
            Code::kInvalid);
}

}  // namespace
}  // namespace tarn::rpc
