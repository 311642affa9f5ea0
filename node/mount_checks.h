#pragma once

// What a user can get wrong when mounting, found before anything is started, each with its own
// message.

#include <string>
#include <vector>

#include "base/status.h"
#include "config/properties.h"

namespace tarn {

struct Source {
  std::string scheme;   // "file", "s3"
  std::string path;     // Of a directory: absolute, symlinks resolved. "/bucket/prefix".
  std::string uri;      // "file:///data", "s3://bucket/prefix"
  std::string where{};  // What tells it from others of the same URI: an endpoint.
};

// Relative paths in properties and in the environment become those that they are in this directory,
// which the process that serves leaves. Before there are threads.
void ResolvePaths(Properties& properties);
// What Source::where is of s3:// sources, wherever it was set. kPermission: the profile that may
// say so is absent or cannot be understood.
Result<std::string> EndpointOf(const Properties& properties);
// "file:///data", a path, or "s3://bucket/prefix". kInvalid: unknown scheme, no bucket, or a prefix
// that is no path; kNotFound, kNotDirectory: no such directory.
Result<Source> ParseSource(const std::string& text, const Properties& properties);
// The absolute path of the mount point. A dead mount there ("Transport endpoint is not connected")
// is detached first.
Result<std::string> PrepareMountPoint(const std::string& text, const Source& source);
// Symlinks resolved as far as `path` exists.
std::string ResolvedPath(const std::string& path);
// kInvalid: the state directory, or one of the cache, is below the mount point.
Status CheckNotHidden(const std::string& mount_point, const std::string& state,
                      const std::vector<std::string>& caches);
// kInvalid: the state directory, or one of the cache, is in the source: clearing the mount would
// clear it. For a mount that writes.
Status CheckOwnDirectories(const Source& source, const std::string& state,
                           const std::vector<std::string>& caches);
Status CheckFuseDevice();
// Whether `source` is what is mounted on a path, by Tarn, in this process's view.
bool IsMounted(const std::string& source, const std::string& mount_point);
// Detaches a mount whose process is gone; false: there is none at `path`.
Result<bool> DetachIfDead(const std::string& path);

}  // namespace tarn
