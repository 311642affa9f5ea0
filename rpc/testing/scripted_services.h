#pragma once

// The three services of a process, which answer what a test scripts.

#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "role/coordinator_control.h"
#include "role/node_control.h"
#include "role/process_control.h"

namespace tarn::rpc {

// The threads of the server take `order` in each call. A test takes it before and after a call (see
// `Calls` in control_fixture.h). TSan sees no other order between the two, because gRPC's own is
// hidden from it.
struct Script {
  Mutex order;
  Status error;  // If it is not OK, every call answers it.
  template <typename T>
  Result<T> Answer(const T& value) {
    if (!error.ok()) return error;
    return value;
  }
};

class ScriptedCoordinator final : public role::CoordinatorControl {
 public:
  explicit ScriptedCoordinator(Script& script) : script_(script) {}
  role::PathInfo path;
  ListReply listing;
  role::QueueEntry entry;
  role::QueueTotals totals;
  role::Take taken = role::Take::kTheirs;
  std::string asked;  // The path, or the position in the queue.
  ListRequest list_request;
  role::UfsMountInfo ufs;
  role::UfsMountRequest ufs_request;
  role::UfsUnmountRequest ufs_unmount;

  Result<role::PathInfo> StatPath(const std::string& of) override {
    MutexLock lock(script_.order);
    asked = of;
    return script_.Answer(path);
  }
  Result<ListReply> ListPath(const ListRequest& request) override {
    MutexLock lock(script_.order);
    list_request = request;
    return script_.Answer(listing);
  }
  Result<role::QueuePage> PersistList(const std::string& after, size_t limit) override {
    MutexLock lock(script_.order);
    asked = after;
    return script_.Answer(
        role::QueuePage{std::vector<role::QueueEntry>(limit, entry), after + '\xff'});
  }
  Result<role::QueueEntry> PersistStat(const std::string& of) override {
    MutexLock lock(script_.order);
    asked = of;
    return script_.Answer(entry);
  }
  Result<role::QueueTotals> PersistTotals() override {
    MutexLock lock(script_.order);
    return script_.Answer(totals);
  }
  Status PersistRetry(const std::string& of) override {
    MutexLock lock(script_.order);
    asked = of;
    return script_.error;
  }
  Status PersistResolve(const std::string& of, role::Take take) override {
    MutexLock lock(script_.order);
    asked = of;
    taken = take;
    return script_.error;
  }
  Result<role::UfsMountInfo> UfsMount(const role::UfsMountRequest& request) override {
    MutexLock lock(script_.order);
    ufs_request = request;
    return script_.Answer(ufs);
  }
  Status UfsUnmount(const role::UfsUnmountRequest& request) override {
    MutexLock lock(script_.order);
    ufs_unmount = request;
    return script_.error;
  }
  Result<std::vector<role::UfsMountInfo>> UfsList() override {
    MutexLock lock(script_.order);
    return script_.Answer(std::vector<role::UfsMountInfo>(2, ufs));
  }

 private:
  Script& script_;
};

class ScriptedNode final : public role::NodeControl {
 public:
  explicit ScriptedNode(Script& script) : script_(script) {}
  role::NodeUsage usage;
  std::vector<role::FileSize> asked;
  std::vector<uint32_t> percents;
  uint64_t forgetting = 0;

  Result<role::NodeUsage> Usage() override {
    MutexLock lock(script_.order);
    return script_.Answer(usage);
  }
  Result<std::vector<uint32_t>> CachedPercents(std::span<const role::FileSize> files) override {
    MutexLock lock(script_.order);
    asked.assign(files.begin(), files.end());
    return script_.Answer(percents);
  }
  Result<uint64_t> Forgetting() override {
    MutexLock lock(script_.order);
    return script_.Answer(forgetting);
  }

 private:
  Script& script_;
};

class ScriptedProcess final : public role::ProcessControl {
 public:
  explicit ScriptedProcess(Script& script) : script_(script) {}
  role::ProcessInfo info;
  std::vector<role::ConfigEntry> config;
  role::QueueTotals totals;
  Manner stopped_in = Manner::kIfIdle;

  Result<role::ProcessInfo> Info() override {
    MutexLock lock(script_.order);
    return script_.Answer(info);
  }
  Result<std::vector<role::ConfigEntry>> Config() override {
    MutexLock lock(script_.order);
    return script_.Answer(config);
  }
  Result<role::QueueTotals> Stop(const StopRequest& request) override {
    MutexLock lock(script_.order);
    stopped_in = request.manner;
    return script_.Answer(totals);
  }

 private:
  Script& script_;
};

}  // namespace tarn::rpc
