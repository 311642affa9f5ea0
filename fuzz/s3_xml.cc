// The documents, times and ETags of an S3 server's answers.

#include <iterator>

#include "fuzz/target.h"
#include "s3wire/xml.h"

namespace tarn::fuzz {
namespace {

// A parser gives kCorruption, or no more bytes than it got.
template <typename T, typename Bytes>
void TryParsed(const Result<T>& parsed, std::string_view body, const Bytes& bytes_of) {
  CHECK(parsed.ok() ? bytes_of(*parsed) <= body.size() : parsed.code() == Code::kCorruption);
}

void TryListing(std::string_view body) {
  TryParsed(s3wire::ParseObjectListing(body), body, [](const s3wire::ObjectListing& listing) {
    size_t bytes = listing.next_token.size() + listing.next_marker.size();
    for (const s3wire::ListedObject& object : listing.objects) {
      bytes += object.key.size() + object.etag.size();
      CHECK(!object.key.empty());
    }
    for (const std::string& prefix : listing.prefixes) bytes += prefix.size();
    for (const std::string& key : listing.unreadable) bytes += key.size();
    return bytes;
  });
}

void TryUploads(std::string_view body) {
  TryParsed(s3wire::ParseUploadListing(body), body, [](const s3wire::UploadListing& listing) {
    size_t bytes = 0;
    for (const s3wire::ListedUpload& upload : listing.uploads) {
      bytes += upload.key.size() + upload.upload_id.size();
    }
    return bytes;
  });
}

void TryUploadId(std::string_view body) {
  TryParsed(s3wire::ParseUploadId(body), body, [](const std::string& id) { return id.size(); });
}

void TryCopy(std::string_view body) {
  TryParsed(s3wire::ParseCopyDocument(body), body, [](const s3wire::CopyDocument& copy) {
    CHECK(!copy.etag.empty());
    return copy.etag.size();
  });
}

void TryCompletion(std::string_view body) {
  TryParsed(s3wire::ParseCompletion(body), body,
            [](const std::string& etag) { return etag.size(); });
}

void TryDeletion(std::string_view body) {
  TryParsed(s3wire::ParseDeleteDocument(body), body,
            [](const std::vector<s3wire::DeleteFailure>& failures) {
              size_t bytes = 0;
              for (const s3wire::DeleteFailure& failure : failures) {
                bytes += failure.key.size() + failure.code.size() + failure.message.size();
              }
              return bytes;
            });
}

void TryError(std::string_view body) {
  const s3wire::ErrorDocument error = s3wire::ParseErrorDocument(body);
  CHECK(error.message.size() + error.region.size() + error.endpoint.size() <= body.size());
  CHECK(!error.code.empty() || error.message.empty());
}

void TryTexts(std::string_view text) {
  if (s3wire::ParseHttpTime(text)) CHECK(s3wire::ParseIsoTime(text));
  if (text.find('"') == std::string_view::npos) {
    CHECK(s3wire::Unquoted(s3wire::Quoted(text)) == text);
  }
  CHECK(s3wire::Unquoted(text).size() <= text.size());
}

// Any key that XML can hold has its place in the document.
void TryKeys(std::string_view text) {
  std::vector<std::string> keys;
  for (std::string& key : Lines(text)) {
    if (s3wire::XmlCanHold(key)) keys.push_back(std::move(key));
  }
  const std::string document = s3wire::DeleteDocument(keys);
  CHECK(document.size() >= keys.size());
  CHECK(s3wire::ParseDeleteDocument(document).code() == Code::kCorruption);
}

constexpr void (*kParsers[])(std::string_view) = {
    TryListing,  TryUploads, TryUploadId, TryCopy, TryCompletion,
    TryDeletion, TryError,   TryTexts,    TryKeys,
};

}  // namespace

void Try(std::string_view input) { kParsers[TakeChoice(input, std::size(kParsers))](input); }

std::vector<std::string> Seeds() {
  return {
      Chosen(0,
             "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
             "<Contents><Key>a+b%2Bc</Key><LastModified>2013-05-24T01:02:03.456Z</LastModified>"
             "<ETag>&quot;abc-2&quot;</ETag><Size>5</Size></Contents>"
             "<NextMarker>m</NextMarker><NextContinuationToken>t</NextContinuationToken>"
             "<CommonPrefixes><Prefix>d%20d/</Prefix></CommonPrefixes></ListBucketResult>"),
      Chosen(1,
             "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><Upload><Key>k</Key>"
             "<UploadId>i</UploadId><Initiated>2013-05-24T00:00:00Z</Initiated></Upload>"
             "</ListMultipartUploadsResult>"),
      Chosen(2,
             "<InitiateMultipartUploadResult><UploadId>i</UploadId>"
             "</InitiateMultipartUploadResult>"),
      Chosen(3,
             "<CopyObjectResult><ETag>\"e\"</ETag><LastModified>2013-05-24T00:00:00Z"
             "</LastModified></CopyObjectResult>"),
      Chosen(4,
             "<CompleteMultipartUploadResult><ETag>\"e-2\"</ETag>"
             "</CompleteMultipartUploadResult>"),
      Chosen(5,
             "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code><Message>m</Message>"
             "</Error></DeleteResult>"),
      Chosen(6,
             "<Error><Code>NoSuchKey</Code><Message>m</Message><Region>r</Region>"
             "<RequestId>1</RequestId></Error>"),
      Chosen(7, "Fri, 24 May 2013 00:00:00 GMT"),
      Chosen(7, "2013-05-24T00:00:00.123+02:00"),
      Chosen(7, "W/\"abc\""),
      Chosen(8, "a\nb&<c>"),
  };
}

}  // namespace tarn::fuzz
