#pragma once

// The contract of every cache store (cache_store.h), as tests; they are in cache_contract_*.h. A
// store instantiates them with a function that makes one:
//   INSTANTIATE_TEST_SUITE_P(Disk, CacheContract, testing::Values(StoreUnderTest{"Disk", MakeIt}),
//                            StoreName());

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cache/cache_store.h"

namespace tarn::cache {

inline constexpr uint64_t kTestCapacity = 64 << 20;

struct CacheFixture {  // A store with the objects that it needs.
  virtual ~CacheFixture() = default;
  virtual CacheStore& store() = 0;
};

struct StoreUnderTest {
  std::string name;
  // Makes a store of kTestCapacity with a pinned ratio of 0.3.
  std::function<std::unique_ptr<CacheFixture>()> make;
};

struct StoreName {
  std::string operator()(const testing::TestParamInfo<StoreUnderTest>& info) const {
    return info.param.name;
  }
};

inline std::span<const std::byte> Bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

inline std::string Page(char fill, size_t size = kPageBytes) { return std::string(size, fill); }

inline ContentId Content(uint64_t ino, uint64_t generation) {
  return {InodeId(ino), Generation(generation)};
}

inline std::string ReadAll(LiveFile& file, size_t most = 8 << 20) {
  std::string out(most, '\0');
  Result<size_t> got = file.Read(0, std::as_writable_bytes(std::span(out)));
  EXPECT_TRUE(got.ok()) << got.status().ToString();
  out.resize(got.ok() ? *got : 0);
  return out;
}

// A dirty content that was written, committed and settled.
inline void MakeDirty(CacheStore& store, uint64_t ino, uint64_t generation, std::string_view text) {
  Result<std::unique_ptr<LiveFile>> file = store.Stage(InodeId(ino));
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  ASSERT_TRUE((*file)->Write(0, Bytes(text)).ok());
  ASSERT_TRUE((*file)->Commit(Generation(generation), Syncing::kSynced).ok());
  (*file)->EndWriting();
  ASSERT_TRUE((*file)->Settle().ok());
}

inline void MakeClean(CacheStore& store, uint64_t ino, uint64_t generation, std::string_view text) {
  Result<std::unique_ptr<LiveFile>> file = store.AddClean(Content(ino, generation), text.size());
  ASSERT_TRUE(file.ok()) << file.status().ToString();
  for (uint64_t page = 0; page * kPageBytes < text.size(); ++page) {
    ASSERT_TRUE((*file)->AddPage(page, Bytes(text.substr(page * kPageBytes, kPageBytes))).ok());
  }
}

class CacheContract : public testing::TestWithParam<StoreUnderTest> {
 protected:
  CacheStore& store() { return fixture_->store(); }
  std::unique_ptr<LiveFile> MustOpen(uint64_t ino, uint64_t generation) {
    Result<std::unique_ptr<LiveFile>> file = store().Open(Content(ino, generation));
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    return file.ok() ? std::move(*file) : nullptr;
  }
  std::unique_ptr<LiveFile> MustStage(uint64_t ino) {
    Result<std::unique_ptr<LiveFile>> file = store().Stage(InodeId(ino));
    EXPECT_TRUE(file.ok()) << file.status().ToString();
    return file.ok() ? std::move(*file) : nullptr;
  }
  ContentState StateOf(uint64_t ino) { return store().Find(InodeId(ino))->state; }

  std::unique_ptr<CacheFixture> fixture_ = GetParam().make();
};

}  // namespace tarn::cache
