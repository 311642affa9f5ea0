#pragma once

// The options of one UFS mount: properties that hold for its source alone. A secret is never among
// them, only where it is: "file:/path" (the first line of a file) or "env:NAME" (a variable of the
// serving process), read each time the source is opened.

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

// "name=value". kInvalid: it is not that.
Result<std::pair<std::string, std::string>> ParseOption(const std::string& text);
// Relative paths become those that they are in `directory`.
SourceOptions ResolvePaths(SourceOptions options, const std::string& directory);
// With the names that the table of properties has. kInvalid: unknown, not of a source, malformed, a
// relative path, or a secret that stands there itself; messages never show a secret.
Result<SourceOptions> CheckOptions(const SourceOptions& options);
// `base` with the options, their secrets fetched. kNotFound, kPermission, kInvalid: one of them is
// not where it should be.
Result<Properties> WithOptions(const Properties& base, const SourceOptions& options,
                               const Variables& variables);
// Of a source of s3://. kInvalid: some property is about another encryption than is asked for, so
// that objects would not be encrypted as somebody expects. An option that asks for another
// encryption may leave those of the base as they are.
Status CheckEncryption(const Properties& properties);
// Mode and owner of what keeps none in its object, as ufs::UfsTraits has them.
struct DefaultAttributes {
  uint32_t file_mode = 0644;
  uint32_t directory_mode = 0755;
  std::optional<uint32_t> uid;
  std::optional<uint32_t> gid;
};
// What the properties say of an s3:// source. kInvalid: one is no number, or no mode in octal.
Result<DefaultAttributes> DefaultAttributesOf(const Properties& properties);
// What is left where those secrets cannot be fetched.
SourceOptions WithoutSecrets(const SourceOptions& options);

}  // namespace tarn
