#pragma once

// The arguments of the command line, without secrets in the process list.

#include <string>
#include <vector>

namespace tarn {

// The arguments in the order that CLI11 takes, the last first. Afterwards secrets are hidden in
// `argv`, which every user of the machine can read while the process runs.
std::vector<std::string> TakeArguments(int argc, char** argv);

}  // namespace tarn
