// Operations per second of the namespace over RocksDB, as the FUSE front end calls them. The store
// syncs nothing: the figures are the price of a transaction, not of the disk.

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "kv/rocksdb.h"
#include "meta/namespace.h"
#include "ufs/local.h"

namespace tarn::meta {
namespace {

class Bench {
 public:
  Bench() {
    char pattern[] = "/var/tmp/tarn-meta-bench-XXXXXX";
    CHECK(mkdtemp(pattern) != nullptr);
    directory_ = pattern;
    std::filesystem::create_directory(directory_ + "/source");
    kv::RocksdbOptions options;
    options.directory = directory_ + "/kv";
    auto store = kv::OpenRocksdbStore(options, SystemClock(), SystemClock());
    CHECK(store.ok());
    store_ = *std::move(store);
    auto ufs = ufs::OpenLocalUfs(directory_ + "/source", SystemClock());
    CHECK(ufs.ok());
    CHECK(mounts_.Add(MountId(1), *std::move(ufs)).ok());
    auto opened = OpenNamespace(*store_, mounts_, SystemClock(), MetaOptions{}, RootMount{});
    CHECK(opened.ok());
    namespace_ = *std::move(opened);
    dir_ = Make(kRootInode, "dir", role::FileType::kDirectory);
  }
  ~Bench() {
    namespace_.reset();
    store_.reset();
    std::filesystem::remove_all(directory_);
  }

  role::Names& names() { return namespace_->GetNames(); }
  role::Files& files() { return namespace_->GetFiles(); }
  InodeId dir() const { return dir_; }
  const role::Caller& caller() const { return caller_; }

  InodeId Make(InodeId parent, const std::string& name, role::FileType type) {
    role::CreateSpec spec;
    spec.type = type;
    spec.mode = 0644;
    auto made = names().Create(caller_, parent, name, spec);
    CHECK(made.ok());
    return made->attr.ino;
  }
  InodeId MakeFile(const std::string& name) { return Make(dir_, name, role::FileType::kRegular); }
  void MakeFiles(int64_t count) {
    for (int64_t i = 0; i < count; ++i) MakeFile("f" + std::to_string(i));
  }

 private:
  std::string directory_;
  std::unique_ptr<kv::Store> store_;
  ufs::UfsMounts mounts_;
  std::unique_ptr<Namespace> namespace_;
  InodeId dir_;
  role::Caller caller_{SessionId(1), 0, 0, 0};
};

void BM_Create(benchmark::State& state) {
  Bench bench;
  int64_t i = 0;
  for (auto _ : state) bench.MakeFile("f" + std::to_string(i++));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Create);

void BM_CreateCommitUnlinkForget(benchmark::State& state) {
  Bench bench;
  for (auto _ : state) {
    const InodeId ino = bench.MakeFile("f");
    role::WriteCommit commit{Generation(0), Generation(1), 4096, {}, 1, true, false};
    CHECK(bench.files().CommitWrite(bench.caller(), ino, commit).ok());
    CHECK(bench.names().Unlink(bench.caller(), bench.dir(), "f").ok());
    CHECK(bench.files().Forget(ino).ok());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_CreateCommitUnlinkForget);

void BM_Lookup(benchmark::State& state) {
  Bench bench;
  bench.MakeFiles(10000);
  int64_t i = 0;
  for (auto _ : state) {
    const std::string name = "f" + std::to_string(i++ % 10000);
    benchmark::DoNotOptimize(bench.names().Lookup(bench.caller(), bench.dir(), name));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Lookup);

void BM_LookupAbsent(benchmark::State& state) {
  Bench bench;
  bench.MakeFiles(10000);
  for (auto _ : state) {
    benchmark::DoNotOptimize(bench.names().Lookup(bench.caller(), bench.dir(), "absent"));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_LookupAbsent);

void BM_GetAttr(benchmark::State& state) {
  Bench bench;
  const InodeId first = bench.MakeFile("first");
  bench.MakeFiles(4000);
  uint64_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(bench.files().GetAttr(InodeId(first.value + i++ % 4000)));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_GetAttr);

void BM_GetAttrOfDirectory(benchmark::State& state) {
  Bench bench;
  bench.MakeFiles(1000);
  for (auto _ : state) benchmark::DoNotOptimize(bench.files().GetAttr(bench.dir()));
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_GetAttrOfDirectory);

void BM_Rename(benchmark::State& state) {
  Bench bench;
  bench.MakeFile("n0");
  int64_t i = 0;
  for (auto _ : state) {
    const std::string from = "n" + std::to_string(i), to = "n" + std::to_string(i + 1);
    CHECK(
        bench.names()
            .Rename(bench.caller(), bench.dir(), from, bench.dir(), to, role::RenameMode::kReplace)
            .ok());
    ++i;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_Rename);

void BM_ReadDirWithAttributes(benchmark::State& state) {
  Bench bench;
  bench.MakeFiles(10000);
  int64_t entries = 0;
  for (auto _ : state) {
    uint64_t cursor = 0;
    for (bool end = false; !end;) {
      auto page = bench.names().ReadDir(bench.caller(), bench.dir(), cursor, 1000,
                                        role::Names::WithAttrs::kYes);
      CHECK(page.ok());
      end = page->end;
      if (!page->entries.empty()) cursor = page->entries.back().cursor;
      entries += static_cast<int64_t>(page->entries.size());
    }
  }
  state.SetItemsProcessed(entries);
}
BENCHMARK(BM_ReadDirWithAttributes);

}  // namespace
}  // namespace tarn::meta
