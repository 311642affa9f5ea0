#include <gtest/gtest.h>

#include "kv/memory.h"

namespace tarn::kv {
namespace {

class PrefixedStoreTest : public testing::Test {
 protected:
  ManualClock clock_;
  const std::unique_ptr<Store> below_ = NewMemoryStore(clock_);
  const std::unique_ptr<Store> store_ = NewPrefixedStore(*below_, "p/");
};

TEST_F(PrefixedStoreTest, KeysLieBelowThePrefix) {
  const auto t = store_->Begin();
  t->Put("a", "x");
  t->PutStamped("s", "", "y");
  ASSERT_TRUE(t->Commit(Durability::kBuffered).ok());
  const auto page = below_->Begin()->Scan("", "", {}).value();
  ASSERT_EQ(page.pairs.size(), 2u);
  EXPECT_EQ(page.pairs[0], (Pair{"p/a", "x"}));
  EXPECT_EQ(page.pairs[1].key.substr(0, 3), "p/s");
}

TEST_F(PrefixedStoreTest, ClosingLeavesTheStoreBelowOpen) {
  ASSERT_TRUE(store_->Close().ok());
  EXPECT_EQ(store_->Begin()->Get("a").code(), Code::kUnavailable);
  EXPECT_TRUE(below_->Begin()->Get("a").ok());
}

TEST(Keys, PrefixEndIsTheFirstKeyBehind) {
  EXPECT_EQ(PrefixEnd("a"), "b");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
  EXPECT_EQ(PrefixEnd(std::string_view("a\0", 2)), "a\x01");
  EXPECT_EQ(PrefixEnd("\x7f"), "\x80");
}

TEST(Keys, CountersAreEightBytesLittleEndian) {
  EXPECT_EQ(EncodeCounter(1), std::string("\1\0\0\0\0\0\0\0", 8));
  EXPECT_EQ(EncodeCounter(-1), std::string(8, '\xff'));
  for (const int64_t value : {INT64_MIN, int64_t{-2}, int64_t{0}, INT64_MAX}) {
    EXPECT_EQ(DecodeCounter(EncodeCounter(value)).value(), value);
  }
  EXPECT_EQ(DecodeCounter("1234567").code(), Code::kCorruption);
  EXPECT_EQ(DecodeCounter("123456789").code(), Code::kCorruption);
}

}  // namespace
}  // namespace tarn::kv
