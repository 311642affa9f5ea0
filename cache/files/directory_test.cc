#include <gtest/gtest.h>

#include <thread>

#include "base/testing/temporary_directory.h"
#include "cache/files/file_place.h"

namespace tarn::cache {
namespace {

// A start takes a file from its old writers while the sweep of stray files meets it.
TEST(DirectoryTest, TwoThreadsMayRemoveOneFencedFile) {
  constexpr int kRounds = 300;
  TemporaryDirectory scratch;
  const std::unique_ptr<FilePlace> place = OpenDirectory(scratch.path()).value();
  for (uint64_t round = 1; round <= kRounds; ++round) {
    const FileId file{InodeId(round), 1};
    const Descriptor made = place->Create(file).value();
    if (!place->Fence(made.get(), Fenced::kYes).ok()) GTEST_SKIP() << "no immutable files here";
    Status other = OkStatus();
    std::jthread sweep([&] { other = place->Remove(file); });
    const Status status = place->Remove(file);
    sweep.join();
    EXPECT_TRUE(status.ok()) << status.ToString();
    EXPECT_TRUE(other.ok()) << other.ToString();
  }
}

}  // namespace
}  // namespace tarn::cache
