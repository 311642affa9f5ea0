#include "ufs/s3/xml.h"

#include <charconv>
#include <ctime>
#include <pugixml.hpp>
#include <sstream>

#include "base/sigv4.h"
#include "base/strings.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

Status Misunderstood(std::string_view what, std::string_view body) {
  return Status(Code::kCorruption, Concat("the answer is no ", what, ": ", body.substr(0, 200)));
}

// The root element, if it has that name.
Result<pugi::xml_node> Root(pugi::xml_document& document, std::string_view body, const char* name) {
  const pugi::xml_parse_result parsed =
      document.load_buffer(body.data(), body.size(),
                           pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!parsed) return Misunderstood(name, body);
  const pugi::xml_node root = document.document_element();
  if (std::string_view(root.name()) != name) return Misunderstood(name, body);
  return root;
}

std::string_view Text(const pugi::xml_node& node, const char* name) {
  return node.child(name).child_value();
}

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool IsUrlEncoded(const pugi::xml_node& root) { return Text(root, "EncodingType") == "url"; }

// Servers encode a blank as "+" (AWS, as forms do) or "%20"; a plus itself always as "%2B".
Result<std::string> DecodedKey(std::string_view text, bool url_encoded) {
  if (!url_encoded) return std::string(text);
  std::string plain(text);
  for (char& c : plain) {
    if (c == '+') c = ' ';
  }
  return sigv4::UriDecode(plain);
}

Result<ListedObject> ParseObject(const pugi::xml_node& node, bool url_encoded) {
  ListedObject object;
  ASSIGN_OR_RETURN(object.key, DecodedKey(Text(node, "Key"), url_encoded));
  const std::optional<uint64_t> size = Number(Text(node, "Size"));
  const std::optional<int64_t> time = ParseIsoTime(Text(node, "LastModified"));
  if (!size || !time) return Status(Code::kCorruption, Concat("listing entry ", object.key));
  object.size_bytes = *size;
  object.mtime_ns = *time;
  object.etag = Unquoted(Text(node, "ETag"));
  return object;
}

std::string Written(const pugi::xml_document& document) {
  std::ostringstream out;
  document.save(out, "", pugi::format_raw, pugi::encoding_utf8);
  return std::move(out).str();
}

std::optional<int64_t> SecondsOf(std::string_view text, const char* format, const char** end) {
  tm parts = {};
  *end = strptime(text.data(), format, &parts);
  if (*end == nullptr) return std::nullopt;
  return static_cast<int64_t>(timegm(&parts));
}

}  // namespace

ErrorDocument ParseErrorDocument(std::string_view body) {
  ErrorDocument error;
  pugi::xml_document document;
  Result<pugi::xml_node> root = Root(document, body, "Error");
  if (!root.ok()) return error;
  error.code = Text(*root, "Code");
  error.message = Text(*root, "Message");
  error.region = Text(*root, "Region");
  error.endpoint = Text(*root, "Endpoint");
  error.request_id = Text(*root, "RequestId");
  if (error.code.empty()) error.code = "Error";
  return error;
}

Result<ObjectListing> ParseObjectListing(std::string_view body) {
  pugi::xml_document document;
  ASSIGN_OR_RETURN(const pugi::xml_node root, Root(document, body, "ListBucketResult"));
  const bool url_encoded = IsUrlEncoded(root);
  ObjectListing listing;
  listing.truncated = Text(root, "IsTruncated") == "true";
  for (const pugi::xml_node& node : root.children("Contents")) {
    ASSIGN_OR_RETURN(ListedObject object, ParseObject(node, url_encoded));
    listing.objects.push_back(std::move(object));
  }
  for (const pugi::xml_node& node : root.children("CommonPrefixes")) {
    ASSIGN_OR_RETURN(std::string prefix, DecodedKey(Text(node, "Prefix"), url_encoded));
    if (prefix.empty()) return Misunderstood("ListBucketResult", body);
    listing.prefixes.push_back(std::move(prefix));
  }
  return listing;
}

Result<UploadListing> ParseUploadListing(std::string_view body) {
  pugi::xml_document document;
  ASSIGN_OR_RETURN(const pugi::xml_node root, Root(document, body, "ListMultipartUploadsResult"));
  const bool url_encoded = IsUrlEncoded(root);
  UploadListing listing;
  listing.truncated = Text(root, "IsTruncated") == "true";
  ASSIGN_OR_RETURN(listing.next_key, DecodedKey(Text(root, "NextKeyMarker"), url_encoded));
  listing.next_upload_id = Text(root, "NextUploadIdMarker");
  for (const pugi::xml_node& node : root.children("Upload")) {
    ListedUpload upload;
    ASSIGN_OR_RETURN(upload.key, DecodedKey(Text(node, "Key"), url_encoded));
    upload.upload_id = Text(node, "UploadId");
    upload.started_ns = ParseIsoTime(Text(node, "Initiated")).value_or(0);
    listing.uploads.push_back(std::move(upload));
  }
  return listing;
}

Result<std::string> ParseUploadId(std::string_view body) {
  pugi::xml_document document;
  ASSIGN_OR_RETURN(const pugi::xml_node root,
                   Root(document, body, "InitiateMultipartUploadResult"));
  std::string id(Text(root, "UploadId"));
  if (id.empty()) return Misunderstood("InitiateMultipartUploadResult", body);
  return id;
}

Result<CopyDocument> ParseCopyDocument(std::string_view body) {
  pugi::xml_document document;
  const pugi::xml_parse_result parsed = document.load_buffer(body.data(), body.size());
  const pugi::xml_node root = document.document_element();
  CopyDocument copy;
  copy.etag = Unquoted(Text(root, "ETag"));
  copy.mtime_ns = ParseIsoTime(Text(root, "LastModified")).value_or(0);
  if (!parsed || copy.etag.empty()) return Misunderstood("copy or upload result", body);
  return copy;
}

Result<std::string> ParseCompletion(std::string_view body) {
  pugi::xml_document document;
  ASSIGN_OR_RETURN(const pugi::xml_node root,
                   Root(document, body, "CompleteMultipartUploadResult"));
  return Unquoted(Text(root, "ETag"));
}

Result<std::vector<DeleteFailure>> ParseDeleteDocument(std::string_view body) {
  pugi::xml_document document;
  ASSIGN_OR_RETURN(const pugi::xml_node root, Root(document, body, "DeleteResult"));
  std::vector<DeleteFailure> failures;
  for (const pugi::xml_node& node : root.children("Error")) {
    failures.push_back({std::string(Text(node, "Key")), std::string(Text(node, "Code")),
                        std::string(Text(node, "Message"))});
  }
  return failures;
}

std::string CompleteDocument(const std::vector<Part>& parts) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  root.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  for (const Part& part : parts) {
    pugi::xml_node node = root.append_child("Part");
    node.append_child("PartNumber").text() = part.number;
    node.append_child("ETag").text() = Quoted(part.etag).c_str();
  }
  return Written(document);
}

bool XmlCanHold(std::string_view key) {
  for (const char c : key) {
    if (static_cast<unsigned char>(c) < 0x20) return false;
  }
  // U+FFFE and U+FFFF.
  return key.find("\xef\xbf\xbe") == std::string_view::npos &&
         key.find("\xef\xbf\xbf") == std::string_view::npos;
}

std::string DeleteDocument(const std::vector<std::string>& keys) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("Delete");
  root.append_attribute("xmlns") = "http://s3.amazonaws.com/doc/2006-03-01/";
  root.append_child("Quiet").text() = "true";
  for (const std::string& key : keys) {
    root.append_child("Object").append_child("Key").text() = key.c_str();
  }
  return Written(document);
}

std::string Unquoted(std::string_view etag) {
  if (etag.size() >= 2 && etag.front() == '"' && etag.back() == '"') {
    etag = etag.substr(1, etag.size() - 2);
  }
  return std::string(etag);
}

std::string Quoted(std::string_view etag) {
  if (etag.find('"') != std::string_view::npos) return std::string(etag);
  return Concat("\"", etag, "\"");
}

std::optional<int64_t> ParseHttpTime(std::string_view text) {
  const std::string copy(text);
  const char* end = nullptr;
  const std::optional<int64_t> seconds = SecondsOf(copy, "%a, %d %b %Y %H:%M:%S GMT", &end);
  if (!seconds || *end != '\0') return std::nullopt;
  return *seconds * kNsPerSecond;
}

std::optional<int64_t> ParseIsoTime(std::string_view text) {
  const std::string copy(text);
  const char* end = nullptr;
  const std::optional<int64_t> seconds = SecondsOf(copy, "%Y-%m-%dT%H:%M:%S", &end);
  if (!seconds || (*end != '.' && *end != 'Z')) return std::nullopt;
  return *seconds * kNsPerSecond;
}

}  // namespace tarn::ufs::s3
