#include "host/back_pressure.h"

#include <optional>
#include <stop_token>

namespace tarn::host {

Status BackPressure::Run(const std::function<Status()>& attempt) {
  Deadline deadline = Deadline::After(clock_, longest_wait_);
  bool hurried = false;
  for (uint64_t before = 0;;) {
    Status status = attempt();
    if (status.code() != Code::kNoSpace) return status;
    const uint64_t pinned = cache_.GetUsage().pinned_bytes;
    if (pinned == 0) return status;  // Waiting frees nothing.
    // However slow the source is, what it takes makes room.
    if (pinned < before) deadline = Deadline::After(clock_, longest_wait_);
    if (deadline.PassedBy(clock_.Now())) return status;
    before = pinned;
    if (!hurried) RETURN_IF_ERROR(queue_.RetryNow(std::nullopt));
    hurried = true;
    clock_.SleepFor(std::chrono::milliseconds(100), std::stop_token());
  }
}

}  // namespace tarn::host
