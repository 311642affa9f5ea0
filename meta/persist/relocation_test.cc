#include "meta/persist/relocation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "kv/memory.h"
#include "meta/mounts/root.h"
#include "meta/ops/operations.h"
#include "meta/store/change.h"
#include "meta/store/changes.h"
#include "ufs/memory.h"

namespace tarn::meta {
namespace {

using ::testing::HasSubstr;

constexpr int kChildren = 450;  // Three pages.

// Each reading advances it by a step, and a sleep by its length at once.
class SteppingClock final : public Clock {
 public:
  MonotonicTime Now() const override { return MonotonicTime(Nanos(elapsed_ns_ += step_ns)); }
  int64_t WallNs() const override { return elapsed_ns_; }
  bool SleepFor(Nanos duration, const std::stop_token& stop) override {
    elapsed_ns_ += duration.count();
    return !stop.stop_requested();
  }

  std::atomic<int64_t> step_ns = 1000;

 private:
  mutable std::atomic<int64_t> elapsed_ns_ = 0;
};

// All names are known.
class KnownNames final : public Loader {
 public:
  std::function<void()> on_load_all = [] {};

  Status LoadName(InodeId, std::string_view) override { return OkStatus(); }
  Status LoadAll(InodeId) override {
    on_load_all();
    return OkStatus();
  }
  Result<Loaded> LoadMore(InodeId, Progress&) override { return Loaded::kAll; }
  Status Touch(InodeId) override { return OkStatus(); }
  Status TouchName(InodeId, std::string_view) override { return OkStatus(); }
  Nanos FreshFor(InodeId, std::string_view) const override { return Nanos::zero(); }
  Status LookAgain(InodeId, std::string_view) override { return OkStatus(); }
  Status Revalidate(InodeId) override { return OkStatus(); }
  void NameCreated(InodeId, std::string_view) override {}
  void DirectoryMade(InodeId) override {}
};

// A directory that was moved, and whose children are in place.
class RelocationTest : public ::testing::Test {
 protected:
  RelocationTest() {
    EXPECT_TRUE(mounts_.Add(MountId(1), ufs::NewMemoryUfs(clock_)).ok());
    EXPECT_TRUE(PrepareStore(context_, RootMount{}).ok());
    dir_ = Make(kRootInode, "d", role::FileType::kDirectory);
    for (int i = 0; i < kChildren; ++i) {
      Make(dir_, "f" + std::to_string(i), role::FileType::kRegular);
    }
    EXPECT_TRUE(CommitChange(context_, {.what = "make it"}, [&](ChangeRun& run) -> Status {
                  ASSIGN_OR_RETURN(InodeRecord dir,
                                   ReadInode(run.txn, dir_, kv::Reads::kSerializable));
                  dir.made = true;
                  dir.made_key = "d";
                  PutInode(run.txn, dir);
                  return OkStatus();
                }).ok());
  }
  InodeId Make(InodeId parent, const std::string& name, role::FileType type) {
    const auto made = ops::Create(env_, {}, parent, name, {type, 0755, 0, ""});
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return made->attr.ino;
  }

  SteppingClock clock_;
  const std::unique_ptr<kv::Store> store_ = kv::NewMemoryStore(clock_);
  ufs::UfsMounts mounts_;
  IdAllocator ids_{*store_, clock_};
  ChangeFeed changes_;
  ChangeGate gate_;
  Encounters encounters_;
  KeyChanges key_changes_;
  OpenWriters writers_;
  QueueClock queue_clock_{clock_};
  Parents parents_;
  Context context_{*store_, mounts_,     clock_,       {},       ids_,         changes_,
                   gate_,   encounters_, key_changes_, writers_, queue_clock_, parents_};
  KnownNames names_;
  const Env env_{context_, names_};
  InodeId dir_;
  Relocations relocations_{context_, names_};
};

// Each transaction is too old at its first read.
TEST_F(RelocationTest, ARelocationThatNeverCommitsEndsAndSaysWhere) {
  names_.on_load_all = [this] { clock_.step_ns = 2 * Nanos(kv::kMaxTransactionLife).count(); };
  context_.options.operation_deadline = std::chrono::minutes(10);
  const Result<bool> moved = relocations_.Advance(dir_);
  EXPECT_EQ(moved.code(), Code::kTooOld);
  EXPECT_THAT(moved.status().message(), HasSubstr("queue the children of the renamed directory"));
}

TEST_F(RelocationTest, ALongRelocationEndsAtItsDeadlineAndGoesOnInTheNextCall) {
  context_.options.operation_deadline = std::chrono::microseconds(20);
  int calls = 0;
  for (bool moved = false; !moved && calls < 20; ++calls) {
    const Result<bool> advanced = relocations_.Advance(dir_);
    ASSERT_TRUE(advanced.ok()) << advanced.status().ToString();
    moved = *advanced;
  }
  EXPECT_GT(calls, 1);
  EXPECT_LT(calls, 10);
}

TEST_F(RelocationTest, AShortRelocationEndsInOneCall) {
  EXPECT_TRUE(relocations_.Advance(dir_).value());
}

}  // namespace
}  // namespace tarn::meta
