#include "ufs/s3/names.h"

#include <algorithm>

#include "base/digest.h"
#include "base/strings.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr std::string_view kEscape = "\xe2\x80\x9b";  // U+201B
constexpr size_t kEscapedBytes = kEscape.size() + 2;

unsigned ByteAt(std::string_view text, size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

bool Continues(std::string_view text, size_t at, unsigned least = 0x80, unsigned most = 0xbf) {
  return ByteAt(text, at) >= least && ByteAt(text, at) <= most;
}

// The length of the valid UTF-8 sequence at `at` (RFC 3629, table in section 4); 0: there is none.
size_t SequenceBytes(std::string_view text, size_t at) {
  const unsigned first = ByteAt(text, at);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return Continues(text, at + 1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const unsigned least = first == 0xe0 ? 0xa0 : 0x80;
    const unsigned most = first == 0xed ? 0x9f : 0xbf;
    return Continues(text, at + 1, least, most) && Continues(text, at + 2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const unsigned least = first == 0xf0 ? 0x90 : 0x80;
    const unsigned most = first == 0xf4 ? 0x8f : 0xbf;
    const bool valid =
        Continues(text, at + 1, least, most) && Continues(text, at + 2) && Continues(text, at + 3);
    return valid ? 4 : 0;
  }
  return 0;
}

// The byte, 0x80 or more, that the escape at `at` stands for. Its digits are capitals.
std::optional<char> EscapedByte(std::string_view text, size_t at) {
  if (text.substr(at, kEscape.size()) != kEscape) return std::nullopt;
  const std::string_view digits = text.substr(at + kEscape.size(), 2);
  const auto is_lower = [](char c) { return c >= 'a' && c <= 'f'; };
  if (std::any_of(digits.begin(), digits.end(), is_lower)) return std::nullopt;
  const std::optional<std::string> byte = FromHex(digits);
  if (!byte || byte->size() != 1 || ByteAt(*byte, 0) < 0x80) return std::nullopt;
  return byte->front();
}

void AppendEscaped(std::string& out, std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (size_t i = 0; i < bytes.size(); ++i) {
    out += kEscape;
    out += kDigits[ByteAt(bytes, i) >> 4];
    out += kDigits[ByteAt(bytes, i) & 15];
  }
}

std::string Decode(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const std::optional<char> byte = EscapedByte(text, at);
    out += byte ? *byte : text[at];
    at += byte ? kEscapedBytes : 1;
  }
  return out;
}

struct TypeRow {
  std::string_view extension;
  std::string_view type;
};

// Sorted by extension.
constexpr TypeRow kTypes[] = {
    {"avi", "video/x-msvideo"},
    {"bmp", "image/bmp"},
    {"bz2", "application/x-bzip2"},
    {"c", "text/x-csrc"},
    {"cc", "text/x-c++src"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"flac", "audio/flac"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"h", "text/x-chdr"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"md", "text/markdown"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"ogg", "audio/ogg"},
    {"parquet", "application/vnd.apache.parquet"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"py", "text/x-python"},
    {"sh", "application/x-sh"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tgz", "application/gzip"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"tsv", "text/tab-separated-values"},
    {"txt", "text/plain"},
    {"wasm", "application/wasm"},
    {"wav", "audio/x-wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"xml", "application/xml"},
    {"xz", "application/x-xz"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
    {"zst", "application/zstd"},
};

}  // namespace

std::string EncodeKey(std::string_view key) {
  std::string out;
  out.reserve(key.size());
  for (size_t at = 0; at < key.size();) {
    const size_t bytes = SequenceBytes(key, at);
    const bool ambiguous = EscapedByte(key, at).has_value();
    if (bytes == 0 || ambiguous) {
      AppendEscaped(out, key.substr(at, std::max<size_t>(bytes, 1)));
    } else {
      out += key.substr(at, bytes);
    }
    at += std::max<size_t>(bytes, 1);
  }
  return out;
}

std::optional<std::string> NameOfPart(std::string_view part) {
  std::string name = Decode(part);
  // An escape that EncodeKey would not write stands for itself.
  if (EncodeKey(name) != part) name = part;
  const bool is_name = !name.empty() && name != "." && name != ".." &&
                       name.find('\0') == std::string::npos && name.size() <= kMaxNameBytes;
  if (!is_name || EncodeKey(name) != part) return std::nullopt;
  return name;
}

std::optional<std::string> NameOfPath(std::string_view key) {
  std::string path;
  for (size_t begin = 0; begin <= key.size();) {
    const size_t end = std::min(key.find('/', begin), key.size());
    const std::optional<std::string> name = NameOfPart(key.substr(begin, end - begin));
    if (!name) return std::nullopt;
    path += Concat(path.empty() ? "" : "/", *name);
    begin = end + 1;
  }
  return path;
}

Status CheckKeyForS3(std::string_view prefix, std::string_view key) {
  RETURN_IF_ERROR(CheckKey(key));
  const size_t bytes = prefix.size() + EncodeKey(key).size();
  if (bytes <= kMaxKeyBytes) return OkStatus();
  return Status(Code::kNameTooLong,
                Concat("key of ", bytes, " bytes; S3 takes ", kMaxKeyBytes, ": ", key));
}

std::string ContentTypeOf(std::string_view key) {
  const size_t dot = key.rfind('.');
  std::string extension(dot == std::string_view::npos ? "" : key.substr(dot + 1));
  for (char& c : extension) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  const auto* row = std::lower_bound(
      std::begin(kTypes), std::end(kTypes), extension,
      [](const TypeRow& type, std::string_view wanted) { return type.extension < wanted; });
  if (row != std::end(kTypes) && row->extension == extension) return std::string(row->type);
  return "application/octet-stream";
}

}  // namespace tarn::ufs::s3
