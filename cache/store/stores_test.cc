#include <filesystem>

#include "cache/testing/cache_contract.h"
#include "cache/testing/cache_contract_clean.h"
#include "cache/testing/cache_contract_persisting.h"
#include "cache/testing/cache_contract_writing.h"
#include "kv/memory.h"

namespace tarn::cache {
namespace {

class MemoryFixture final : public CacheFixture {
 public:
  CacheStore& store() override { return *store_; }

 private:
  const std::unique_ptr<CacheStore> store_ = NewMemoryCacheStore(kTestCapacity, SystemClock());
};

class DiskFixture final : public CacheFixture {
 public:
  DiskFixture() {
    std::string path = testing::TempDir() + "/cache_test.XXXXXX";
    directory_ = mkdtemp(path.data());
    CacheOptions options;
    options.directories = {directory_};
    options.capacities_bytes = {kTestCapacity};
    store_ = std::move(OpenDiskCacheStore(options, *index_, clock_, SystemClock()).value());
  }
  ~DiskFixture() override {
    store_.reset();
    std::filesystem::remove_all(directory_);
  }
  CacheStore& store() override { return *store_; }

 private:
  ManualClock clock_;
  std::string directory_;
  const std::unique_ptr<kv::Store> index_ = kv::NewMemoryStore(clock_);
  std::unique_ptr<CacheStore> store_;
};

INSTANTIATE_TEST_SUITE_P(
    Stores, CacheContract,
    testing::Values(StoreUnderTest{"Memory", [] { return std::make_unique<MemoryFixture>(); }},
                    StoreUnderTest{"Disk", [] { return std::make_unique<DiskFixture>(); }}),
    StoreName());

}  // namespace
}  // namespace tarn::cache
