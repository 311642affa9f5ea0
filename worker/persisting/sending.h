#pragma once

// Sends a frozen content as the parts of an upload. Present pages are read from the cache. Absent
// pages are those of the base, the version that the content was made from: the store copies them if
// it can; otherwise they are read from the store and sent. A change of a large object thus needs no
// room in the cache for the whole object, and moves little more than the changed bytes.

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
  bool copied = false;  // The store copies the whole part from the base.
};

// Parts of `part_bytes`; the last one has the rest. Adjacent parts to be copied are joined to
// larger ones, each a multiple of `part_bytes` unless it is the last. Without a `base` no part is
// copied.
std::vector<PlannedPart> PlanParts(const cache::FrozenContent& content, uint64_t part_bytes,
                                   const ufs::PartSource& base);

struct Sending {
  cache::FrozenContent& content;
  ufs::Upload& upload;
  ufs::PartSource base;  // Without a key: there is no base.
  // Fills the span with bytes of the base from the offset.
  std::function<Status(uint64_t, std::span<std::byte>)> read_base;
  std::function<ufs::CallOptions()> call;
  // Whether the upload is still of use, asked before each part but the first. Empty: it is.
  std::function<bool()> wanted = {};
};

// Fills `out` from a cache file. kStale: the file has become shorter.
Status ReadCached(int descriptor, uint64_t offset_bytes, std::span<std::byte> out);
// The ranges of [0, size) that `data` does not cover.
std::vector<ufs::Extent> HolesOf(const std::vector<cache::ByteRange>& data, uint64_t size_bytes);

// Sends several parts at a time if the store takes parts. Holes are not read; they are sent only to
// a store without holes. kStale: the content became shorter, the base is no longer the version
// named, or the upload is no longer wanted.
Status SendParts(const Sending& sending, const ufs::UfsTraits& traits);

}  // namespace tarn::worker
