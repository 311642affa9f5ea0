#include "s3wire/xml.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <initializer_list>
#include <pugixml.hpp>
#include <sstream>

#include "base/strings.h"
#include "base/wall_time.h"
#include "s3wire/sigv4.h"

namespace tarn::s3wire {
namespace {

Status Misunderstood(std::string_view what, std::string_view body) {
  return Status(Code::kCorruption, Concat("the answer is no ", what, ": ", body.substr(0, 200)));
}

// The name without the prefix of a namespace: "Key" for "s3:Key".
std::string_view LocalName(const pugi::xml_node& node) {
  const std::string_view name = node.name();
  return name.substr(name.find(':') + 1);
}

// The root element, if it has that name.
Result<pugi::xml_node> Root(pugi::xml_document& document, std::string_view body, const char* name) {
  const pugi::xml_parse_result parsed =
      document.load_buffer(body.data(), body.size(),
                           pugi::parse_default | pugi::parse_ws_pcdata_single, pugi::encoding_utf8);
  if (!parsed) return Misunderstood(name, body);
  const pugi::xml_node root = document.document_element();
  if (LocalName(root) != name) return Misunderstood(name, body);
  return root;
}

pugi::xml_node Child(const pugi::xml_node& node, std::string_view name) {
  return node.find_child([name](const pugi::xml_node& child) { return LocalName(child) == name; });
}

std::string_view Text(const pugi::xml_node& node, std::string_view name) {
  return Child(node, name).child_value();
}

template <typename Visit>
Status EachChild(const pugi::xml_node& node, std::string_view name, const Visit& visit) {
  for (const pugi::xml_node& child : node.children()) {
    if (LocalName(child) == name) RETURN_IF_ERROR(visit(child));
  }
  return OkStatus();
}

std::optional<bool> Truth(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return text == "1" || text.front() == 't' || text.front() == 'T';
}

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool IsUrlEncoded(const pugi::xml_node& root) { return Text(root, "EncodingType") == "url"; }

// Servers encode a blank as "+" (AWS, as forms do) or "%20", and always a plus as "%2B".
Result<std::string> DecodedKey(std::string_view text, bool url_encoded) {
  if (!url_encoded) return std::string(text);
  std::string plain(text);
  for (char& c : plain) {
    if (c == '+') c = ' ';
  }
  return sigv4::UriDecode(plain);
}

// One bad entry must not fail the listing of all others.
void AddObject(const pugi::xml_node& node, bool url_encoded, ObjectListing& listing) {
  const std::string_view text = Text(node, "Key");
  Result<std::string> key = DecodedKey(text, url_encoded);
  if (!key.ok() || key->empty()) {
    listing.unreadable.emplace_back(text);
    return;
  }
  ListedObject& object = listing.objects.emplace_back();
  object.key = *std::move(key);
  object.size_bytes = Number(Trimmed(Text(node, "Size")));
  object.mtime_ns = ParseIsoTime(Trimmed(Text(node, "LastModified"))).value_or(0);
  object.etag = Unquoted(Trimmed(Text(node, "ETag")));
}

std::string Written(const pugi::xml_document& document) {
  std::ostringstream out;
  document.save(out, "", pugi::format_raw, pugi::encoding_utf8);
  return std::move(out).str();
}

std::optional<int64_t> SecondsOf(const std::string& text, const char* format,
                                 std::string_view* rest) {
  tm parts = {};
  const char* end = strptime(text.c_str(), format, &parts);
  if (end == nullptr) return std::nullopt;
  *rest = std::string_view(text).substr(static_cast<size_t>(end - text.c_str()));
  return static_cast<int64_t>(timegm(&parts));
}

// How far "Z", "GMT", "+02:00", "+0200", "+02" or nothing is ahead of UTC.
std::optional<int64_t> ZoneSeconds(std::string_view zone) {
  for (const char* utc : {"", "Z", "z", "GMT", "UTC", "UT"}) {
    if (zone == utc) return 0;
  }
  if (zone.front() != '+' && zone.front() != '-') return std::nullopt;
  std::string digits;
  for (const char c : zone.substr(1)) {
    if (c != ':') digits += c;
  }
  if (digits.size() == 2) digits += "00";
  const std::optional<uint64_t> number = Number(digits);
  if (!number || digits.size() != 4 || *number / 100 > 23 || *number % 100 > 59) {
    return std::nullopt;
  }
  const auto ahead = static_cast<int64_t>(*number / 100 * 3600 + *number % 100 * 60);
  return zone.front() == '-' ? -ahead : ahead;
}

std::string_view WithoutFraction(std::string_view text) {
  if (!text.starts_with('.') && !text.starts_with(',')) return text;
  return text.substr(std::min(text.find_first_not_of("0123456789", 1), text.size()));
}

std::optional<int64_t> TimeOf(std::string_view text, std::initializer_list<const char*> formats) {
  const std::string copy(text);
  for (const char* format : formats) {
    std::string_view rest;
    const std::optional<int64_t> seconds = SecondsOf(copy, format, &rest);
    if (!seconds) continue;
    const std::optional<int64_t> zone = ZoneSeconds(Trimmed(WithoutFraction(rest)));
    if (zone) return WallNanos(*seconds - *zone, 0);
  }
  return std::nullopt;
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
  listing.truncated = Truth(Text(root, "IsTruncated"));
  listing.next_token = Text(root, "NextContinuationToken");
  const Result<std::string> marker = DecodedKey(Text(root, "NextMarker"), url_encoded);
  if (marker.ok()) listing.next_marker = *marker;
  RETURN_IF_ERROR(EachChild(root, "Contents", [&](const pugi::xml_node& node) {
    AddObject(node, url_encoded, listing);
    return OkStatus();
  }));
  RETURN_IF_ERROR(EachChild(root, "CommonPrefixes", [&](const pugi::xml_node& group) {
    return EachChild(group, "Prefix", [&](const pugi::xml_node& node) {
      Result<std::string> prefix = DecodedKey(node.child_value(), url_encoded);
      if (prefix.ok() && !prefix->empty()) {
        listing.prefixes.push_back(*std::move(prefix));
      } else {
        listing.unreadable.emplace_back(node.child_value());
      }
      return OkStatus();
    });
  }));
  return listing;
}

Result<UploadListing> ParseUploadListing(std::string_view body) {
  pugi::xml_document document;
  ASSIGN_OR_RETURN(const pugi::xml_node root, Root(document, body, "ListMultipartUploadsResult"));
  const bool url_encoded = IsUrlEncoded(root);
  UploadListing listing;
  listing.truncated = Truth(Text(root, "IsTruncated")).value_or(false);
  ASSIGN_OR_RETURN(listing.next_key, DecodedKey(Text(root, "NextKeyMarker"), url_encoded));
  listing.next_upload_id = Text(root, "NextUploadIdMarker");
  RETURN_IF_ERROR(EachChild(root, "Upload", [&](const pugi::xml_node& node) -> Status {
    ListedUpload upload;
    ASSIGN_OR_RETURN(upload.key, DecodedKey(Text(node, "Key"), url_encoded));
    upload.upload_id = Text(node, "UploadId");
    upload.started_ns = ParseIsoTime(Trimmed(Text(node, "Initiated"))).value_or(0);
    listing.uploads.push_back(std::move(upload));
    return OkStatus();
  }));
  // A store that does not say where the next page begins means: after the last key of this one.
  if (listing.truncated && listing.next_key.empty() && !listing.uploads.empty()) {
    listing.next_key = listing.uploads.back().key;
    listing.next_upload_id = listing.uploads.back().upload_id;
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
  copy.mtime_ns = ParseIsoTime(Text(root, "LastModified"));
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
  RETURN_IF_ERROR(EachChild(root, "Error", [&](const pugi::xml_node& node) {
    failures.push_back({std::string(Text(node, "Key")), std::string(Text(node, "Code")),
                        std::string(Text(node, "Message"))});
    return OkStatus();
  }));
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
  if (etag.starts_with("W/\"")) etag.remove_prefix(2);
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
  // RFC 9110, 5.6.7, with its obsolete forms.
  return TimeOf(text, {"%a, %d %b %Y %H:%M:%S", "%A, %d-%b-%y %H:%M:%S", "%a %b %d %H:%M:%S %Y"});
}

std::optional<int64_t> ParseIsoTime(std::string_view text) {
  const std::optional<int64_t> time = TimeOf(
      text, {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dt%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y%m%dT%H%M%S"});
  return time ? time : ParseHttpTime(text);
}

}  // namespace tarn::s3wire
