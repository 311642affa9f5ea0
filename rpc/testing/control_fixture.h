#pragma once

// Scripted services behind a control socket.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <memory>
#include <string>

#include "base/mutex.h"
#include "rpc/control_socket.h"
#include "rpc/testing/scripted_services.h"

namespace tarn::rpc {

// A service whose every call comes after all that the test did before, and before all that it does
// afterwards.
template <typename Service>
class Calls {
 public:
  Calls(Service& to, Mutex& order) : to_(to), order_(order) {}
  auto operator->() const {
    struct Call {
      Service& to;
      Mutex& order;
      ~Call() { MutexLock lock(order); }
      Service* operator->() const { return &to; }
    };
    MutexLock lock(order_);
    return Call{to_, order_};
  }

 private:
  Service& to_;
  Mutex& order_;
};

class ControlSocket : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tarn-rpc-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    Result<std::unique_ptr<ControlServer>> server = ControlServer::Start(
        socket(), {local_coordinator_, local_node_, local_process_}, SystemClock());
    ASSERT_TRUE(server.ok()) << server.status().ToString();
    server_ = std::move(*server);
    Result<ControlClients> remote = ConnectControl(socket());
    ASSERT_TRUE(remote.ok()) << remote.status().ToString();
    remote_ = std::move(*remote);
  }
  void TearDown() override {
    remote_ = {};
    server_.reset();
    EXPECT_EQ(rmdir(directory_.c_str()), 0) << "the server leaves its socket behind";
  }
  std::string socket() const { return directory_ + "/s"; }
  Calls<role::CoordinatorControl> coordinator() { return {*remote_.coordinator, script_.order}; }
  Calls<role::NodeControl> node() { return {*remote_.node, script_.order}; }
  Calls<role::ProcessControl> process() { return {*remote_.process, script_.order}; }

  std::string directory_;
  Script script_;
  ScriptedCoordinator local_coordinator_{script_};
  ScriptedNode local_node_{script_};
  ScriptedProcess local_process_{script_};
  std::unique_ptr<ControlServer> server_;
  ControlClients remote_;
};

}  // namespace tarn::rpc
