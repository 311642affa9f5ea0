#include "ufs/shared/call.h"

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

Status CheckMarker(const UfsTraits& traits, std::string_view key, const CreateOptions& options) {
  if (options.type != ObjectType::kDirectory) return OkStatus();
  if (!traits.directory_markers) {
    return Status(Code::kUnsupported, Concat("make ", key, "/: no markers of directories here"));
  }
  if (options.size_bytes != 0) {
    return Status(Code::kInvalid, Concat("make ", key, "/: a marker has no bytes"));
  }
  if (key.size() < traits.max_key_bytes) return OkStatus();
  return Status(Code::kNameTooLong, Concat("make ", key, "/: key of ", key.size() + 1, " bytes"));
}

std::string ObjectKey(std::string_view key, ObjectType type) {
  return Concat(key, type == ObjectType::kDirectory ? "/" : "");
}

}  // namespace tarn::ufs
