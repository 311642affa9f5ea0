#pragma once

// How the object that an attempt made in a source is recognized afterwards. A value.

#include <cstdint>
#include <string>

namespace tarn {

// A store that keeps metadata has the attempt's id with the object. In other stores the object is
// known by its file, size and time, which it has from the moment when it is visible. In a list of
// marks, `id` may also be the version of an object.
struct AttemptMark {
  std::string id;
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;
  // ufs::ObjectInfo::file of the object. Empty: unknown. kNoFile: the attempt made nothing.
  std::string file;
  static constexpr char kNoFile[] = "none";
};

}  // namespace tarn
