#pragma once

// Sends a frozen content as the parts of an upload. What the cache has is read there. Pages that it
// lacks are those of the version that the content was made from: the store copies them where it
// can, elsewhere they are read from it and sent. So a change of a large object needs no room in the
// cache for all of it, and moves little more than what was changed.

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
  bool copied = false;  // All of it is the base's.
};

// Parts of `part_bytes`, the last of what is left. Those to be copied are joined to larger ones,
// each of a multiple of `part_bytes` unless it is the last. Without `base` none is copied.
std::vector<PlannedPart> PlanParts(const cache::FrozenContent& content, uint64_t part_bytes,
                                   const ufs::PartSource& base);

struct Sending {
  cache::FrozenContent& content;
  ufs::Upload& upload;
  ufs::PartSource base;  // Without a key: there is none to copy from.
  // Fills the span with bytes of the base from the offset.
  std::function<Status(uint64_t, std::span<std::byte>)> read_base;
  std::function<ufs::CallOptions()> call;
  // Whether the upload is still of use, asked before each part but the first. Empty: it is.
  std::function<bool()> wanted = {};
};

// Fills `out` from a cache file. kStale: the file has become shorter.
Status ReadCached(int descriptor, uint64_t offset_bytes, std::span<std::byte> out);
// What `data` leaves out of [0, size).
std::vector<ufs::Extent> HolesOf(const std::vector<cache::ByteRange>& data, uint64_t size_bytes);

// Several parts at a time where the store takes parts at all. Holes are not read, nor sent where
// the store has them. kStale: the content became shorter, the base is not the version named any
// more, or the upload is not wanted any more.
Status SendParts(const Sending& sending, const ufs::UfsTraits& traits);

}  // namespace tarn::worker
