#include "main/sorted_listing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tarn {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SortedListingTest : public testing::Test {
 protected:
  void Add(const std::string& path) {
    cli::CachedPath entry;
    entry.info.path = path;
    listing_.Add(std::move(entry));
  }
  std::vector<std::string> printed_;
  SortedListing listing_{
      3, [this](const cli::CachedPath& entry) { printed_.push_back(entry.info.path); }};
};

TEST_F(SortedListingTest, NamesComeInTheirOrder) {
  for (const char* path : {"/d/b", "/d/B", "/d/a"}) Add(path);
  EXPECT_THAT(printed_, IsEmpty());
  listing_.End();
  EXPECT_THAT(printed_, ElementsAre("/d/B", "/d/a", "/d/b"));
}

TEST_F(SortedListingTest, MoreThanAreKeptComeAsTheyAre) {
  for (const char* path : {"/d/d", "/d/c", "/d/b", "/d/a", "/d/0"}) Add(path);
  EXPECT_THAT(printed_, ElementsAre("/d/d", "/d/c", "/d/b", "/d/a", "/d/0"));
  listing_.End();
  EXPECT_EQ(printed_.size(), 5u);
}

}  // namespace
}  // namespace tarn
