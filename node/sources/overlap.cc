#include "node/sources/overlap.h"

#include "base/paths.h"
#include "base/strings.h"

namespace tarn {

bool IdentitiesOverlap(const std::string& one, const std::string& other) {
  // The identity of a bucket ends with the prefix, which ends with a slash.
  const bool buckets = one.starts_with("s3:") && other.starts_with("s3:");
  return buckets ? one.starts_with(other) || other.starts_with(one) : one == other;
}

Status CheckApart(const Source& source, const Source& other, const std::string& other_path) {
  if (source.scheme != other.scheme || source.where != other.where) return OkStatus();
  const bool apart =
      Below(source.path, other.path).empty() && Below(other.path, source.path).empty();
  if (apart) return OkStatus();
  return Status(Code::kInvalid, Concat("cannot mount ", source.uri, ": it overlaps with ",
                                       other.uri, ", which is mounted on ", other_path));
}

}  // namespace tarn
