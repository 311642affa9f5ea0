#pragma once

// The options after -o, which /etc/fstab gives too.

#include <string>
#include <vector>

#include "base/status.h"

namespace tarn {

// One option each, of texts that hold several, separated by commas.
std::vector<std::string> SplitOptions(const std::vector<std::string>& texts);
// Those that the kernel, libfuse or Tarn act on. Options that mount(8), systemd and desktops read
// in /etc/fstab are left out, and so are those about access times, which reads never change here.
// Of "ro" and "rw" the last one counts; "rw" is left out. kInvalid: an option that Tarn itself
// decides.
Result<std::vector<std::string>> EffectiveOptions(const std::vector<std::string>& options);

}  // namespace tarn
