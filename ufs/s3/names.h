#pragma once

// Maps the keys of ufs::UnderFileSystem (bytes, "a/b") to those of S3 (UTF-8, at most 1,024 bytes)
// and back. doc/s3.md has the rules. Pure.
//
// A byte that is no part of valid UTF-8 becomes U+201B and two hexadecimal digits, as rclone writes
// it. A U+201B that would read as such an escape is itself escaped. So every name comes back as it
// was. An S3 key that no name maps to is not shown.

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace tarn::ufs::s3 {

inline constexpr size_t kMaxKeyBytes = 1024;
inline constexpr size_t kMaxNameBytes = 255;

// The S3 key below the mount's prefix.
std::string EncodeKey(std::string_view key);
// The name for one part of an S3 key between slashes; nullopt: it has none (it is empty, ".", "..",
// too long, or has a NUL).
std::optional<std::string> NameOfPart(std::string_view part);
// The names for a whole key without the mount's prefix; nullopt: a part has none.
std::optional<std::string> NameOfPath(std::string_view key);
// kInvalid: ufs::CheckKey refuses it; kNameTooLong: it is longer than S3 takes.
Status CheckKeyForS3(std::string_view prefix, std::string_view key);

// By the name's extension: "image/png"; "application/octet-stream" for an unknown one.
std::string ContentTypeOf(std::string_view key);

}  // namespace tarn::ufs::s3
