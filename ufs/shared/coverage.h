#pragma once

// Which bytes of an upload were written: a commit with a part missing would publish zeros. A value;
// for one thread at a time.

#include <cstdint>
#include <map>

#include "base/status.h"

namespace tarn::ufs {

class Coverage {
 public:
  explicit Coverage(uint64_t size_bytes) : size_bytes_(size_bytes) {}
  // kInvalid: the part reaches past the end.
  Status CheckPart(uint64_t offset_bytes, uint64_t part_bytes) const;
  void Add(uint64_t offset_bytes, uint64_t part_bytes);
  // kInvalid unless every byte was added.
  Status CheckComplete() const;

 private:
  const uint64_t size_bytes_;
  std::map<uint64_t, uint64_t> ranges_;  // Begin to end. No two touch, and none is empty.
};

}  // namespace tarn::ufs
