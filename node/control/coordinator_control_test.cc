// A command that changes names or contents answers after the kernel was told to forget them.

#include "node/control/coordinator_control.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "client/testing/file_system_fixture.h"
#include "node/control/node_control.h"
#include "worker/testing/fakes.h"

namespace tarn {
namespace {

// Mounts an empty source in memory, whatever is asked for.
class MemorySources final : public SourceMounts {
 public:
  MemorySources(role::MountTable& table, ufs::UfsMounts& mounts, Clock& clock)
      : table_(table), mounts_(mounts), clock_(clock) {}

  Status OpenAll() override { return OkStatus(); }
  void UseTable(role::MountTable&) override {}
  std::vector<MountId> MayHoldLeftovers(LastEnd) const override { return {}; }
  void Start(const Parts&) override {}
  void Stop() override {}
  Result<role::UfsMountInfo> Mount(const role::UfsMountRequest& request) override {
    role::MountSpec spec;
    ASSIGN_OR_RETURN(spec.mount, table_.NewId());
    RETURN_IF_ERROR(mounts_.Add(spec.mount, ufs::NewMemoryUfs(clock_), ufs::Access::kReadWrite));
    spec.path = request.path;
    spec.uri = request.source;
    spec.identity = request.source;
    ASSIGN_OR_RETURN(mounted_, table_.Mount({SessionId(1), 0, 0, 0}, spec));
    return role::UfsMountInfo{};
  }
  Status Unmount(const role::UfsUnmountRequest&) override {
    table_.StopChanges(mounted_.mount);
    RETURN_IF_ERROR(table_.Detach(mounted_.mount));
    return Status(Code::kIo, "not everything is forgotten yet");
  }
  Result<std::vector<role::UfsMountInfo>> List() override {
    return std::vector<role::UfsMountInfo>{};
  }

 private:
  role::MountTable& table_;
  ufs::UfsMounts& mounts_;
  Clock& clock_;
  role::MountInfo mounted_;
};

class CoordinatorControlTest : public client::FileSystemFixture {
 protected:
  CoordinatorControlTest() {
    fs();
    node_ = NewNodeControl(upkeep(), *cache_);
    sources_.emplace(namespace_->GetMountTable(), mounts_, clock_);
    control_ =
        NewCoordinatorControl({fs(), namespace_->GetMaintenance(), queue(), *sources_, *node_});
    kernel().SetInvalidator([this](const role::Change& change) { Hear(change); });
  }
  ~CoordinatorControlTest() override { kernel().SetInvalidator({}); }

  // Whether the kernel was told to forget the name in the root. Forgets what was heard.
  bool HeardOf(const std::string& name) {
    MutexLock lock(mutex_);
    bool heard = false;
    for (const role::Change& change : std::exchange(heard_, {})) {
      heard |= change.parent == kRootInode && change.name == name;
    }
    return heard;
  }

  std::unique_ptr<role::NodeControl> node_;
  std::optional<MemorySources> sources_;
  std::unique_ptr<role::CoordinatorControl> control_;

 private:
  // Slow, so a command that does not wait for it answers first.
  void Hear(const role::Change& change) {
    SystemClock().SleepFor(std::chrono::milliseconds(50), {});
    MutexLock lock(mutex_);
    heard_.push_back(change);
  }

  Mutex mutex_;
  std::vector<role::Change> heard_ GUARDED_BY(mutex_);
};

TEST_F(CoordinatorControlTest, AMountAnswersAfterTheKernelForgotThatTheNameIsAbsent) {
  ASSERT_TRUE(control_->UfsMount({"/other", "mem://other", false, {}}).ok());
  EXPECT_TRUE(HeardOf("other"));
}

TEST_F(CoordinatorControlTest, AnUnmountAnswersAfterTheKernelForgotTheName) {
  ASSERT_TRUE(control_->UfsMount({"/other", "mem://other", false, {}}).ok());
  ASSERT_TRUE(HeardOf("other"));
  EXPECT_EQ(control_->UfsUnmount({"/other", false, false}).code(), Code::kIo);
  EXPECT_TRUE(HeardOf("other")) << "the mount point is gone, although an error is returned";
}

TEST_F(CoordinatorControlTest, TakingTheirsAnswersAfterTheKernelForgotOurs) {
  const InodeId ino = Outside("f", "base");
  {
    const client::Opened opened = Open(ino, O_RDWR);
    Write(*opened.file, 4, "+ours");
    ASSERT_TRUE(opened.file->Flush().ok());
  }
  worker::PutObject(*below_, "f", "theirs");
  PersistDue();
  ASSERT_EQ(AttrOf(ino).persist, role::PersistState::kConflict);
  HeardOf("f");
  ASSERT_TRUE(control_->PersistResolve("/f", role::Take::kTheirs).ok());
  EXPECT_TRUE(HeardOf("f"));
}

}  // namespace
}  // namespace tarn
