#pragma once

// What a user can get wrong when mounting, found before anything is started, each with its own
// message.

#include <string>

#include "base/status.h"

namespace tarn {

struct Source {
  std::string scheme;  // "file"
  std::string path;    // Absolute, symlinks resolved.
  std::string uri;     // "file:///data"
};

// "file:///data" or a path. kInvalid: unknown scheme; kNotFound, kNotDirectory: no such directory.
Result<Source> ParseSource(const std::string& text);
// The absolute path of the mount point. A dead mount there ("Transport endpoint is not connected")
// is detached first.
Result<std::string> PrepareMountPoint(const std::string& text, const Source& source);
Status CheckFuseDevice();
// Detaches a mount whose process is gone; false: there is none at `path`.
Result<bool> DetachIfDead(const std::string& path);

}  // namespace tarn
