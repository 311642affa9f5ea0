#include "node/control/process_control.h"

#include <utility>

#include "base/log.h"

namespace tarn {
namespace {

class EmbeddedProcess final : public role::ProcessControl {
 public:
  EmbeddedProcess(role::ProcessInfo info, const ProcessParts& parts)
      : info_(std::move(info)), parts_(parts) {}

  Result<role::ProcessInfo> Info() override {
    role::ProcessInfo info = info_;
    info.passthrough = parts_.front_end.Passthrough();
    return info;
  }

  Result<std::vector<role::ConfigEntry>> Config() override {
    std::vector<role::ConfigEntry> entries;
    for (const Properties::Entry& entry : parts_.properties.List()) {
      entries.push_back({entry.name, entry.text, entry.source});
    }
    return entries;
  }

  Result<role::QueueTotals> Stop(const StopRequest& request) override {
    if (request.manner == Manner::kAbort) CommitOpen();
    RETURN_IF_ERROR(parts_.front_end.Unmount(UnmountingOf(request.manner)));
    return parts_.queue.Totals();
  }

 private:
  static fuse::FrontEnd::Unmounting UnmountingOf(Manner manner) {
    using Unmounting = fuse::FrontEnd::Unmounting;
    if (manner == Manner::kAbort) return Unmounting::kAbort;
    return manner == Manner::kLazy ? Unmounting::kLazy : Unmounting::kIfIdle;
  }
  // A file that cannot be committed now holds up no end by force. The next mount recovers it.
  void CommitOpen() {
    const Status committed = parts_.files.CommitOpen();
    if (!committed.ok()) LogError("commit open files: ", committed);
  }

  const role::ProcessInfo info_;
  const ProcessParts parts_;
};

}  // namespace

std::unique_ptr<role::ProcessControl> NewProcessControl(role::ProcessInfo info,
                                                        const ProcessParts& parts) {
  return std::make_unique<EmbeddedProcess>(std::move(info), parts);
}

}  // namespace tarn
