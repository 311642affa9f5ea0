#include "ufs/s3/attributes.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/names.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr std::string_view kMeta = "x-amz-meta-";
// The type that s3fs and AWS use.
constexpr std::string_view kDirectoryType = "application/x-directory";

// Seconds with nine digits after the point, as rclone writes them. s3fs ignores the digits.
std::string FormatSeconds(int64_t ns) {
  const std::string digits = std::to_string(std::abs(ns % kNsPerSecond));
  return Concat(ns < 0 ? "-" : "", std::abs(ns / kNsPerSecond), ".",
                std::string(9 - digits.size(), '0'), digits);
}

template <typename T>
std::optional<T> Number(std::string_view text, int base = 10) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> ParseSeconds(std::string_view text) {
  const size_t point = std::min(text.find('.'), text.size());
  const std::optional<int64_t> seconds = Number<int64_t>(text.substr(0, point));
  constexpr int64_t kMost = INT64_MAX / kNsPerSecond - 1;
  if (!seconds || *seconds < -kMost || *seconds > kMost) return std::nullopt;
  std::string digits(text.substr(std::min(point + 1, text.size())));
  digits.resize(9, '0');
  const std::optional<int64_t> rest = Number<int64_t>(digits);
  if (!rest || *rest < 0) return std::nullopt;
  return *seconds * kNsPerSecond + (text.starts_with('-') ? -*rest : *rest);
}

Status CheckMetadata(std::string_view name, std::string_view value) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7f; };
  const auto in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  const bool fits = !name.empty() && std::all_of(name.begin(), name.end(), in_name) &&
                    std::all_of(value.begin(), value.end(), plain) && Trimmed(value) == value;
  if (fits) return OkStatus();
  return Status(Code::kInvalid, Concat("object metadata \"", name, "\": \"", value,
                                       "\": only lower-case names and ASCII text can be kept"));
}

void AddAttributes(const FileAttributes& attributes, sigv4::Pairs& headers) {
  headers.emplace_back("x-amz-meta-mtime", FormatSeconds(attributes.mtime_ns));
  headers.emplace_back("x-amz-meta-mode", std::to_string(S_IFREG | (attributes.mode & 07777)));
  headers.emplace_back("x-amz-meta-uid", std::to_string(attributes.uid));
  headers.emplace_back("x-amz-meta-gid", std::to_string(attributes.gid));
}

std::string KeyDigest(const S3Options& options) {
  // CheckOptions has decoded the key already.
  return Base64(Md5(DecodeBase64(options.customer_key).value_or("")));
}

// The mode 0120777 of a symbolic link, as s3fs writes it.
constexpr std::string_view kLinkMode = "41471";

// s3fs writes decimal numbers ("33188", "16877") and rclone octal ones ("100644", "40755"), both
// with the type in front. People write "0644" and "644".
bool IsOctal(std::string_view text) {
  if (text.starts_with('0') || text.size() > 5) return true;
  if (text.find_first_of("89") != std::string_view::npos) return false;
  // In decimal no type but a link's begins like this.
  if (text.size() == 5) return text.starts_with('4') && text != kLinkMode;
  return text.size() == 3 && Number<uint32_t>(text) > 0777U;
}

// Permission bits. The bits of a link are no permissions, and its object is a file here.
std::optional<uint32_t> ParseMode(std::string_view text) {
  const std::optional<uint32_t> mode = Number<uint32_t>(text, IsOctal(text) ? 8 : 10);
  if (!mode || S_ISLNK(*mode)) return std::nullopt;
  return *mode & 07777;
}

// UINT32_MAX is no owner: chown(2) takes it for "no change".
std::optional<uint32_t> ParseOwner(std::string_view text) {
  const std::optional<uint32_t> id = Number<uint32_t>(text);
  return id == UINT32_MAX ? std::nullopt : id;
}

void TakeAttribute(std::string_view name, const std::string& value, ObjectInfo& info) {
  if (name == "mtime") {
    const std::optional<int64_t> seconds = ParseSeconds(value);
    info.mtime_ns = (seconds ? seconds : s3wire::ParseIsoTime(value)).value_or(info.mtime_ns);
  } else if (name == "mode") {
    const std::optional<uint32_t> mode = ParseMode(value);
    info.mode_kept = mode.has_value();
    info.mode = mode.value_or(0);
  } else if (name == "uid" || name == "gid") {
    const std::optional<uint32_t> number = ParseOwner(value);
    (name == "uid" ? info.uid_kept : info.gid_kept) = number.has_value();
    (name == "uid" ? info.uid : info.gid) = number.value_or(0);
  }
}

bool IsAttribute(std::string_view name) {
  return name == "mtime" || name == "mode" || name == "uid" || name == "gid" || name == "ctime" ||
         name == "atime";
}

}  // namespace

Status AddMetadata(const std::map<std::string, std::string>& metadata, sigv4::Pairs& headers) {
  for (const auto& [name, value] : metadata) {
    RETURN_IF_ERROR(CheckMetadata(name, value));
    const std::string header = Concat(kMeta, name);
    std::erase_if(headers, [&](const auto& other) { return other.first == header; });
    headers.emplace_back(header, value);
  }
  return OkStatus();
}

Result<sigv4::Pairs> HeadersOfNewObject(const S3Options& options, std::string_view key,
                                        const CreateOptions& create) {
  sigv4::Pairs headers;
  const std::string type =
      create.type == ObjectType::kDirectory ? std::string(kDirectoryType) : ContentTypeOf(key);
  headers.emplace_back("Content-Type", create.content_type.empty() ? type : create.content_type);
  RETURN_IF_ERROR(AddMetadata(create.metadata, headers));
  if (options.keep_attributes && create.attributes) AddAttributes(*create.attributes, headers);
  AddPlacement(options, headers);
  AddCustomerKey(options, headers);
  return headers;
}

sigv4::Pairs HeadersOfCopy(const S3Options& options, const http::Response& source) {
  constexpr std::string_view kKept[] = {"content-type",     "content-encoding",
                                        "content-language", "content-disposition",
                                        "cache-control",    "expires"};
  sigv4::Pairs headers;
  for (const auto& [name, value] : source.headers) {
    const bool kept = std::find(std::begin(kKept), std::end(kKept), name) != std::end(kKept);
    if (kept || name.starts_with(kMeta)) headers.emplace_back(name, value);
  }
  AddPlacement(options, headers);
  AddCustomerKey(options, headers);
  return headers;
}

void AddPlacement(const S3Options& options, sigv4::Pairs& headers) {
  if (!options.storage_class.empty()) {
    headers.emplace_back("x-amz-storage-class", options.storage_class);
  }
  if (!options.acl.empty()) headers.emplace_back("x-amz-acl", options.acl);
  if (!options.tags.empty()) headers.emplace_back("x-amz-tagging", options.tags);
  if (options.encryption == Encryption::kS3) {
    headers.emplace_back("x-amz-server-side-encryption", "AES256");
  }
  if (options.encryption != Encryption::kKms) return;
  headers.emplace_back("x-amz-server-side-encryption", "aws:kms");
  if (!options.kms_key_id.empty()) {
    headers.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", options.kms_key_id);
  }
}

void AddCustomerKey(const S3Options& options, sigv4::Pairs& headers) {
  if (options.encryption != Encryption::kCustomer) return;
  headers.emplace_back("x-amz-server-side-encryption-customer-algorithm", "AES256");
  headers.emplace_back("x-amz-server-side-encryption-customer-key", options.customer_key);
  headers.emplace_back("x-amz-server-side-encryption-customer-key-MD5", KeyDigest(options));
}

void AddSourceCustomerKey(const S3Options& options, sigv4::Pairs& headers) {
  if (options.encryption != Encryption::kCustomer) return;
  constexpr std::string_view kName = "x-amz-copy-source-server-side-encryption-customer-";
  headers.emplace_back(Concat(kName, "algorithm"), "AES256");
  headers.emplace_back(Concat(kName, "key"), options.customer_key);
  headers.emplace_back(Concat(kName, "key-MD5"), KeyDigest(options));
}

void TakeTold(const ObjectInfo& told, ObjectInfo& info) {
  info.mode = told.mode;
  info.uid = told.uid;
  info.gid = told.gid;
  info.mode_kept = told.mode_kept;
  info.uid_kept = told.uid_kept;
  info.gid_kept = told.gid_kept;
  info.mtime_ns = told.mtime_ns;
  info.stored_s = told.stored_s;
  info.attributes_untold = false;
}

void TakeHeaders(const S3Options& options, const http::Response& response, ObjectInfo& info) {
  info.etag = s3wire::Unquoted(response.Header("etag"));
  info.mtime_ns = s3wire::ParseIsoTime(response.Header("last-modified")).value_or(0);
  info.stored_s = info.mtime_ns / kNsPerSecond;
  for (const auto& [name, value] : response.headers) {
    if (!name.starts_with(kMeta)) continue;
    const std::string_view rest = std::string_view(name).substr(kMeta.size());
    if (!IsAttribute(rest)) {
      info.metadata[std::string(rest)] = value;
    } else if (options.keep_attributes) {
      TakeAttribute(rest, value, info);
    }
  }
}

Result<ObjectInfo> InfoOfHeaders(const S3Options& options, std::string_view key,
                                 const http::Response& response) {
  ObjectInfo info;
  info.key = std::string(key);
  TakeHeaders(options, response, info);
  const std::optional<uint64_t> size = Number<uint64_t>(response.Header("content-length"));
  if (!size || info.etag.empty()) {
    return Status(
        Code::kCorruption,
        Concat("stat ", key, ": the answer to HEAD lacks ",
               size ? "ETag, without which versions cannot be told apart" : "Content-Length"));
  }
  info.size_bytes = *size;
  return info;
}

}  // namespace tarn::ufs::s3
