#include "ufs/s3/xml.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace tarn::ufs::s3 {
namespace {

constexpr std::string_view kListing =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>"
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
    "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
    "<Contents><Key>a+b%2Bc%252F%0A</Key><LastModified>2013-05-24T01:02:03.456Z</LastModified>"
    "<ETag>&quot;abc-2&quot;</ETag><Size>5</Size></Contents>"
    "<CommonPrefixes><Prefix>d%20d/</Prefix></CommonPrefixes></ListBucketResult>";

TEST(S3Xml, ListingsAreReadWithTheirKeysDecoded) {
  const ObjectListing listing = ParseObjectListing(kListing).value();
  EXPECT_TRUE(listing.truncated);
  ASSERT_EQ(listing.objects.size(), 1u);
  EXPECT_EQ(listing.objects[0].key, "a b+c%2F\n");
  EXPECT_EQ(listing.objects[0].etag, "abc-2");
  EXPECT_EQ(listing.objects[0].size_bytes, 5u);
  EXPECT_EQ(listing.objects[0].mtime_ns, 1'369'357'323'000'000'000);
  EXPECT_EQ(listing.prefixes, std::vector<std::string>{"d d/"});
}

TEST(S3Xml, KeysThatAreNotEncodedArePlain) {
  const ObjectListing listing =
      ParseObjectListing(
          "<ListBucketResult><Contents><Key>a+b %41</Key><LastModified>"
          "2013-05-24T00:00:00Z</LastModified><ETag>x</ETag><Size>0</Size></Contents>"
          "</ListBucketResult>")
          .value();
  EXPECT_EQ(listing.objects[0].key, "a+b %41");
  EXPECT_FALSE(listing.truncated);
}

TEST(S3Xml, DamagedAnswersAreRefused) {
  for (size_t size = 0; size < kListing.size(); ++size) {
    EXPECT_EQ(ParseObjectListing(kListing.substr(0, size)).code(), Code::kCorruption) << size;
  }
  for (const char* bad : {"", "<html/>", "no xml",
                          "<ListBucketResult><Contents><Key>a</Key>"
                          "<Size>-1</Size></Contents></ListBucketResult>"}) {
    EXPECT_EQ(ParseObjectListing(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseUploadListing(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseUploadId(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseCopyDocument(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseCompletion(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseDeleteDocument(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseErrorDocument(bad).code, "") << bad;
  }
}

TEST(S3Xml, ErrorsAreRead) {
  const ErrorDocument error = ParseErrorDocument(
      "<Error><Code>PermanentRedirect</Code><Message>m</Message><Endpoint>e</Endpoint>"
      "<Region>r</Region><RequestId>i</RequestId></Error>");
  EXPECT_EQ(error.code, "PermanentRedirect");
  EXPECT_EQ(error.message, "m");
  EXPECT_EQ(error.endpoint, "e");
  EXPECT_EQ(error.region, "r");
  EXPECT_EQ(error.request_id, "i");
}

TEST(S3Xml, DocumentsAreWritten) {
  EXPECT_NE(CompleteDocument({{1, "aa"}, {3, "bb"}})
                .find("<Part><PartNumber>3</PartNumber><ETag>\"bb\"</ETag></Part>"),
            std::string::npos);
  EXPECT_NE(DeleteDocument({"a&<b>"}).find("<Object><Key>a&amp;&lt;b&gt;</Key></Object>"),
            std::string::npos);
  EXPECT_TRUE(XmlCanHold("a b+%\xc3\xa9"));
  for (const char* key : {"a\x01", "a\nb", "a\r", "\xef\xbf\xbf"}) EXPECT_FALSE(XmlCanHold(key));
}

TEST(S3Xml, TimesAndEtagsOfBothKindsAgree) {
  EXPECT_EQ(ParseHttpTime("Fri, 24 May 2013 01:02:03 GMT"),
            ParseIsoTime("2013-05-24T01:02:03.999Z"));
  for (const char* bad : {"", "now", "2013-05-24", "Fri, 24 May 2013"}) {
    EXPECT_FALSE(ParseHttpTime(bad).has_value());
    EXPECT_FALSE(ParseIsoTime(bad).has_value());
  }
  EXPECT_EQ(Unquoted("\"a\""), "a");
  EXPECT_EQ(Quoted("a"), "\"a\"");
  EXPECT_EQ(Quoted(Unquoted("W/\"a\"")), "W/\"a\"");
}

}  // namespace
}  // namespace tarn::ufs::s3
