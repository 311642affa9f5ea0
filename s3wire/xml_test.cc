#include "s3wire/xml.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/wall_time.h"

namespace tarn::s3wire {
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
  EXPECT_EQ(listing.truncated, true);
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
  EXPECT_EQ(listing.truncated, std::nullopt) << "the answer does not say";
}

TEST(S3Xml, DamagedAnswersAreRefused) {
  for (size_t size = 0; size < kListing.size(); ++size) {
    EXPECT_EQ(ParseObjectListing(kListing.substr(0, size)).code(), Code::kCorruption) << size;
  }
  for (const char* bad : {"", "<html/>", "no xml"}) {
    EXPECT_EQ(ParseObjectListing(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseUploadListing(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseUploadId(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseCopyDocument(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseCompletion(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseDeleteDocument(bad).code(), Code::kCorruption) << bad;
    EXPECT_EQ(ParseErrorDocument(bad).code, "") << bad;
  }
}

TEST(S3Xml, ABadEntryDoesNotHideTheOthers) {
  const ObjectListing listing =
      ParseObjectListing(
          "<ListBucketResult><EncodingType>url</EncodingType>"
          "<Contents><Key>a%zz</Key><Size>1</Size></Contents>"
          "<Contents><Key>b</Key><Size>-1</Size><LastModified>soon</LastModified></Contents>"
          "<Contents><Key>c</Key><Size>7</Size></Contents></ListBucketResult>")
          .value();
  EXPECT_EQ(listing.unreadable, std::vector<std::string>{"a%zz"});
  ASSERT_EQ(listing.objects.size(), 2u);
  EXPECT_EQ(listing.objects[0].size_bytes, std::nullopt);
  EXPECT_EQ(listing.objects[0].mtime_ns, 0);
  EXPECT_EQ(listing.objects[1].size_bytes, 7u);
  EXPECT_EQ(listing.objects[1].etag, "");
}

TEST(S3Xml, NamespacesAndTheWayOnAreUnderstood) {
  const ObjectListing listing =
      ParseObjectListing(
          "<s3:ListBucketResult xmlns:s3=\"urn:x\"><s3:IsTruncated>True</s3:IsTruncated>"
          "<s3:NextMarker>m</s3:NextMarker>"
          "<s3:NextContinuationToken>t</s3:NextContinuationToken>"
          "<s3:Contents><s3:Key>k</s3:Key><s3:Size>1</s3:Size></s3:Contents>"
          "<s3:CommonPrefixes><s3:Prefix>d/</s3:Prefix><s3:Prefix>e/</s3:Prefix>"
          "</s3:CommonPrefixes></s3:ListBucketResult>")
          .value();
  EXPECT_EQ(listing.truncated, true);
  EXPECT_EQ(listing.next_marker, "m");
  EXPECT_EQ(listing.next_token, "t");
  ASSERT_EQ(listing.objects.size(), 1u);
  EXPECT_EQ(listing.objects[0].key, "k");
  EXPECT_EQ(listing.prefixes, (std::vector<std::string>{"d/", "e/"}));
}

TEST(S3Xml, TimesOfEveryZoneAreRead) {
  const std::optional<int64_t> utc = ParseIsoTime("2013-05-24T01:02:03Z");
  for (const char* same :
       {"2013-05-24T01:02:03+00:00", "2013-05-24T03:02:03.5+02:00", "2013-05-23T20:32:03.000-0430",
        "2013-05-24T02:02:03+01", "2013-05-24T01:02:03", "2013-05-24 01:02:03.123456 +0000",
        "2013-05-24t01:02:03z", "20130524T010203Z", "Fri, 24 May 2013 01:02:03 GMT",
        "Fri, 24 May 2013 03:02:03 +0200", "Friday, 24-May-13 01:02:03 GMT",
        "Fri May 24 01:02:03 2013"}) {
    EXPECT_EQ(ParseIsoTime(same), utc) << same;
  }
}

TEST(S3Xml, ATimeThatNanosecondsCannotHoldIsTheNearestThatTheyCan) {
  EXPECT_EQ(ParseIsoTime("9999-12-31T23:59:59Z"), WallNanos(INT64_MAX, 0));
  EXPECT_EQ(ParseIsoTime("1000-01-01T00:00:00Z"), WallNanos(INT64_MIN, 0));
  EXPECT_EQ(ParseHttpTime("Fri, 31 Dec 9999 23:59:59 GMT"), WallNanos(INT64_MAX, 0));
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
  for (const char* bad : {"", "now", "2013-05-24", "Fri, 24 May 2013", "2013-05-24T01:02:03+2:00",
                          "2013-05-24T01:02:03+25:00", "2013-05-24T01:02:03 local"}) {
    EXPECT_FALSE(ParseHttpTime(bad).has_value());
    EXPECT_FALSE(ParseIsoTime(bad).has_value());
  }
  EXPECT_EQ(Unquoted("\"a\""), "a");
  EXPECT_EQ(Quoted("a"), "\"a\"");
  EXPECT_EQ(Quoted(Unquoted("W/\"a\"")), "\"a\"") << "If-Match compares strongly";
}

}  // namespace
}  // namespace tarn::s3wire
