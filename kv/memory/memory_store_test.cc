#include "kv/memory.h"
#include "kv/testing/store_contract.h"

namespace tarn::kv {
namespace {

class MemoryFixture final : public Fixture {
 public:
  explicit MemoryFixture(Clock& clock) : store_(NewMemoryStore(clock)) {}
  Store& store() override { return *store_; }

 private:
  const std::unique_ptr<Store> store_;
};

const EngineUnderTest kMemory{"Memory",
                              [](Clock& clock) { return std::make_unique<MemoryFixture>(clock); }};

INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(kMemory, Prefixed(kMemory)),
                         EngineName());

Result<Version> PutOnce(Store& store, const std::string& key) {
  const auto t = store.Begin();
  t->Put(key, "x");
  return t->Commit(Durability::kBuffered);
}

bool Has(Store& store, const std::string& key) {
  return store.Begin()->Get(key).value().has_value();
}

TEST(MemoryStore, InjectedConflictsWriteNothing) {
  ManualClock clock;
  const auto store = NewMemoryStore(clock, {.conflict = 1});
  EXPECT_EQ(PutOnce(*store, "a").code(), Code::kConflict);
  EXPECT_FALSE(Has(*store, "a"));
}

TEST(MemoryStore, LostAnswersComeWithAndWithoutTheWrite) {
  ManualClock clock;
  const auto done = NewMemoryStore(clock, {.maybe_committed_done = 1});
  EXPECT_EQ(PutOnce(*done, "a").code(), Code::kMaybeCommitted);
  EXPECT_TRUE(Has(*done, "a"));
  const auto lost = NewMemoryStore(clock, {.maybe_committed_lost = 1});
  EXPECT_EQ(PutOnce(*lost, "a").code(), Code::kMaybeCommitted);
  EXPECT_FALSE(Has(*lost, "a"));
}

TEST(MemoryStore, FaultsRepeatWithTheirSeed) {
  ManualClock clock;
  const auto run = [&](uint64_t seed) {
    const auto store = NewMemoryStore(clock, {.conflict = 0.5, .seed = seed});
    std::string outcome;
    for (int i = 0; i < 64; ++i) outcome += PutOnce(*store, "a").ok() ? '+' : '-';
    return outcome;
  };
  EXPECT_EQ(run(1), run(1));
  EXPECT_NE(run(1), run(2));
}

}  // namespace
}  // namespace tarn::kv
