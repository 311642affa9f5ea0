#pragma once

// Checks the arguments of a mount before it starts. Each mistake of a user has its own message.

#include <string>
#include <vector>

#include "base/status.h"
#include "config/properties.h"

namespace tarn {

struct Source {
  std::string scheme;   // "file", "s3"
  std::string path;     // A directory: absolute, symlinks resolved. A bucket: "/bucket/prefix".
  std::string uri;      // "file:///data", "s3://bucket/prefix"
  std::string where{};  // Tells it from other sources of the same URI: an endpoint.
};

// Makes relative paths in properties and in the environment absolute, because the serving process
// leaves this directory. Call it before there are threads.
void ResolvePaths(Properties& properties);
// Source::where of an s3:// source, from the property or the profile. kPermission: the profile is
// absent or malformed.
Result<std::string> EndpointOf(const Properties& properties);
// Parses "file:///data", a path, or "s3://bucket/prefix". kInvalid: unknown scheme, no bucket, or a
// prefix that is no path. kNotFound, kNotDirectory: no such directory.
Result<Source> ParseSource(const std::string& text, const Properties& properties);
// Returns the absolute path of the mount point. Detaches a dead mount ("Transport endpoint is not
// connected") there first.
Result<std::string> PrepareMountPoint(const std::string& text, const Source& source);
// Resolves symlinks as far as `path` exists.
std::string ResolvedPath(const std::string& path);
// kInvalid: the state directory, or a cache directory, is below the mount point.
Status CheckNotHidden(const std::string& mount_point, const std::string& state,
                      const std::vector<std::string>& caches);
// kInvalid: the state directory, or a cache directory, is in the source: clearing the mount would
// clear it. For a mount that can write.
Status CheckOwnDirectories(const Source& source, const std::string& state,
                           const std::vector<std::string>& caches);
Status CheckFuseDevice();
// Whether Tarn has mounted `source` on the path, as this process sees it.
bool IsMounted(const std::string& source, const std::string& mount_point);
// Detaches a mount whose process is gone. False: there is none at `path`.
Result<bool> DetachIfDead(const std::string& path);

}  // namespace tarn
