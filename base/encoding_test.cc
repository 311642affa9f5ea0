#include "base/encoding.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/checksum.h"
#include "base/random.h"
#include "base/testing/random_seed.h"

namespace tarn {
namespace {

constexpr uint64_t kNumbers[] = {0, 1, 127, 128, 300, 1u << 31, 1ULL << 62, UINT64_MAX};

TEST(Encoding, FieldsReadBack) {
  for (const uint64_t n : kNumbers) {
    const auto signed_n = static_cast<int64_t>(n);
    std::string out;
    AppendBig32(out, static_cast<uint32_t>(n));
    AppendBig64(out, n);
    AppendVarint(out, n);
    AppendSignedVarint(out, signed_n);
    AppendSignedVarint(out, -(signed_n / 2));
    AppendString(out, std::string_view("a\0b", 3));
    Reader reader(out);
    EXPECT_EQ(reader.Big32(), static_cast<uint32_t>(n));
    EXPECT_EQ(reader.Big64(), n);
    EXPECT_EQ(reader.Varint(), n);
    EXPECT_EQ(reader.SignedVarint(), signed_n);
    EXPECT_EQ(reader.SignedVarint(), -(signed_n / 2));
    EXPECT_EQ(reader.String(), std::string_view("a\0b", 3));
    EXPECT_TRUE(reader.Finish("test").ok());
  }
}

TEST(Encoding, BigEndianBytesSortLikeNumbers) {
  std::string last;
  for (const uint64_t n : kNumbers) {
    std::string key;
    AppendBig64(key, n);
    EXPECT_LT(last, key);
    last = key;
  }
}

TEST(Encoding, EveryCutIsCorruption) {
  std::string whole;
  AppendVarint(whole, 1ULL << 40);
  AppendString(whole, "hello");
  AppendBig32(whole, 7);
  for (size_t size = 0; size < whole.size(); ++size) {
    Reader reader(std::string_view(whole).substr(0, size));
    reader.Varint();
    reader.String();
    reader.Big32();
    EXPECT_EQ(reader.Finish("record").code(), Code::kCorruption) << size;
  }
}

TEST(Encoding, BytesTooManyAreCorruption) {
  Reader reader("ab");
  reader.U8();
  EXPECT_TRUE(reader.ok());
  EXPECT_EQ(reader.Finish("record").code(), Code::kCorruption);
}

TEST(Encoding, OverlongNumbersAreCorruption) {
  Reader too_long("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02");
  EXPECT_EQ(too_long.Varint(), 0u);
  EXPECT_FALSE(too_long.ok());
  std::string wide;
  AppendVarint(wide, 1ULL << 32);
  Reader too_wide(wide);
  EXPECT_EQ(too_wide.Varint32(), 0u);
  EXPECT_FALSE(too_wide.ok());
  Reader no_bool("\x02");
  EXPECT_FALSE(no_bool.Bool() && no_bool.ok());
  EXPECT_EQ(no_bool.Finish("flag").code(), Code::kCorruption);
}

TEST(Encoding, CountNeverExceedsWhatIsLeft) {
  std::string out;
  AppendVarint(out, 1'000'000'000'000);
  out += "few bytes";
  Reader reader(out);
  EXPECT_EQ(reader.Count(2), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(Encoding, RandomBytesNeverReadOutOfBounds) {
  Random random(SeedOfTest(11));
  for (int round = 0; round < 10'000; ++round) {
    std::string bytes(random.Uniform(40), '\0');
    for (char& c : bytes) c = static_cast<char>(random.Next());
    Reader reader(bytes);
    size_t seen = 0;
    for (size_t n = reader.Count(1); n > 0 && reader.ok(); --n) seen += reader.String().size();
    EXPECT_LE(seen, bytes.size());
    EXPECT_TRUE(reader.ok() || reader.Finish("x").code() == Code::kCorruption);
  }
}

// The value is part of on-disk formats, so a change of the algorithm must fail here.
TEST(Checksum, IsXxh3OfSixtyFourBits) {
  EXPECT_EQ(Checksum(std::string_view("")), 0x2d06800538d394c2u);
}

}  // namespace
}  // namespace tarn
