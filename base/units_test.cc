#include "base/units.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tarn {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::HasSubstr;

TEST(ParseSize, TakesTheUnitsOfTheDocuments) {
  EXPECT_EQ(*ParseSize("0"), 0u);
  EXPECT_EQ(*ParseSize("4096"), 4096u);
  EXPECT_EQ(*ParseSize("64k"), 64u << 10);
  EXPECT_EQ(*ParseSize("512MB"), 512u << 20);
  EXPECT_EQ(*ParseSize("1GiB"), 1u << 30);
  EXPECT_EQ(*ParseSize(" 1.5 gb "), 3u << 29);
  EXPECT_EQ(*ParseSize("2T"), 2ULL << 40);
}

TEST(ParseSize, MalformedNamesValueAndExample) {
  for (const char* text : {"", "x", "1XB", "-1", "1.GB", ".5G", "99999999999G", "1e3", "10 M 2"}) {
    const Result<uint64_t> size = ParseSize(text);
    ASSERT_EQ(size.code(), Code::kInvalid) << text;
    EXPECT_THAT(size.status().message(), HasSubstr(std::string("\"") + text + "\"")) << text;
  }
  EXPECT_THAT(ParseSize("1XB").status().message(), HasSubstr("1GiB"));
}

TEST(ParseDuration, TakesTheUnitsOfTheDocuments) {
  EXPECT_EQ(*ParseDuration("500ms"), milliseconds(500));
  EXPECT_EQ(*ParseDuration("10min"), minutes(10));
  EXPECT_EQ(*ParseDuration("10m"), minutes(10));
  EXPECT_EQ(*ParseDuration("1h"), hours(1));
  EXPECT_EQ(*ParseDuration("1hr"), hours(1));
  EXPECT_EQ(*ParseDuration("2d"), hours(48));
  EXPECT_EQ(*ParseDuration("1.5s"), milliseconds(1500));
  EXPECT_EQ(*ParseDuration("0"), Nanos(0));
  EXPECT_EQ(*ParseDuration("-1"), kForever);
  EXPECT_EQ(*ParseDuration("never"), kForever);
}

TEST(ParseDuration, MalformedNamesValueAndExample) {
  for (const char* text : {"", "10", "ten", "1y", "-5s", "999999d"}) {
    const Result<Nanos> duration = ParseDuration(text);
    ASSERT_EQ(duration.code(), Code::kInvalid) << text;
    EXPECT_THAT(duration.status().message(), HasSubstr(std::string("\"") + text + "\"")) << text;
  }
  EXPECT_THAT(ParseDuration("10").status().message(), HasSubstr("10min"));
}

}  // namespace
}  // namespace tarn
