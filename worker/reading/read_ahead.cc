#include "worker/reading/read_ahead.h"

#include <algorithm>

namespace tarn::worker {

Range PlanReadAhead(host::ReadHistory& history, uint64_t offset_bytes, uint64_t length_bytes,
                    uint64_t size_bytes, uint64_t first_bytes, uint64_t max_bytes) {
  // Requests of one reader may arrive slightly out of order. Within the window they count as in
  // order.
  const uint64_t slack = std::max(history.window_bytes, length_bytes);
  const bool follows =
      offset_bytes <= history.next_offset + slack && offset_bytes + slack >= history.next_offset;
  const uint64_t end = offset_bytes + length_bytes;
  history.next_offset = follows ? std::max(history.next_offset, end) : end;
  if (!follows) {
    history.window_bytes = 0;
    history.fetched_until = end;
    return {};
  }
  // More than half of the window is still ahead, so nothing is fetched yet.
  if (history.window_bytes > 0 && history.fetched_until > end + history.window_bytes / 2) return {};
  history.window_bytes = std::min(max_bytes, std::max(first_bytes, history.window_bytes * 2));
  const uint64_t from = std::max(end, history.fetched_until);
  const uint64_t until = std::min(size_bytes, end + history.window_bytes);
  if (from >= until) return {};
  history.fetched_until = until;
  return {from, until - from};
}

}  // namespace tarn::worker
