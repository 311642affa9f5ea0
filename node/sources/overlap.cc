#include "node/sources/overlap.h"

#include "base/paths.h"
#include "base/strings.h"
#include "node/mounted_file_systems.h"

namespace tarn {

namespace {

bool IsInPath(const Source& inner, const Source& outer) {
  if (inner.scheme != "file") return !Below(inner.path, outer.path).empty();
  return IsInside(FileSystemsOfProcess(), inner.path, outer.path);
}

}  // namespace

bool IdentitiesOverlap(const std::string& one, const std::string& other) {
  // The identity of a bucket ends with the prefix, which ends with a slash.
  const bool buckets = one.starts_with("s3:") && other.starts_with("s3:");
  return buckets ? one.starts_with(other) || other.starts_with(one) : one == other;
}

Status CheckApart(const Source& source, const Source& other, const std::string& other_path) {
  if (source.scheme != other.scheme || source.where != other.where) return OkStatus();
  if (!IsInPath(source, other) && !IsInPath(other, source)) return OkStatus();
  return Status(Code::kInvalid, Concat("cannot mount ", source.uri, ": it overlaps with ",
                                       other.uri, ", which is mounted on ", other_path));
}

}  // namespace tarn
