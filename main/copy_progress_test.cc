#include "main/copy_progress.h"

#include <gtest/gtest.h>

namespace tarn {
namespace {

constexpr uint64_t kMib = uint64_t{1} << 20;

TEST(CopyProgressText, SaysWhatIsDoneHowFastAndHowLongItTakes) {
  EXPECT_EQ(CopyProgressText({3, kMib}, {12, 4 * kMib}, std::chrono::milliseconds(500)),
            "[#######.......................] 3 of 12 files, 1.0 MiB of 4.0 MiB, 2.0 MiB/s, 1 s to "
            "go");
}

TEST(CopyProgressText, AFileThatHasGrownFillsTheBarAndNoMore) {
  EXPECT_EQ(CopyProgressText({0, 3 * kMib}, {1, 2 * kMib}, std::chrono::seconds(3)),
            "[##############################] 0 of 1 files, 3.0 MiB of 2.0 MiB, 1.0 MiB/s");
}

TEST(CopyProgressText, EmptyFilesCountByTheirNumber) {
  EXPECT_EQ(CopyProgressText({1, 0}, {2, 0}, std::chrono::seconds(1)),
            "[###############...............] 1 of 2 files, 0 B of 0 B");
}

TEST(CopyProgressText, NothingToCopyIsAnEmptyBar) {
  EXPECT_EQ(CopyProgressText({}, {}, Nanos::zero()),
            "[..............................] 0 of 0 files, 0 B of 0 B");
}

}  // namespace
}  // namespace tarn
