#pragma once

// The contract of every engine (kv/store.h), as tests. An engine instantiates it with a function
// that makes a store:
//   INSTANTIATE_TEST_SUITE_P(Memory, StoreContract,
//                            testing::Values(EngineUnderTest{"Memory", MakeMemory}), EngineName());

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "kv/store.h"

namespace tarn::kv {

// A store for one test, with the objects that it needs.
struct Fixture {
  virtual ~Fixture() = default;
  virtual Store& store() = 0;
};

struct EngineUnderTest {
  std::string name;
  std::function<std::unique_ptr<Fixture>(Clock& clock)> make;
};

struct EngineName {
  std::string operator()(const testing::TestParamInfo<EngineUnderTest>& info) const {
    return info.param.name;
  }
};

// A prefixed store over another engine, with a neighbouring key on each side that must stay as it
// is.
class PrefixedFixture final : public Fixture {
 public:
  explicit PrefixedFixture(std::unique_ptr<Fixture> below)
      : below_(std::move(below)), store_(NewPrefixedStore(below_->store(), "p/")) {
    EXPECT_TRUE(Transact(below_->store(), {.clock = SystemClock()}, [](Transaction& t) {
                  t.Put("p.", "left");
                  t.Put("p0", "right");
                  return OkStatus();
                }).ok());
  }
  ~PrefixedFixture() override {
    const auto t = below_->store().Begin();
    if (!t->ReadVersion().ok()) return;  // The test closed it.
    EXPECT_EQ(*t->Get("p.").value(), "left");
    EXPECT_EQ(*t->Get("p0").value(), "right");
  }
  Store& store() override { return *store_; }

 private:
  const std::unique_ptr<Fixture> below_;
  const std::unique_ptr<Store> store_;
};

inline EngineUnderTest Prefixed(const EngineUnderTest& below) {
  return {"Prefixed" + below.name,
          [below](Clock& clock) { return std::make_unique<PrefixedFixture>(below.make(clock)); }};
}

class StoreContract : public testing::TestWithParam<EngineUnderTest> {
 protected:
  using Keys = std::vector<std::string>;

  Store& store() { return fixture_->store(); }
  std::unique_ptr<Transaction> Begin() { return store().Begin(); }

  Version Write(const std::function<void(Transaction&)>& body) {
    const auto t = Begin();
    body(*t);
    const Result<Version> version = t->Commit(Durability::kBuffered);
    EXPECT_TRUE(version.ok()) << version.status().ToString();
    return version.ok() ? *version : 0;
  }
  void Fill(const Keys& keys) {
    Write([&](Transaction& t) {
      for (const std::string& key : keys) t.Put(key, "v" + key);
    });
  }
  static std::string ValueIn(Transaction& t, std::string_view key) {
    const auto value = t.Get(key);
    EXPECT_TRUE(value.ok()) << value.status().ToString();
    return value.ok() && *value ? **value : "(none)";
  }
  std::string Value(std::string_view key) { return ValueIn(*Begin(), key); }
  static int64_t CounterIn(Transaction& t, std::string_view key) {
    return DecodeCounter(ValueIn(t, key)).value();
  }
  static Keys KeysIn(Transaction& t, std::string_view begin, std::string_view end,
                     const ScanOptions& options = {}) {
    Keys keys;
    const auto page = t.Scan(begin, end, options);
    EXPECT_TRUE(page.ok()) << page.status().ToString();
    if (!page.ok()) return keys;
    for (const Pair& pair : page->pairs) keys.push_back(pair.key);
    return keys;
  }
  static Code CommitCode(Transaction& t) { return t.Commit(Durability::kBuffered).code(); }

  // True if `reader`, having read, fails to commit a write after `writer` committed.
  bool Conflicts(const std::function<void(Transaction&)>& reader,
                 const std::function<void(Transaction&)>& writer) {
    const auto t = Begin();
    reader(*t);
    t->Put("conflicts-own-write", "x");
    Write(writer);
    const Code code = CommitCode(*t);
    EXPECT_TRUE(code == Code::kOk || code == Code::kConflict) << CodeName(code);
    return code == Code::kConflict;
  }

  ManualClock clock_;
  const std::unique_ptr<Fixture> fixture_ = GetParam().make(clock_);
};

}  // namespace tarn::kv
