// The cost of the store for the namespace. Run with --benchmark_filter=...; durable commits depend
// on the disk that has TMPDIR.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "kv/rocksdb.h"

namespace tarn::kv {
namespace {

constexpr int kKeys = 100'000;

std::string Key(uint64_t i) { return "I/" + std::to_string(1'000'000'000 + i); }

// One database for the whole run, in a directory that is removed at the end.
class Database {
 public:
  Database() {
    std::string path = std::filesystem::temp_directory_path() / "kvbenchXXXXXX";
    CHECK(::mkdtemp(path.data()) != nullptr);
    path_ = path;
    RocksdbOptions options;
    options.directory = path;
    store_ = OpenRocksdbStore(options, SystemClock(), SystemClock()).value();
    for (int i = 0; i < kKeys; i += 1000) Fill(i);
  }
  ~Database() {
    CHECK(store_->Close().ok());
    std::filesystem::remove_all(path_);
  }
  Store& store() { return *store_; }
  const std::string& path() const { return path_; }

 private:
  void Fill(int begin) {
    const auto t = store_->Begin();
    for (int i = begin; i < begin + 1000; ++i) {
      t->Put(Key(static_cast<uint64_t>(i)), std::string(120, 'v'));
    }
    CHECK(t->Commit(Durability::kBuffered).ok());
  }
  std::string path_;
  std::unique_ptr<Store> store_;
};

Database& TheDatabase() {
  static Database database;
  return database;
}

std::string Big(uint64_t n) {
  std::string out;
  for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<char>(n >> shift));
  return out;
}

// The keys that creating the n-th file touches: records near those of the file before, and some of
// its directory.
void PutSome(Transaction& t, uint64_t n) {
  const uint64_t directory = n / 1000;
  t.Put("I" + Big(n), std::string(120, 'i'));
  t.Put("D" + Big(directory) + "file-" + std::to_string(n * 7919 % 1000), std::string(16, 'd'));
  t.Put("T" + Big(directory), std::string(16, 't'));
  t.Put("W" + Big(1) + Big(n), std::string(8, 'w'));
  t.Put("C" + Big(n), std::string(60, 'c'));
  t.Put("P" + Big(n), std::string(40, 'p'));
}

void Get(benchmark::State& state) {
  Store& store = TheDatabase().store();
  uint64_t n = 0;
  auto t = store.Begin();
  for (auto _ : state) {
    if (++n % 1000 == 0) t = store.Begin();
    benchmark::DoNotOptimize(t->Get(Key(n * 7919 % kKeys)));
  }
}
BENCHMARK(Get);

void BeginAndGet(benchmark::State& state) {
  Store& store = TheDatabase().store();
  uint64_t n = 0;
  for (auto _ : state) benchmark::DoNotOptimize(store.Begin()->Get(Key(++n * 7919 % kKeys)));
}
BENCHMARK(BeginAndGet);

void GetMany(benchmark::State& state) {
  Store& store = TheDatabase().store();
  std::vector<std::string> keys;
  for (uint64_t i = 0; i < 64; ++i) keys.push_back(Key(i * 7919 % kKeys));
  for (auto _ : state) benchmark::DoNotOptimize(store.Begin()->GetMany(keys));
  state.SetItemsProcessed(state.iterations() * 64);
}
BENCHMARK(GetMany);

void Scan(benchmark::State& state) {
  Store& store = TheDatabase().store();
  ScanOptions options;
  options.limit = static_cast<size_t>(state.range(0));
  uint64_t n = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(store.Begin()->Scan(Key(++n * 7919 % (kKeys / 2)), "", options));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Scan)->Arg(1)->Arg(1000);

// Each thread and each run makes its own files.
uint64_t FirstOf(const benchmark::State& state) {
  static std::atomic<uint64_t> runs{0};
  return (runs.fetch_add(1) << 40) + (static_cast<uint64_t>(state.thread_index()) << 32);
}

void CommitBlind(benchmark::State& state) {
  Store& store = TheDatabase().store();
  uint64_t n = FirstOf(state);
  for (auto _ : state) {
    const auto t = store.Begin();
    PutSome(*t, ++n);
    CHECK(t->Commit(Durability::kBuffered).ok());
  }
}
BENCHMARK(CommitBlind)->Threads(1)->Threads(8)->UseRealTime();

// Does what a create does: a few reads, a counter, a few writes.
void CommitChecked(benchmark::State& state) {
  Store& store = TheDatabase().store();
  uint64_t n = FirstOf(state);
  uint64_t conflicts = 0;
  for (auto _ : state) {
    const auto t = store.Begin();
    ++n;
    for (uint64_t i = 0; i < 3; ++i) CHECK(t->Get(Key((n * 31 + i) % kKeys)).ok());
    CHECK(t->Get("absent" + std::to_string(n)).ok());
    t->Add("counter", 1);
    PutSome(*t, n);
    const Result<Version> version = t->Commit(Durability::kBuffered);
    CHECK(version.ok() || version.code() == Code::kConflict);
    conflicts += version.ok() ? 0 : 1;
  }
  state.counters["conflicts"] = static_cast<double>(conflicts);
}
BENCHMARK(CommitChecked)->Threads(1)->Threads(8)->UseRealTime();

void CommitDurable(benchmark::State& state) {
  Store& store = TheDatabase().store();
  uint64_t n = FirstOf(state);
  for (auto _ : state) {
    const auto t = store.Begin();
    PutSome(*t, ++n);
    CHECK(t->Commit(Durability::kDurable).ok());
  }
}
BENCHMARK(CommitDurable)->Threads(1)->Threads(8)->UseRealTime();

// For comparison: the time of the disk itself for a synced append of this size.
void AppendAndSync(benchmark::State& state) {
  const std::string path = TheDatabase().path() + "/append";
  const int fd = ::open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  CHECK(fd >= 0);
  const std::string data(800, 'x');
  for (auto _ : state) {
    CHECK(::write(fd, data.data(), data.size()) == static_cast<ssize_t>(data.size()));
    CHECK(::fdatasync(fd) == 0);
  }
  ::close(fd);
}
BENCHMARK(AppendAndSync)->UseRealTime();

}  // namespace
}  // namespace tarn::kv
