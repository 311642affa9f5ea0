#include "ufs/shared/coverage.h"

#include <algorithm>

#include "base/strings.h"

namespace tarn::ufs {

Status Coverage::CheckPart(uint64_t offset_bytes, uint64_t part_bytes) const {
  if (part_bytes <= size_bytes_ && offset_bytes <= size_bytes_ - part_bytes) return OkStatus();
  return Status(Code::kInvalid, Concat("part of ", part_bytes, " bytes at ", offset_bytes,
                                       " of an upload of ", size_bytes_));
}

void Coverage::Add(uint64_t offset_bytes, uint64_t part_bytes) {
  if (part_bytes == 0) return;
  uint64_t begin = offset_bytes;
  uint64_t end = offset_bytes + part_bytes;
  auto it = ranges_.upper_bound(begin);
  if (it != ranges_.begin() && std::prev(it)->second >= begin) --it;
  while (it != ranges_.end() && it->first <= end) {
    begin = std::min(begin, it->first);
    end = std::max(end, it->second);
    it = ranges_.erase(it);
  }
  ranges_.emplace(begin, end);
}

Status Coverage::CheckComplete() const {
  if (size_bytes_ == 0) return OkStatus();
  const uint64_t end = ranges_.empty() || ranges_.begin()->first != 0 ? 0 : ranges_.begin()->second;
  if (end == size_bytes_) return OkStatus();
  return Status(Code::kInvalid, Concat("nothing was written at ", end, " of ", size_bytes_));
}

}  // namespace tarn::ufs
