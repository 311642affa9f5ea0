#pragma once

// Sends a frozen content as the parts of an upload. Present pages come from the cache. Absent pages
// belong to the version that the content was made from: the store copies them if it can; otherwise
// they are read from it and sent. So a change of a large object needs no room in the cache for all
// of it, and moves little more than the changed bytes.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/status.h"
#include "cache/cache_store.h"
#include "ufs/under_file_system.h"

namespace tarn::worker {

struct PlannedPart {
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  bool copied = false;  // All its bytes come from the base.
};

// Plans parts of `part_bytes`; the last one has the rest. Parts that are copied are joined to
// larger ones, each a multiple of `part_bytes` unless it is the last. Without `base` none is
// copied.
std::vector<PlannedPart> PlanParts(const cache::FrozenContent& content, uint64_t part_bytes,
                                   const ufs::PartSource& base);

struct Sending {
  cache::FrozenContent& content;
  ufs::Upload& upload;
  ufs::PartSource base;  // Without a key: the content has no base.
  // Fills the span with bytes of the base from the offset.
  std::function<Status(uint64_t, std::span<std::byte>)> read_base;
  std::function<ufs::CallOptions()> call;
  // Whether the upload is still wanted. Asked before each part but the first. Empty: it is.
  std::function<bool()> wanted = {};
};

// Fills `out` from a cache file. kStale: the file has become shorter.
Status ReadCached(int descriptor, uint64_t offset_bytes, std::span<std::byte> out);
// The parts of [0, size) that are not in `data`.
std::vector<ufs::Extent> HolesOf(const std::vector<cache::ByteRange>& data, uint64_t size_bytes);

// Sends several parts at the same time, if the store takes parts. Holes are not read, and not sent
// to a store that has holes. kStale: the content became shorter, the base has another version, or
// the upload is not wanted any more.
Status SendParts(const Sending& sending, const ufs::UfsTraits& traits);

}  // namespace tarn::worker
