#pragma once

// The options of one UFS mount: properties that hold for its source alone. Instead of a secret they
// have the place where it is: "file:/path" (the first line of a file) or "env:NAME" (a variable of
// the serving process). It is read each time the source is opened.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "config/properties.h"

namespace tarn {

using SourceOptions = std::vector<std::pair<std::string, std::string>>;
using Variables = std::function<std::optional<std::string>(const std::string&)>;

// Splits "name=value". kInvalid: the text has no name or no '='.
Result<std::pair<std::string, std::string>> ParseOption(const std::string& text);
// Makes relative paths absolute, below `directory`.
SourceOptions ResolvePaths(SourceOptions options, const std::string& directory);
// Returns the options with the names of the property table. kInvalid: an option is unknown, is not
// about a source, is malformed, is a relative path, or is a secret itself. Messages never show a
// secret.
Result<SourceOptions> CheckOptions(const SourceOptions& options);
// Returns `base` with the options, and fetches their secrets. kNotFound, kPermission, kInvalid: a
// secret is not in its place.
Result<Properties> WithOptions(const Properties& base, const SourceOptions& options,
                               const Variables& variables);
// For an s3:// source. kInvalid: a property belongs to another encryption than the one that is
// chosen, so objects would not be encrypted as the user expects. An option that chooses another
// encryption may leave the properties of the base as they are.
Status CheckEncryption(const Properties& properties);
// Mode and owner of files whose objects keep none, as in ufs::UfsTraits.
struct DefaultAttributes {
  uint32_t file_mode = 0644;
  uint32_t directory_mode = 0755;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
};
// Reads the properties of an s3:// source. kInvalid: one is no number, or no mode in octal.
Result<DefaultAttributes> DefaultAttributesOf(const Properties& properties);
// Drops the options that are secrets.
SourceOptions WithoutSecrets(const SourceOptions& options);

}  // namespace tarn
