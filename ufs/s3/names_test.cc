#include "ufs/s3/names.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "base/strings.h"
#include "base/testing/random_seed.h"

namespace tarn::ufs::s3 {
namespace {

const std::string kQuote = "\xe2\x80\x9b";

TEST(S3Names, ValidUtf8StaysAsItIs) {
  for (const char* name :
       {"a", "a b+%2F", "\xc3\xa9", "e\xcc\x81", "\xf0\x9f\x8c\x8a", "\x01\x7f"}) {
    EXPECT_EQ(EncodeKey(name), name);
    EXPECT_EQ(NameOfPart(name), name);
  }
}

TEST(S3Names, OtherBytesAreEscapedAndComeBack) {
  EXPECT_EQ(EncodeKey("x\xff"), "x" + kQuote + "FF");
  EXPECT_EQ(NameOfPart("x" + kQuote + "FF"), "x\xff");
  // Overlong, a surrogate, past the last character, cut off.
  for (const char* name : {"\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "a\x80"}) {
    const std::string key = EncodeKey(name);
    EXPECT_NE(key, name);
    EXPECT_EQ(NameOfPart(key), name);
  }
}

TEST(S3Names, WhatLooksLikeAnEscapeIsNotTakenForOne) {
  const std::string literal = kQuote + "FF";
  EXPECT_NE(EncodeKey(literal), literal);
  EXPECT_EQ(NameOfPart(EncodeKey(literal)), literal);
  for (const std::string& plain : {kQuote, kQuote + "41", kQuote + "ff", kQuote + "F"}) {
    EXPECT_EQ(EncodeKey(plain), plain);
    EXPECT_EQ(NameOfPart(plain), plain);
  }
  // Escapes of characters that need none, from another program: EncodeKey writes no name like that.
  const std::string strange = kQuote + "C3" + kQuote + "A9";
  EXPECT_FALSE(NameOfPart(strange).has_value());
}

TEST(S3Names, EveryNameComesBackAndNoTwoShareAKey) {
  Random random(SeedOfTest());
  const std::string pieces[] = {"a",    kQuote, "FF",   "E2",   "\x80",
                                "\xe2", "\x9b", "\xc3", "\xa9", "8"};
  std::map<std::string, std::string> names_by_key;
  for (int i = 0; i < 20'000; ++i) {
    std::string name;
    for (uint64_t n = 1 + random.Uniform(6); n > 0; --n) name += pieces[random.Uniform(10)];
    const std::string key = EncodeKey(name);
    EXPECT_EQ(NameOfPart(key), name);
    EXPECT_EQ(names_by_key.emplace(key, name).first->second, name) << key;
  }
}

TEST(S3Names, WhatCannotBeAFileHasNoName) {
  for (const std::string& part : {std::string(), std::string("."), std::string(".."),
                                  std::string("a\0b", 3), std::string(256, 'n')}) {
    EXPECT_FALSE(NameOfPart(part).has_value()) << part;
  }
  EXPECT_TRUE(NameOfPart(std::string(255, 'n')).has_value());
  EXPECT_EQ(NameOfPath("a/b"), "a/b");
  EXPECT_FALSE(NameOfPath("a//b").has_value());
}

TEST(S3Names, KeysFitIntoWhatS3Takes) {
  std::string deep(1001, 'a');
  deep[500] = '/';
  EXPECT_EQ(CheckKeyForS3("", deep).code(), Code::kOk);
  EXPECT_EQ(CheckKeyForS3("prefix/of/twenty/and/more/", deep).code(), Code::kNameTooLong);
  EXPECT_EQ(CheckKeyForS3("", std::string(300, '\xff')).code(), Code::kNameTooLong);
  EXPECT_EQ(CheckKeyForS3("", "a//b").code(), Code::kInvalid);
}

TEST(S3Names, ContentTypesGoByExtension) {
  EXPECT_EQ(ContentTypeOf("a/b.TXT"), "text/plain");
  EXPECT_EQ(ContentTypeOf("x.avi"), "video/x-msvideo");
  EXPECT_EQ(ContentTypeOf("x.zst"), "application/zstd");
  EXPECT_EQ(ContentTypeOf("x.tar.gz"), "application/gzip");
  for (const char* key : {"x", "x.", "x.nothing", ""}) {
    EXPECT_EQ(ContentTypeOf(key), "application/octet-stream");
  }
}

}  // namespace
}  // namespace tarn::ufs::s3
