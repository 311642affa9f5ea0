#include <gtest/gtest.h>

#include "kv/memory.h"
#include "kv/testing/forwarding_store.h"

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

// Collects the bounds of the reads that it is told of.
class WantedStore final : public ForwardingStore {
 public:
  using ForwardingStore::ForwardingStore;
  std::unique_ptr<Transaction> Begin(const BeginOptions& options) override {
    return std::make_unique<WantedTransaction>(*this, ForwardingStore::Begin(options));
  }
  std::vector<std::string> wanted;

 private:
  class WantedTransaction final : public ForwardingTransaction {
   public:
    WantedTransaction(WantedStore& store, std::unique_ptr<Transaction> below)
        : ForwardingTransaction(std::move(below)), store_(store) {}
    void Want(std::span<const std::string> keys, std::span<const Range> ranges) override {
      store_.wanted.assign(keys.begin(), keys.end());
      for (const Range& range : ranges) {
        store_.wanted.insert(store_.wanted.end(), {range.begin, range.end});
      }
    }

   private:
    WantedStore& store_;
  };
};

TEST_F(PrefixedStoreTest, WantedReadsLieBelowThePrefix) {
  WantedStore wanted(*below_);
  const auto store = NewPrefixedStore(wanted, "p/");
  store->Begin()->Want(std::vector<std::string>{"a", ""}, std::vector<Range>{{"b", "c"}, {"", ""}});
  EXPECT_EQ(wanted.wanted, (std::vector<std::string>{"p/a", "p/", "p/b", "p/c", "p/", "p0"}));
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
