#pragma once

// Between the keys of ufs::UnderFileSystem (bytes, "a/b") and those of S3 (UTF-8, of at most 1,024
// bytes): doc/s3.md has the rules. Pure. Internal to ufs/s3.
//
// A byte that is no part of valid UTF-8 is written as U+201B and two hexadecimal digits, as rclone
// does it, so that a name survives as it is; a U+201B that would be taken for such an escape is
// itself escaped. A key of S3 that no name leads to is shown as no file at all.

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"

namespace tarn::ufs::s3 {

inline constexpr size_t kMaxKeyBytes = 1024;
inline constexpr size_t kMaxNameBytes = 255;

// The S3 key below the mount's prefix.
std::string EncodeKey(std::string_view key);
// The name that stands for one part of an S3 key between slashes; nullopt: none does (it is empty,
// ".", "..", has a NUL or is too long).
std::optional<std::string> NameOfPart(std::string_view part);
// Of a whole key without the mount's prefix: nullopt where one of its parts has no name.
std::optional<std::string> NameOfPath(std::string_view key);
// kInvalid, kNameTooLong: as ufs::CheckKey, and for what is longer than S3 takes.
Status CheckKeyForS3(std::string_view prefix, std::string_view key);

// By the name's extension: "image/png"; "application/octet-stream" for what is not known.
std::string ContentTypeOf(std::string_view key);

}  // namespace tarn::ufs::s3
