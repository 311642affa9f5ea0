#pragma once

#include <string>

namespace tarn {

// `path` without trailing '/', as the mount table has it.
inline std::string MountPath(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace tarn
