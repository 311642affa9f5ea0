#include "ufs/call.h"

#include <algorithm>

#include "base/strings.h"

namespace tarn::ufs {
namespace {

bool IsName(std::string_view part) {
  return !part.empty() && part != "." && part != ".." && part.find('\0') == std::string_view::npos;
}

}  // namespace

Status CheckCall(const CallOptions& call, const Clock& clock) {
  if (call.stop.stop_requested()) return Status(Code::kCancelled, "call cancelled");
  if (call.deadline.PassedBy(clock.Now())) {
    return Status(Code::kDeadlineExceeded, "deadline passed");
  }
  return OkStatus();
}

Status CheckKey(std::string_view key) {
  if (key.empty()) return OkStatus();
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    if (!IsName(key.substr(begin, end - begin))) {
      return Status(Code::kInvalid, Concat("key \"", key, "\""));
    }
    begin = end + 1;
  }
  return OkStatus();
}

}  // namespace tarn::ufs
