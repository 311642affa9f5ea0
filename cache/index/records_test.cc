#include <gtest/gtest.h>

#include "base/random.h"
#include "base/testing/random_seed.h"
#include "cache/index/page_map.h"
#include "cache/index/record.h"

namespace tarn::cache {
namespace {

Record Sample() {
  Record r;
  r.state = ContentState::kDirty;
  r.generation = Generation(7);
  r.base_generation = Generation(5);
  r.prior_generation = Generation(6);
  r.base_in_ufs = true;
  r.synced = false;
  r.size_bytes = 3 * kPageBytes + 1;
  r.prior_size_bytes = 9;
  r.mtime_ns = -5;
  r.place_id = 0xfedcba9876543210;
  r.file_id = 1ull << 40;
  r.allocated_bytes = 4096;
  r.last_use_ns = 1'700'000'000'000'000'000;
  r.sync_epoch = 12;
  r.has_bytes = true;
  r.bytes_checksum = 99;
  r.limit_bytes = 3 * kPageBytes + 1;
  r.bitmap = "\x05";
  r.checksums = {1, 2, 0xffffffffffffffff};
  return r;
}

TEST(Record, ComesBackAsItWasWritten) {
  const std::string value = EncodeRecord(Sample());
  Result<Record> back = DecodeRecord(value);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(EncodeRecord(*back), value);
  EXPECT_EQ(back->mtime_ns, -5);
  EXPECT_EQ(back->prior_generation, Generation(6));
  EXPECT_EQ(back->checksums, Sample().checksums);
}

TEST(Record, NoTimeMeansThatItIsUnknown) {
  for (const std::optional<int64_t> time : {std::optional<int64_t>(), {0}, {-1}, {INT64_MIN}}) {
    Record r = Sample();
    r.mtime_ns = time;
    EXPECT_EQ(DecodeRecord(EncodeRecord(r))->mtime_ns, time);
  }
}

TEST(Record, ADamagedOneIsCorruptionNeverACrash) {
  const std::string value = EncodeRecord(Sample());
  for (size_t size = 0; size < value.size(); ++size) {
    EXPECT_EQ(DecodeRecord(value.substr(0, size)).code(), Code::kCorruption);
  }
  Random random(SeedOfTest(3));
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = value;
    for (int n = 0; n < 3; ++n) {
      damaged[random.Uniform(damaged.size())] = static_cast<char>(random.Next());
    }
    Result<Record> back = DecodeRecord(damaged);
    EXPECT_TRUE(back.ok() || back.code() == Code::kCorruption);
  }
}

TEST(PageMap, KnowsWhichPagesArePresent) {
  PageMap map;
  map.Reset(3 * kPageBytes + 1, PageMap::Fill::kAbsent);
  EXPECT_TRUE(map.Empty());
  EXPECT_TRUE(map.Set(3));
  EXPECT_FALSE(map.Set(3));
  EXPECT_TRUE(map.HasRange(3 * kPageBytes, UINT64_MAX));
  EXPECT_FALSE(map.HasRange(0, 3 * kPageBytes + 1));
  EXPECT_TRUE(map.HasRange(0, 0));
  EXPECT_TRUE(map.Has(4));
  for (uint64_t page = 0; page < 3; ++page) EXPECT_TRUE(map.Set(page));
  EXPECT_TRUE(map.Complete());
  map.Clear(1);
  EXPECT_FALSE(map.Complete());
  EXPECT_FALSE(map.Has(1));
  EXPECT_TRUE(map.Has(0));
}

TEST(PageMap, PagesThatAreCutOffArePresentWhenTheFileGrowsAgain) {
  PageMap map;
  map.Reset(100 * kPageBytes, PageMap::Fill::kAbsent);
  map.Set(0);
  map.Cut(2 * kPageBytes);
  EXPECT_FALSE(map.Has(1));
  EXPECT_TRUE(map.Has(2));
  map.Cut(kPageBytes);
  EXPECT_TRUE(map.Complete());
}

TEST(PageMap, ComesBackAsItWasEncoded) {
  Random random(SeedOfTest(11));
  for (const uint64_t pages : {1u, 7u, 8u, 63u, 64u, 65u, 200u}) {
    PageMap map;
    map.Reset(pages * kPageBytes, PageMap::Fill::kAbsent);
    for (uint64_t page = 0; page < pages; ++page) {
      if (random.Chance(0.5)) map.Set(page);
    }
    PageMap back;
    ASSERT_TRUE(back.Restore(map.limit_bytes(), map.Encode()).ok());
    EXPECT_EQ(back.Complete(), map.Complete());
    for (uint64_t page = 0; page < pages; ++page) EXPECT_EQ(back.Has(page), map.Has(page));
  }
  PageMap map;
  EXPECT_EQ(map.Restore(100 * kPageBytes, "x").code(), Code::kCorruption);
}

}  // namespace
}  // namespace tarn::cache
