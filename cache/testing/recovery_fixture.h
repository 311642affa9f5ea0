#pragma once

// For tests of what a restart finds: a store on a directory, which can end by a crash or a power
// cut, and whose files a test can change from outside.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "cache/testing/cache_contract.h"
#include "kv/memory.h"

namespace tarn::cache {

inline constexpr uint64_t kSmall = 5;
inline constexpr uint64_t kLarge = 6;
inline const std::string kLargeBytes(200 << 10, 'L');

struct Judged {
  ContentInfo info;
  bool power_cut = false;
};

class Recovery : public testing::Test {
 protected:
  Recovery() {
    std::string path = testing::TempDir() + "/cache_recovery.XXXXXX";
    directory_ = mkdtemp(path.data());
    Start();
  }
  ~Recovery() override;

  void Start() {
    CacheOptions options;
    options.directories = {directory_};
    options.capacities_bytes = {kTestCapacity};
    options.scrub = scrub_;
    Result<std::unique_ptr<CacheStore>> opened =
        OpenDiskCacheStore(options, *index_, clock_, SystemClock());
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    store_ = std::move(*opened);
  }
  // The process dies: no Close, and the files are as written.
  void Die() { store_.reset(); }
  // The index is gone, as after its log was removed from outside.
  void ForgetIndex() {
    Die();
    index_ = kv::NewMemoryStore(clock_);
  }
  // The next start finds a state that another boot wrote.
  void CutPower();
  // Restarts. Every content that recovery asks about gets the verdict, at its own generation.
  std::vector<Judged> RecoverWith(Verdict verdict, uint64_t add_generation = 0) {
    Start();
    std::vector<Judged> judged;
    Status status = store_->Recover([&](const ContentInfo& info, bool power_cut) {
      judged.push_back({info, power_cut});
      Recovered recovered;
      recovered.verdict = verdict;
      recovered.generation = Generation(info.generation.value + add_generation);
      recovered.size_bytes = info.size_bytes;
      return Result<Recovered>(recovered);
    });
    EXPECT_TRUE(status.ok()) << status.ToString();
    return judged;
  }

  std::vector<std::string> Files();
  std::string OnlyFile();
  static void Overwrite(const std::string& path, std::string_view bytes);
  std::string Content(uint64_t ino, uint64_t generation) {
    auto file = store_->Open(cache::Content(ino, generation));
    return file.ok() ? ReadAll(**file) : file.status().ToString();
  }

  ManualClock clock_;
  ScrubOptions scrub_{.bytes_per_second = 0};
  std::string directory_;
  std::unique_ptr<kv::Store> index_ = kv::NewMemoryStore(clock_);
  std::unique_ptr<CacheStore> store_;
};

}  // namespace tarn::cache
