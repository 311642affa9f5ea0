#include "kv/optimistic/resolver.h"

#include <gtest/gtest.h>

namespace tarn::kv {
namespace {

WriteSet Putting(const std::string& key) {
  WriteSet writes;
  writes.Put(key, "x");
  return writes;
}

ReadSet Reading(const std::string& key) { return {{key}, {}}; }

TEST(Resolver, AWriteAfterTheReadVersionConflicts) {
  Resolver resolver;
  resolver.Enter([] { return Version{10}; });
  resolver.Record(11, Putting("a"));
  EXPECT_EQ(resolver.Check(10, Reading("a")).code(), Code::kConflict);
  EXPECT_EQ(resolver.Check(11, Reading("a")).code(), Code::kOk);
  EXPECT_EQ(resolver.Check(10, Reading("b")).code(), Code::kOk);
}

TEST(Resolver, ManyReadsAreCheckedLikeFew) {
  Resolver resolver;
  resolver.Enter([] { return Version{1}; });
  for (Version v = 2; v < 1000; ++v) resolver.Record(v, Putting("w" + std::to_string(v)));
  ReadSet reads;
  for (int i = 0; i < 1000; ++i) reads.keys.push_back("r" + std::to_string(i));
  EXPECT_EQ(resolver.Check(1, reads).code(), Code::kOk);
  reads.keys.push_back("w2");
  EXPECT_EQ(resolver.Check(1, reads).code(), Code::kConflict);
  EXPECT_EQ(resolver.Check(2, reads).code(), Code::kOk);
}

TEST(Resolver, DeletedRangesMeetKeysAndRanges) {
  Resolver resolver;
  resolver.Enter([] { return Version{1}; });
  WriteSet writes;
  writes.DeleteRange("b", "d");
  resolver.Record(2, writes);
  EXPECT_EQ(resolver.Check(1, Reading("b")).code(), Code::kConflict);
  EXPECT_EQ(resolver.Check(1, Reading("d")).code(), Code::kOk);
  EXPECT_EQ(resolver.Check(1, {{}, {{"a", "b"}}}).code(), Code::kOk);
  EXPECT_EQ(resolver.Check(1, {{}, {{"a", "bb"}}}).code(), Code::kConflict);
  EXPECT_EQ(resolver.Check(1, {{}, {{"d", "e"}}}).code(), Code::kOk);
}

TEST(Resolver, CommitsThatNoOpenReaderNeedsAreForgotten) {
  Resolver resolver;
  resolver.Record(5, Putting("a"));
  EXPECT_EQ(resolver.Check(4, Reading("b")).code(), Code::kTooOld);
  resolver.Enter([] { return Version{5}; });
  resolver.Record(6, Putting("a"));
  EXPECT_EQ(resolver.Check(5, Reading("b")).code(), Code::kOk);
  resolver.Leave(5);
  resolver.Record(7, Putting("b"));
  EXPECT_EQ(resolver.Check(5, Reading("c")).code(), Code::kTooOld);
}

TEST(Resolver, PastItsMemoryTheOldestReaderIsTooOld) {
  Resolver resolver(4096);
  resolver.Enter([] { return Version{1}; });
  for (Version v = 2; v < 200; ++v) resolver.Record(v, Putting("key"));
  EXPECT_EQ(resolver.Check(1, Reading("other")).code(), Code::kTooOld);
  EXPECT_EQ(resolver.Check(198, Reading("key")).code(), Code::kConflict);
}

TEST(Resolver, ATransactionWithoutReadsNeverConflicts) {
  Resolver resolver;
  resolver.Record(5, Putting("a"));
  EXPECT_TRUE(resolver.Check(0, {}).ok());
}

}  // namespace
}  // namespace tarn::kv
