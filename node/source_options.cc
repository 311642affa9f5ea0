#include "node/source_options.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string_view>

#include "base/strings.h"

namespace tarn {
namespace {

constexpr std::string_view kFile = "file:";
constexpr std::string_view kVariable = "env:";
constexpr std::string_view kGivenAsOption = "--option";
constexpr size_t kMostSecretBytes = 4096;

bool Is(PropertyType type, std::string_view name) {
  for (const PropertyRow& row : PropertyTable()) {
    if (row.name == name) return row.type == type;
  }
  return false;
}

bool IsSecret(std::string_view name) { return Is(PropertyType::kSecret, name); }

bool IsRelativePath(std::string_view name, std::string_view value) {
  return Is(PropertyType::kPath, name) && !value.empty() && value.front() != '/';
}

bool IsOfSource(std::string_view name) {
  return name.starts_with("s3a.") || name.starts_with("tarn.underfs.");
}

Status CheckReference(const std::string& name, const std::string& value) {
  const bool file =
      value.starts_with(kFile) && value.size() > kFile.size() + 1 && value[kFile.size()] == '/';
  const bool variable = value.starts_with(kVariable) && value.size() > kVariable.size();
  if (file || variable) return OkStatus();
  return Status(Code::kInvalid,
                Concat("option ", name,
                       ": a secret given here could be seen by every user (ps) and "
                       "would be kept in clear; write it into a file that only its owner can read "
                       "and give ",
                       name, "=file:/path/of/it, or ", name,
                       "=env:NAME for a variable of the process that serves the mount"));
}

Result<std::string> FirstLine(const std::string& name, const std::string& path) {
  std::unique_ptr<FILE, int (*)(FILE*)> file(fopen(path.c_str(), "re"), fclose);
  if (!file) return ErrnoStatus(errno, Concat("option ", name, ": read ", path));
  std::string text(kMostSecretBytes, '\0');
  text.resize(fread(text.data(), 1, text.size(), file.get()));
  if (ferror(file.get()) != 0) return ErrnoStatus(errno, Concat("option ", name, ": read ", path));
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.ends_with('\r')) text.pop_back();
  if (!text.empty()) return text;
  return Status(Code::kInvalid, Concat("option ", name, ": the first line of ", path, " is empty"));
}

Result<std::string> Fetch(const std::string& name, const std::string& value,
                          const Variables& variables) {
  if (value.starts_with(kFile)) return FirstLine(name, value.substr(kFile.size()));
  const std::string variable = value.substr(kVariable.size());
  if (std::optional<std::string> found = variables(variable)) return *std::move(found);
  return Status(Code::kNotFound, Concat("option ", name,
                                        ": the process that serves the mount was "
                                        "started without the variable ",
                                        variable));
}

// Parses a number in base 8 or 10. Nullopt: it is none, or above `most`.
std::optional<uint32_t> Number(std::string_view text, int base, uint32_t most) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  const bool whole = !text.empty() && end == text.data() + text.size();
  if (!whole || error != std::errc() || value > most) return std::nullopt;
  return value;
}

Result<uint32_t> Mode(const char* name, const std::string& text) {
  if (const std::optional<uint32_t> mode = Number(text, 8, 07777)) return *mode;
  return Status(Code::kInvalid, Concat(name, "=", text, ": write a mode in octal, such as 0640"));
}

Result<std::optional<uint32_t>> Owner(const char* name, const std::string& text) {
  if (text.empty()) return std::optional<uint32_t>();
  if (const std::optional<uint32_t> id = Number(text, 10, UINT32_MAX - 1)) return id;
  return Status(Code::kInvalid,
                Concat(name, "=", text, ": write the number of a user or group, such as 1000"));
}

}  // namespace

Result<std::pair<std::string, std::string>> ParseOption(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals != std::string::npos && equals > 0) {
    return std::pair(text.substr(0, equals), text.substr(equals + 1));
  }
  // The text may be, or contain, a secret: the message must not show it.
  const std::string name = text.substr(0, text.find_first_of(":= \t"));
  const bool known = Properties().Find(name).ok();
  return Status(Code::kInvalid, Concat(known ? "option " : "an option", known ? name : "",
                                       " has no name and value: write it as name=value"));
}

SourceOptions ResolvePaths(SourceOptions options, const std::string& directory) {
  const Properties names;
  for (auto& [name, value] : options) {
    const Result<Properties::Entry> known = names.Find(name);
    if (known.ok() && IsRelativePath(known->name, value)) value = Concat(directory, "/", value);
  }
  return options;
}

Result<SourceOptions> CheckOptions(const SourceOptions& options) {
  SourceOptions checked;
  Properties scratch;
  for (const auto& [given, value] : options) {
    ASSIGN_OR_RETURN(const Properties::Entry known, scratch.Find(given));
    if (!IsOfSource(known.name)) {
      return Status(Code::kInvalid, Concat("option ", known.name,
                                           " is not one of a source; those are s3a.* and "
                                           "tarn.underfs.* (see `tarn conf list`)"));
    }
    if (IsRelativePath(known.name, value)) {
      return Status(Code::kInvalid,
                    Concat("option ", known.name, ": \"", value,
                           "\" is a relative path, and the process that serves the mount is in "
                           "another directory; write it from \"/\" on"));
    }
    if (IsSecret(known.name)) {
      RETURN_IF_ERROR(CheckReference(known.name, value));
    } else {
      RETURN_IF_ERROR(scratch.Set(known.name, value, kGivenAsOption));
    }
    checked.emplace_back(known.name, value);
  }
  return checked;
}

Result<Properties> WithOptions(const Properties& base, const SourceOptions& options,
                               const Variables& variables) {
  Properties properties = base;
  for (const auto& [name, value] : options) {
    std::string text = value;
    if (IsSecret(name)) {
      ASSIGN_OR_RETURN(text, Fetch(name, value, variables));
    }
    RETURN_IF_ERROR(properties.Set(name, text, kGivenAsOption));
  }
  return properties;
}

Status CheckEncryption(const Properties& properties) {
  const std::string& asked = properties.Get(property::kS3Encryption);
  const struct {
    std::string_view name;
    bool is_set;
    std::string_view belongs_to;
  } rows[] = {
      {"tarn.underfs.s3.encryption.customer.key", !properties.Get(property::kS3CustomerKey).empty(),
       "CUSTOMER"},
      {"tarn.underfs.s3.encryption.kms.key.id", !properties.Get(property::kS3KmsKeyId).empty(),
       "KMS"},
      {"tarn.underfs.s3.server.side.encryption.enabled",
       properties.Get(property::kS3EncryptionEnabled) && asked != "NONE", "S3"},
  };
  ASSIGN_OR_RETURN(const Properties::Entry asking, properties.Find("tarn.underfs.s3.encryption"));
  for (const auto& row : rows) {
    if (!row.is_set || row.belongs_to == asked) continue;
    ASSIGN_OR_RETURN(const Properties::Entry other, properties.Find(row.name));
    if (asking.source == kGivenAsOption && other.source != kGivenAsOption) continue;
    return Status(Code::kInvalid, Concat(row.name, " (", other.source,
                                         ") does not go with tarn.underfs.s3.encryption=", asked,
                                         " (", asking.source, "): set tarn.underfs.s3.encryption=",
                                         row.belongs_to, ", or leave ", row.name, " out"));
  }
  return OkStatus();
}

Result<DefaultAttributes> DefaultAttributesOf(const Properties& properties) {
  DefaultAttributes defaults;
  ASSIGN_OR_RETURN(defaults.file_mode, Mode("tarn.underfs.s3.default.file.mode",
                                            properties.Get(property::kS3DefaultFileMode)));
  ASSIGN_OR_RETURN(defaults.directory_mode,
                   Mode("tarn.underfs.s3.default.directory.mode",
                        properties.Get(property::kS3DefaultDirectoryMode)));
  ASSIGN_OR_RETURN(defaults.uid,
                   Owner("tarn.underfs.s3.default.uid", properties.Get(property::kS3DefaultUid)));
  ASSIGN_OR_RETURN(defaults.gid,
                   Owner("tarn.underfs.s3.default.gid", properties.Get(property::kS3DefaultGid)));
  return defaults;
}

SourceOptions WithoutSecrets(const SourceOptions& options) {
  SourceOptions left = options;
  std::erase_if(left, [](const auto& option) { return IsSecret(option.first); });
  return left;
}

}  // namespace tarn
