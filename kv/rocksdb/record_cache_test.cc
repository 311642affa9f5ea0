#include "kv/rocksdb/record_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace tarn::kv {
namespace {

using Value = RecordCache::Value;

TEST(RecordCache, AReaderUsesAnEntryThatWasValidWhenItBegan) {
  RecordCache cache(1 << 20);
  EXPECT_FALSE(cache.Find("k", 10).has_value());
  cache.Fill("k", Value("old"), 10);
  EXPECT_EQ(cache.Find("k", 10), Value("old"));
  EXPECT_EQ(cache.Find("k", 12), Value("old"));
  EXPECT_FALSE(cache.Find("k", 9).has_value());
}

TEST(RecordCache, AbsenceIsKnownToo) {
  RecordCache cache(1 << 20);
  cache.Fill("k", Value(), 5);
  const std::optional<Value> found = cache.Find("k", 5);
  ASSERT_TRUE(found.has_value());
  EXPECT_FALSE(found->has_value());
}

TEST(RecordCache, AWriteIsForReadersOfItsVersionOnly) {
  RecordCache cache(1 << 20);
  cache.Fill("k", Value("old"), 5);
  cache.Write("k", Value("new"), 7);
  EXPECT_FALSE(cache.Find("k", 6).has_value());
  EXPECT_EQ(cache.Find("k", 7), Value("new"));
  cache.Write("k", Value(), 9);
  EXPECT_EQ(cache.Find("k", 9), std::optional<Value>(Value()));
}

TEST(RecordCache, AnEarlierReaderBringsNothingOldBack) {
  RecordCache cache(1 << 20);
  cache.Write("k", Value("new"), 7);
  cache.Fill("k", Value("old"), 6);
  EXPECT_EQ(cache.Find("k", 8), Value("new"));
}

TEST(RecordCache, AnEarlierReaderBringsNothingOldBackAfterAnEviction) {
  RecordCache cache(0);  // Nothing stays.
  cache.Write("k", Value("new"), 7);
  EXPECT_EQ(cache.bytes(), 0U);
  RecordCache small(64 << 10);
  small.Write("k", Value("new"), 7);
  for (int i = 0; i < 10000; ++i) small.Write("other" + std::to_string(i), Value("x"), 7);
  ASSERT_FALSE(small.Find("k", 8).has_value());
  small.Fill("k", Value("old"), 6);
  EXPECT_FALSE(small.Find("k", 8).has_value());
  small.Fill("k", Value("new"), 8);
  EXPECT_EQ(small.Find("k", 8), Value("new"));
}

TEST(RecordCache, AnEarlierReaderBringsNothingOldBackAfterForget) {
  RecordCache cache(1 << 20);
  cache.Fill("k", Value("old"), 5);
  cache.Forget(7);
  EXPECT_FALSE(cache.Find("k", 8).has_value());
  cache.Fill("k", Value("old"), 6);
  EXPECT_FALSE(cache.Find("k", 8).has_value());
}

TEST(RecordCache, AnEarlierReaderBringsNothingOldBackAfterAValueTooLargeToKeep) {
  RecordCache cache(1 << 20);
  cache.Fill("k", Value("old"), 5);
  cache.Write("k", Value(std::string(8192, 'x')), 7);
  EXPECT_FALSE(cache.Find("k", 7).has_value());
  cache.Fill("k", Value("old"), 6);
  EXPECT_FALSE(cache.Find("k", 8).has_value());
}

TEST(RecordCache, MemoryIsBounded) {
  RecordCache cache(256 << 10);
  for (int i = 0; i < 20000; ++i) {
    cache.Fill(std::to_string(i), Value(std::string(static_cast<size_t>(i % 300), 'x')), 1);
  }
  EXPECT_LE(cache.bytes(), 256U << 10);
  EXPECT_GT(cache.bytes(), 128U << 10);
}

}  // namespace
}  // namespace tarn::kv
