#pragma once

// The options after -o, which also stand in /etc/fstab.

#include <string>
#include <vector>

#include "base/status.h"

namespace tarn {

// Splits texts that hold several options, separated by commas.
std::vector<std::string> SplitOptions(const std::vector<std::string>& texts);
// Keeps the options that the kernel, libfuse or Tarn act on. Drops those that mount(8), systemd and
// desktops read in /etc/fstab, and those about access times, because a read never changes an access
// time here. Of "ro" and "rw" the last one counts; "rw" is dropped. kInvalid: Tarn itself decides
// the option.
Result<std::vector<std::string>> EffectiveOptions(const std::vector<std::string>& options);

}  // namespace tarn
