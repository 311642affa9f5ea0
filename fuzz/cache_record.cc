// A record of the cache index, and the page map in it (doc/cache-format.md).

#include "cache/index/page_map.h"
#include "cache/index/record.h"
#include "fuzz/target.h"

namespace tarn::fuzz {
namespace {

// A map that was restored, encoded and restored again has the same pages. Its memory is that of its
// bits.
void TryPageMap(uint64_t limit_bytes, std::string_view bits) {
  cache::PageMap map;
  const Status restored = map.Restore(limit_bytes, bits);
  if (!restored.ok()) {
    CHECK(restored.code() == Code::kCorruption);
    return;
  }
  const std::string encoded = map.Encode();
  CHECK(encoded.size() <= bits.size());
  CHECK(map.Complete() == encoded.empty());
  CHECK(!(map.Complete() && map.Empty()));
  CHECK(!map.Complete() || map.HasRange(0, limit_bytes));
  cache::PageMap again;
  CHECK(again.Restore(limit_bytes, encoded).ok());
  CHECK(again.Encode() == encoded);
  CHECK(again.limit_bytes() == map.limit_bytes());
  map.Cut(limit_bytes / 2);
  CHECK(map.HasRange(limit_bytes / 2, limit_bytes));
}

}  // namespace

void Try(std::string_view input) {
  TryRecord(input, cache::DecodeRecord, cache::EncodeRecord);
  const Result<cache::Record> record = cache::DecodeRecord(input);
  if (record.ok()) TryPageMap(record->limit_bytes, record->bitmap);
}

std::vector<std::string> Seeds() {
  cache::Record dirty;
  dirty.state = cache::ContentState::kDirty;
  dirty.base_in_ufs = dirty.has_bytes = dirty.sealed = dirty.cut = true;
  dirty.generation = Generation(9);
  dirty.size_bytes = 5000;
  dirty.mtime_ns = 1767323045000000002;
  dirty.place_id = 0x0123456789abcdef;
  dirty.file_id = (uint64_t{1} << 32) + 3;
  dirty.limit_bytes = 4500;
  dirty.bitmap = std::string(1, '\0');
  dirty.checksums = {0x99aabbccddeeff01};
  cache::Record large;
  large.size_bytes = large.limit_bytes = 100 << 20;
  large.bitmap = std::string(13, '\x55');
  return {cache::EncodeRecord({}), cache::EncodeRecord(dirty), cache::EncodeRecord(large)};
}

}  // namespace tarn::fuzz
