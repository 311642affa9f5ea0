// Many threads on few inodes in a cache that is too small. All bytes of an inode are one letter in
// every generation, so that a read shows whether bytes are holes or come from another inode.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <latch>
#include <thread>

#include "base/random.h"
#include "base/testing/random_seed.h"
#include "cache/testing/cache_contract.h"

namespace tarn::cache {
namespace {

constexpr uint64_t kInodes = 6;
constexpr uint64_t kCapacity = 8 << 20;
constexpr int kSteps = 1500;

class Actor {
 public:
  Actor(CacheStore& store, std::atomic<uint64_t>& generation, uint64_t seed)
      : store_(store), generation_(generation), random_(seed) {}

  void Run() {
    for (int step = 0; step < kSteps; ++step) {
      const uint64_t ino = 1 + random_.Uniform(kInodes);
      switch (random_.Uniform(7)) {
        case 0:
          Fill(ino);
          break;
        case 1:
          Create(ino);
          break;
        case 2:
          Rewrite(ino);
          break;
        case 3:
          Persist(ino);
          break;
        case 4:
          EXPECT_TRUE(store_.Erase(InodeId(ino)).ok());
          break;
        case 5:
          store_.Evict(random_.Uniform(kCapacity));
          break;
        default:
          Look(ino);
      }
    }
  }

 private:
  static char Letter(uint64_t ino) { return static_cast<char>('a' + ino); }
  Generation Next() { return Generation(++generation_); }

  // Expects OK, or one of these codes, which a race explains.
  static void Expect(const Status& status, std::initializer_list<Code> codes) {
    if (status.ok()) return;
    const bool known = std::find(codes.begin(), codes.end(), status.code()) != codes.end();
    EXPECT_TRUE(known) << status.ToString();
  }

  void Check(LiveFile& file, uint64_t ino) {
    std::string out(3 * kPageBytes, '\0');
    Result<size_t> got = file.Read(0, std::as_writable_bytes(std::span(out)));
    Expect(got.status(), {Code::kNotFound});
    if (!got.ok()) return;
    out.resize(*got);
    EXPECT_EQ(out.find_first_not_of(Letter(ino)), std::string::npos);
  }

  std::unique_ptr<LiveFile> OpenAny(uint64_t ino) {
    const std::optional<ContentInfo> info = store_.Find(InodeId(ino));
    if (!info) return nullptr;
    Result<std::unique_ptr<LiveFile>> file = store_.Open({InodeId(ino), info->generation});
    Expect(file.status(), {Code::kNotFound});
    return file.ok() ? std::move(*file) : nullptr;
  }

  void Fill(uint64_t ino) {
    const uint64_t size = random_.Uniform(2 * kPageBytes + 1);
    Result<std::unique_ptr<LiveFile>> file = store_.AddClean({InodeId(ino), Next()}, size);
    Expect(file.status(), {Code::kExists});
    if (!file.ok()) return;
    const std::string page = Page(Letter(ino));
    for (uint64_t n = 0; n * kPageBytes < size; ++n) {
      if (random_.Chance(0.2)) continue;
      Expect((*file)->AddPage(n, Bytes(page)), {Code::kNoSpace});
    }
    Check(**file, ino);
  }

  void Create(uint64_t ino) {
    Result<std::unique_ptr<LiveFile>> file = store_.Stage(InodeId(ino));
    Expect(file.status(), {Code::kExists, Code::kNoSpace});
    if (file.ok()) WriteAndCommit(**file, ino);
  }

  void WriteAndCommit(LiveFile& file, uint64_t ino) {
    Expect(file.Write(0, Bytes(Page(Letter(ino), random_.Uniform(100 << 10)))),
           {Code::kNoSpace, Code::kNotFound});
    const auto syncing = random_.Chance(0.5) ? Syncing::kSynced : Syncing::kUnsynced;
    Expect(file.Commit(Next(), syncing).status(), {Code::kStale});
    file.EndWriting();
    Expect(file.Settle(), {Code::kBusy, Code::kStale});
    Check(file, ino);
  }

  void Rewrite(uint64_t ino) {
    const std::unique_ptr<LiveFile> file = OpenAny(ino);
    if (!file) return;
    const auto truncate = random_.Chance(0.5) ? Truncate::kToZero : Truncate::kNo;
    Status begun = file->BeginWriting(truncate);
    Expect(begun, {Code::kStale, Code::kNoSpace});
    if (begun.ok()) WriteAndCommit(*file, ino);
  }

  void Persist(uint64_t ino) {
    const std::optional<ContentInfo> info = store_.Find(InodeId(ino));
    if (!info) return;
    const auto freezing = random_.Chance(0.5) ? Freezing::kExclusive : Freezing::kUnlessChanged;
    auto frozen = store_.Freeze({InodeId(ino), info->generation}, freezing);
    Expect(frozen.status(), {Code::kBusy, Code::kStale, Code::kNotFound});
    if (frozen.ok()) {
      Expect((*frozen)->MarkClean(), {Code::kStale, Code::kInvalid});  // Invalid: not complete.
    }
  }

  void Look(uint64_t ino) {
    const std::unique_ptr<LiveFile> file = OpenAny(ino);
    if (!file) return;
    Check(*file, ino);
    Expect(file->CheckChanged().status(), {});
    file->CurrentSize();
    file->Info();
  }

  CacheStore& store_;
  std::atomic<uint64_t>& generation_;
  Random random_;
};

TEST(Races, NoReaderSeesBytesOfAnotherInodeAndNothingLeaks) {
  const uint64_t seed = SeedOfTest();
  SCOPED_TRACE("TARN_SEED=" + std::to_string(seed));
  const std::unique_ptr<CacheStore> store = NewMemoryCacheStore(kCapacity, SystemClock());
  std::atomic<uint64_t> generation{0};
  {
    std::vector<std::jthread> threads;
    for (uint64_t n = 0; n < 4; ++n) {
      threads.emplace_back([&, n] { Actor(*store, generation, seed + n).Run(); });
    }
  }
  for (uint64_t ino = 1; ino <= kInodes; ++ino) EXPECT_TRUE(store->Erase(InodeId(ino)).ok());
  const Usage usage = store->GetUsage();
  EXPECT_EQ(usage.pinned_bytes, 0u);
  EXPECT_EQ(usage.used_bytes, 0u);
  EXPECT_EQ(usage.contents, 0u);
}

TEST(Races, PagesThatComeTogetherKeepToTheRoom) {
  constexpr uint64_t kPages = 6;
  const std::unique_ptr<CacheStore> store = NewMemoryCacheStore(kCapacity, SystemClock());
  const std::string bytes(kPageBytes, 'x');
  for (uint64_t round = 1; round <= 5; ++round) {
    auto file = store->AddClean({InodeId(round), Generation(1)}, kPages * kPageBytes).value();
    ASSERT_TRUE(file->BeginWriting(Truncate::kNo).ok());
    std::atomic<uint64_t> added{0};
    {
      std::latch begin(kPages);
      std::vector<std::jthread> threads;
      for (uint64_t page = 0; page < kPages; ++page) {
        threads.emplace_back([&, page] {
          begin.arrive_and_wait();
          if (file->AddPage(page, std::as_bytes(std::span(bytes))).ok()) ++added;
        });
      }
    }
    const Usage usage = store->GetUsage();
    EXPECT_EQ(added, usage.pinned_limit_bytes / kPageBytes);
    EXPECT_EQ(usage.pinned_bytes, added * kPageBytes);
    file->EndWriting();
    ASSERT_TRUE(store->Erase(InodeId(round)).ok());
    file.reset();
    EXPECT_EQ(store->GetUsage().pinned_bytes, 0u);
  }
}

}  // namespace
}  // namespace tarn::cache
