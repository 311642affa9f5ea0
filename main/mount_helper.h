#pragma once

// The calls by which mount(8) and mount.fuse(8) have a file system mounted:
//   mount.fuse.tarn SOURCE MOUNTPOINT [-sfnv] [-o OPTIONS] [-t TYPE] [-N NAMESPACE]
//   tarn SOURCE MOUNTPOINT [-o OPTIONS]
// A user may write the latter too: -f is then that of `tarn mount`, and serves in the foreground.

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"

namespace tarn {

// `words` begin with the name by which the program was called. Returns the words after "tarn" that
// say the same, or none where nothing is to be mounted (-f by mount(8)). Nullopt: it is no such
// call. kInvalid: an argument is unknown or absent.
Result<std::optional<std::vector<std::string>>> FromMountHelper(
    const std::vector<std::string>& words);

}  // namespace tarn
