#pragma once

// The file systems that this process sees mounted, and which paths they make the same place. A
// directory may be seen at several paths (mount --bind), so paths alone do not tell whether one
// directory is in another.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace tarn {

struct MountedFileSystem {
  std::string path;  // The mount point.
  std::string type;
  std::string source;
  std::string device;  // "major:minor". Paths on one device are paths of one file system.
  std::string root;    // What of its file system is seen at `path`.
};

// Parses the text of mountinfo, see proc(5). Skips lines that are malformed.
std::vector<MountedFileSystem> ParseMountInfo(std::string_view text);
// Empty if /proc is not mounted.
std::vector<MountedFileSystem> FileSystemsOfProcess();
// The file system that was mounted last on `path`, or on its nearest parent that is a mount point.
// Its path is empty if there is none.
MountedFileSystem FileSystemOf(const std::vector<MountedFileSystem>& mounts,
                               const std::string& path);
// Whether `path` is `directory`, or is in it, at whatever paths the two are seen. Both are
// absolute, with symlinks resolved.
bool IsInside(const std::vector<MountedFileSystem>& mounts, const std::string& path,
              const std::string& directory);

}  // namespace tarn
