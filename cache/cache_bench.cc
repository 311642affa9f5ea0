// The paths that every create, open, close and unlink takes, and for comparison the time of the
// bare file system.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "cache/cache_store.h"
#include "kv/rocksdb.h"

namespace tarn::cache {
namespace {

namespace fs = std::filesystem;

// Below $TARN_BENCH_DIR, or /var/tmp.
std::string ScratchDirectory() {
  const char* base = std::getenv("TARN_BENCH_DIR");
  std::string path = std::string(base != nullptr ? base : "/var/tmp") + "/cache_bench.XXXXXX";
  return mkdtemp(path.data()) != nullptr ? path : std::string();
}

class Bench {
 public:
  Bench() : directory_(ScratchDirectory()) {
    kv::RocksdbOptions options;
    options.directory = directory_ + "/kv";
    kv_ = std::move(kv::OpenRocksdbStore(options, SystemClock(), SystemClock()).value());
    index_ = kv::NewPrefixedStore(*kv_, "cache/");
    CacheOptions cache;
    cache.directories = {directory_ + "/cache"};
    cache.capacities_bytes = {4ull << 30};
    store_ = std::move(OpenDiskCacheStore(cache, *index_, SystemClock(), SystemClock()).value());
  }
  ~Bench() {
    store_.reset();
    index_.reset();
    kv_.reset();
    fs::remove_all(directory_);
  }
  CacheStore& store() { return *store_; }

 private:
  const std::string directory_;
  std::unique_ptr<kv::Store> kv_;
  std::unique_ptr<kv::Store> index_;
  std::unique_ptr<CacheStore> store_;
};

void Check(benchmark::State& state, const Status& status) {
  if (!status.ok()) state.SkipWithError(status.ToString().c_str());
}

void BM_PlainCreateWriteUnlink(benchmark::State& state) {
  const std::string directory = ScratchDirectory();
  const std::string data(static_cast<size_t>(state.range(0)), 'x');
  for (int64_t n = 0; auto _ : state) {
    const std::string path = directory + "/" + std::to_string(n++);
    const int fd = open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (!data.empty()) benchmark::DoNotOptimize(pwrite(fd, data.data(), data.size(), 0));
    close(fd);
    unlink(path.c_str());
  }
  fs::remove_all(directory);
}
BENCHMARK(BM_PlainCreateWriteUnlink)->Arg(0)->Arg(4096)->UseRealTime();

void BM_Stage(benchmark::State& state) {
  Bench bench;
  for (uint64_t ino = 1; auto _ : state) {
    auto file = bench.store().Stage(InodeId(ino));
    Check(state, file.status());
    state.PauseTiming();
    (*file)->EndWriting();
    file->reset();
    Check(state, bench.store().Erase(InodeId(ino++)));
    state.ResumeTiming();
  }
}
BENCHMARK(BM_Stage)->UseRealTime()->Iterations(20'000);

void BM_StageCommitSettleErase(benchmark::State& state) {
  Bench bench;
  CacheStore& store = bench.store();
  const std::string data(static_cast<size_t>(state.range(0)), 'x');
  for (uint64_t ino = 1; auto _ : state) {
    auto file = store.Stage(InodeId(ino));
    Check(state, file.status());
    const int fd = (*file)->WriteDescriptor();  // Written as the kernel does in passthrough.
    if (!data.empty()) benchmark::DoNotOptimize(pwrite(fd, data.data(), data.size(), 0));
    Check(state, (*file)->Commit(Generation(1), Syncing::kSynced).status());
    (*file)->EndWriting();
    Check(state, (*file)->Settle());
    file->reset();
    Check(state, store.Erase(InodeId(ino++)));
  }
}
BENCHMARK(BM_StageCommitSettleErase)->Arg(0)->Arg(4096)->UseRealTime();

void BM_FreezeMarkClean(benchmark::State& state) {
  Bench bench;
  CacheStore& store = bench.store();
  const std::string data(4096, 'x');
  for (uint64_t ino = 1; auto _ : state) {
    state.PauseTiming();
    {
      auto file = store.Stage(InodeId(ino));
      Check(state, (*file)->Write(0, std::as_bytes(std::span(data))));
      Check(state, (*file)->Commit(Generation(1), Syncing::kSynced).status());
      (*file)->EndWriting();
      Check(state, (*file)->Settle());
    }
    state.ResumeTiming();
    auto frozen = store.Freeze({InodeId(ino++), Generation(1)}, Freezing::kExclusive);
    Check(state, frozen.status());
    Check(state, (*frozen)->MarkClean());
  }
}
BENCHMARK(BM_FreezeMarkClean)->UseRealTime()->Iterations(10'000);

void FillSmall(benchmark::State& state, CacheStore& store, uint64_t count) {
  const std::string data(4096, 'x');
  for (uint64_t ino = 1; ino <= count; ++ino) {
    auto file = store.AddClean({InodeId(ino), Generation(1)}, data.size());
    Check(state, file.status());
    Check(state, (*file)->AddPage(0, std::as_bytes(std::span(data))));
  }
}

void BM_OpenCached(benchmark::State& state) {
  Bench bench;
  constexpr uint64_t kCount = 10'000;
  FillSmall(state, bench.store(), kCount);
  for (uint64_t n = 0; auto _ : state) {
    auto file = bench.store().Open({InodeId(1 + n++ * 7919 % kCount), Generation(1)});
    Check(state, file.status());
    benchmark::DoNotOptimize((*file)->ReadDescriptor());
  }
}
BENCHMARK(BM_OpenCached)->UseRealTime();

void BM_FillSmall(benchmark::State& state) {
  Bench bench;
  const std::string data(4096, 'x');
  for (uint64_t ino = 1; auto _ : state) {
    auto file = bench.store().AddClean({InodeId(ino++), Generation(1)}, data.size());
    Check(state, file.status());
    Check(state, (*file)->AddPage(0, std::as_bytes(std::span(data))));
  }
}
BENCHMARK(BM_FillSmall)->UseRealTime()->Iterations(20'000);

void BM_FillLarge(benchmark::State& state) {
  Bench bench;
  const std::string page(kPageBytes, 'x');
  constexpr uint64_t kPages = 256;
  for (uint64_t ino = 1; auto _ : state) {
    auto file = bench.store().AddClean({InodeId(ino), Generation(1)}, kPages * kPageBytes);
    Check(state, file.status());
    for (uint64_t n = 0; n < kPages; ++n) {
      Check(state, (*file)->AddPage(n, std::as_bytes(std::span(page))));
    }
    file->reset();
    Check(state, bench.store().Erase(InodeId(ino++)));
  }
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kPages * kPageBytes));
}
BENCHMARK(BM_FillLarge)->UseRealTime()->Iterations(4);

void BM_ReadThroughTheStore(benchmark::State& state) {
  Bench bench;
  FillSmall(state, bench.store(), 1);
  auto file = bench.store().Open({InodeId(1), Generation(1)});
  std::string out(4096, '\0');
  for (auto _ : state) {
    Check(state, (*file)->Read(0, std::as_writable_bytes(std::span(out))).status());
  }
}
BENCHMARK(BM_ReadThroughTheStore)->UseRealTime();

}  // namespace
}  // namespace tarn::cache
