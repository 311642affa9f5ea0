#include "main/mount_options.h"

#include <algorithm>
#include <string_view>

#include "base/strings.h"

namespace tarn {
namespace {

constexpr std::string_view kForOthers[] = {
    "defaults", "auto",    "noauto", "user",    "nouser",   "users",     "nousers",
    "owner",    "noowner", "group",  "nogroup", "_netdev",  "nofail",    "fail",
    "silent",   "loud",    "mand",   "nomand",  "iversion", "noiversion"};
constexpr std::string_view kForOthersWithValue[] = {
    "x-", "X-", "user=", "comment=", "uhelper=", "helper="};
constexpr std::string_view kAccessTimes[] = {"atime",      "diratime",    "relatime",
                                             "norelatime", "strictatime", "nostrictatime",
                                             "lazytime",   "nolazytime"};

bool IsForOthers(std::string_view option) {
  const auto begins = [&](std::string_view prefix) { return option.starts_with(prefix); };
  return std::ranges::find(kForOthers, option) != std::end(kForOthers) ||
         std::ranges::find(kAccessTimes, option) != std::end(kAccessTimes) ||
         std::ranges::any_of(kForOthersWithValue, begins);
}

}  // namespace

std::vector<std::string> SplitOptions(const std::vector<std::string>& texts) {
  std::vector<std::string> options;
  for (const std::string& text : texts) {
    for (size_t begin = 0; begin <= text.size();) {
      const size_t end = std::min(text.find(',', begin), text.size());
      if (end > begin) options.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  return options;
}

Result<std::vector<std::string>> EffectiveOptions(const std::vector<std::string>& options) {
  std::vector<std::string> effective;
  bool read_only = false;
  for (const std::string& option : options) {
    // Tarn and the kernel agree on it during the mount.
    if (option == "max_read" || option.starts_with("max_read=")) {
      return Status(Code::kInvalid, Concat("cannot mount with -o ", option,
                                           ": Tarn itself chooses how much the kernel asks for at "
                                           "once; leave the option out"));
    }
    if (option == "ro" || option == "rw") {
      read_only = option == "ro";
    } else if (!IsForOthers(option)) {
      effective.push_back(option);
    }
  }
  if (read_only) effective.push_back("ro");
  return effective;
}

}  // namespace tarn
