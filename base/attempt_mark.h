#pragma once

// How what an attempt to change a source has made is recognized afterwards. A value.

#include <cstdint>
#include <string>

namespace tarn {

// By its id where the store keeps metadata, otherwise by file, size and time, which the object has
// from the moment when it is visible. Where several objects may be meant, `id` may also be a
// version.
struct AttemptMark {
  std::string id;
  uint64_t size_bytes = 0;
  int64_t mtime_ns = 0;
  // ufs::ObjectInfo::file of what is made. Empty: it is not known. kNoFile: nothing was made.
  std::string file;
  static constexpr char kNoFile[] = "none";
};

}  // namespace tarn
