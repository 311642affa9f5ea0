#pragma once

// The XML documents of the S3 protocol, read and written. Pure. A document of a server is
// understood or kCorruption; no size in it is trusted.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace tarn::s3wire {

struct ErrorDocument {
  std::string code;  // "NoSuchKey"; empty: it is no such document.
  std::string message;
  std::string region;    // In errors about a wrong region.
  std::string endpoint;  // In PermanentRedirect.
  std::string request_id;
};
ErrorDocument ParseErrorDocument(std::string_view body);

struct ListedObject {
  std::string key;
  std::optional<uint64_t> size_bytes;  // Nullopt: the entry has no readable size.
  std::string etag;                    // Without quotes; empty: the entry has none.
  int64_t mtime_ns = 0;                // 0: the entry has no readable time.
};
struct ObjectListing {
  std::vector<ListedObject> objects;
  std::vector<std::string> prefixes;    // Each ends in the delimiter.
  std::vector<std::string> unreadable;  // Keys as they came that cannot be decoded.
  std::optional<bool> truncated;        // Nullopt: the answer does not say.
  std::string next_token;               // In version 2; empty: none.
  std::string next_marker;              // In version 1; empty: none.
};
// For listings with encoding-type=url. A server that does not know it sends plain keys.
Result<ObjectListing> ParseObjectListing(std::string_view body);

struct ListedUpload {
  std::string key;
  std::string upload_id;
  int64_t started_ns = 0;
};
struct UploadListing {
  std::vector<ListedUpload> uploads;
  bool truncated = false;
  std::string next_key;
  std::string next_upload_id;
};
Result<UploadListing> ParseUploadListing(std::string_view body);

Result<std::string> ParseUploadId(std::string_view body);
struct CopyDocument {
  std::string etag;
  std::optional<int64_t> mtime_ns;  // Nullopt: the answer does not say.
};
// The answer to CopyObject and UploadPartCopy. Like CompleteMultipartUpload these may fail after
// they have answered 200: the caller looks for an ErrorDocument first.
Result<CopyDocument> ParseCopyDocument(std::string_view body);
// The ETag of the completed upload; empty: the store (Ceph 16) does not say.
Result<std::string> ParseCompletion(std::string_view body);

struct DeleteFailure {
  std::string key;
  std::string code;
  std::string message;
};
Result<std::vector<DeleteFailure>> ParseDeleteDocument(std::string_view body);

struct Part {
  uint32_t number = 0;
  std::string etag;
};
std::string CompleteDocument(const std::vector<Part>& parts);
// False: the key has a character that XML cannot express.
bool XmlCanHold(std::string_view key);
std::string DeleteDocument(const std::vector<std::string>& keys);

// "abc" for "\"abc\"" and for "W/\"abc\"": a proxy makes an ETag weak, but the version is the same.
std::string Unquoted(std::string_view etag);
std::string Quoted(std::string_view etag);
// "Fri, 24 May 2013 00:00:00 GMT" (HTTP) or "2013-05-24T00:00:00.123Z" (XML), either with another
// zone; without a zone it is UTC. Fractions are cut off, so that both forms give one time for one
// object. Nullopt: neither form.
std::optional<int64_t> ParseHttpTime(std::string_view text);
std::optional<int64_t> ParseIsoTime(std::string_view text);

}  // namespace tarn::s3wire
