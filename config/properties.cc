#include "config/properties.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "base/strings.h"

namespace tarn {
namespace {

constexpr std::string_view kSiteFile = "tarn-site.properties";
constexpr size_t kMaxSiteFileBytes = 1 << 20;

std::optional<size_t> IndexOf(std::string_view name) {
  const std::span<const PropertyRow> table = PropertyTable();
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i].name == name) return i;
  }
  return std::nullopt;
}

// "tarn.x" for "alluxio.x".
std::string OwnName(std::string_view name) {
  constexpr std::string_view kForeign = "alluxio.";
  if (name.starts_with(kForeign)) return Concat("tarn.", name.substr(kForeign.size()));
  return std::string(name);
}

std::string NearestName(std::string_view name) {
  std::vector<std::string_view> names;
  for (const PropertyRow& row : PropertyTable()) names.push_back(row.name);
  return std::string(Nearest(name, names.data(), names.size()));
}

Result<size_t> IndexOrHint(std::string_view name) {
  const std::string own = OwnName(name);
  if (const std::optional<size_t> index = IndexOf(own)) return *index;
  const std::string nearest = NearestName(own);
  return Status(Code::kInvalid, Concat("unknown property \"", name, "\"",
                                       nearest.empty() ? "; `tarn conf list` shows all"
                                                       : Concat("; did you mean ", nearest, "?")));
}

// "tarn.log.level" for "TARN_LOG_LEVEL".
std::string DottedName(std::string_view variable) {
  std::string out(variable);
  for (char& c : out) {
    if (c == '_') c = '.';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// "tarn.log." for "tarn.log.level".
std::string_view GroupOf(std::string_view name) {
  return name.substr(0, name.find('.', std::string_view("tarn.").size()) + 1);
}

// Variables that container schedulers set for a service called tarn-worker or the like.
bool IsServiceVariable(std::string_view variable) {
  return variable.find("_SERVICE_HOST") != std::string_view::npos ||
         variable.find("_SERVICE_PORT") != std::string_view::npos || variable.ends_with("_PORT") ||
         variable.find("_PORT_") != std::string_view::npos;
}

// Whether an unknown variable must be a misspelt property. The groups of properties without effect
// are foreign: other programs may have variables such as TARN_USER_ID.
bool LooksLikeProperty(std::string_view variable) {
  if (!variable.starts_with("TARN_") || variable == "TARN_FUSE_PREFIX") return false;
  if (IsServiceVariable(variable)) return false;
  const std::string name = DottedName(variable);
  const std::string_view group = GroupOf(name);
  if (group.empty()) return false;
  for (const PropertyRow& row : PropertyTable()) {
    if (GroupOf(row.name) == group && WhyNoEffect(row).empty()) return true;
  }
  return false;
}

struct Assignment {
  std::string_view name;
  std::string_view text;
};

std::optional<Assignment> SplitAt(std::string_view line, std::string_view separators) {
  const size_t at = line.find_first_of(separators);
  if (at == std::string_view::npos) return std::nullopt;
  return Assignment{Trimmed(line.substr(0, at)), Trimmed(line.substr(at + 1))};
}

// Nullopt: there is no such file.
Result<std::optional<std::string>> ReadFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR)) return std::optional<std::string>();
  if (fd < 0) return ErrnoStatus(errno, "open " + path);
  std::string text(kMaxSiteFileBytes + 1, '\0');
  size_t size = 0;
  ssize_t got = 1;
  while (got > 0 && size < text.size()) {
    got = read(fd, text.data() + size, text.size() - size);
    if (got > 0) size += static_cast<size_t>(got);
  }
  const int error = errno;
  close(fd);
  if (got < 0) return ErrnoStatus(error, "read " + path);
  if (size > kMaxSiteFileBytes) return Status(Code::kInvalid, path + " is larger than 1MiB");
  text.resize(size);
  return std::optional<std::string>(std::move(text));
}

Status ApplyLine(std::string_view line, const std::string& where, Properties& out) {
  line = Trimmed(line);
  if (line.empty() || line.front() == '#' || line.front() == '!') return OkStatus();
  const std::optional<Assignment> assignment = SplitAt(line, "=:");
  if (!assignment) {
    return Status(Code::kInvalid, Concat(where, ": \"", line, "\" is not of the form name=value"));
  }
  return out.Set(assignment->name, assignment->text, where);
}

Status ApplySiteFile(const std::string& path, Properties& out) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text, ReadFile(path));
  if (!text) return OkStatus();
  std::string_view rest = *text;
  for (size_t number = 1; !rest.empty(); ++number) {
    const size_t end = rest.find('\n');
    RETURN_IF_ERROR(ApplyLine(rest.substr(0, end), Concat(path, ":", number), out));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return OkStatus();
}

// The user has named this directory: a misspelt name must not mean defaults.
Status CheckNamedDirectory(const std::string& directory) {
  const std::string what = Concat("TARN_CONF_DIR=", directory);
  struct stat st = {};
  if (stat(directory.c_str(), &st) != 0) return ErrnoStatus(errno, what);
  return S_ISDIR(st.st_mode) ? OkStatus() : ErrnoStatus(ENOTDIR, what);
}

// Whether every user may come to the file at the absolute `path` and read it.
bool IsReadByOthers(const std::string& path) {
  struct stat st = {};
  if (stat(path.c_str(), &st) != 0 || (st.st_mode & S_IROTH) == 0) return false;
  for (size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0;
       slash = path.rfind('/', slash - 1)) {
    if (stat(path.substr(0, slash).c_str(), &st) != 0 || (st.st_mode & S_IXOTH) == 0) return false;
  }
  return true;
}

// Whether `properties` has a secret from the site file at `path`.
bool HoldsSecret(const std::string& path, const Properties& properties) {
  const std::vector<Properties::Entry> entries = properties.List();
  for (size_t i = 0; i < entries.size(); ++i) {
    if (PropertyTable()[i].type != PropertyType::kSecret || entries[i].text.empty()) continue;
    if (entries[i].source.starts_with(path + ":")) return true;
  }
  return false;
}

Status ApplyVariable(std::string_view variable, Properties& out) {
  const std::optional<Assignment> assignment = SplitAt(variable, "=");
  if (!assignment) return OkStatus();
  const std::string_view name = assignment->name;
  if (!name.starts_with("TARN_") && !name.starts_with("ALLUXIO_")) return OkStatus();
  const std::string dotted = DottedName(name);
  const bool known = IndexOf(OwnName(dotted)).has_value();
  if (!known && !LooksLikeProperty(name)) return OkStatus();
  return out.Set(dotted, assignment->text, Concat("environment ", name));
}

Status ApplyDefinition(std::string_view definition, Properties& out) {
  const std::optional<Assignment> assignment = SplitAt(definition, "=");
  if (!assignment) {
    return Status(Code::kInvalid, Concat("-D ", definition, ": write -D name=value"));
  }
  return out.Set(assignment->name, assignment->text, "-D");
}

}  // namespace

std::string_view SecretPart(std::string_view definition) {
  const size_t equals = definition.find('=');
  if (equals == std::string_view::npos) return {};
  const std::optional<size_t> index = IndexOf(OwnName(Trimmed(definition.substr(0, equals))));
  const bool hidden = !index || PropertyTable()[*index].type == PropertyType::kSecret;
  return hidden ? definition.substr(equals + 1) : std::string_view();
}

PropertySources ProcessSources(std::vector<std::string> definitions) {
  PropertySources sources;
  sources.directories = {"/etc/tarn"};
  const char* directory = std::getenv("TARN_CONF_DIR");
  if (directory != nullptr) sources.named_directory = directory;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    sources.environment.emplace_back(*variable);
  }
  sources.definitions = std::move(definitions);
  return sources;
}

Properties::Properties() {
  for (const PropertyRow& row : PropertyTable()) {
    Result<PropertyValue> value = ParseProperty(row, row.default_text);
    if (!value.ok()) DieBecause(__FILE__, __LINE__, value.status().ToString());
    values_.push_back(Value{std::move(value).value(), std::string(row.default_text), "default"});
  }
}

Result<Properties> Properties::Load(const PropertySources& sources) {
  Properties out;
  for (const std::string& directory : sources.directories) {
    RETURN_IF_ERROR(out.TakeSiteFile(Concat(directory, "/", kSiteFile)));
  }
  if (const std::string& named = sources.named_directory; !named.empty()) {
    RETURN_IF_ERROR(CheckNamedDirectory(named));
    RETURN_IF_ERROR(out.TakeSiteFile(Concat(named, "/", kSiteFile)));
  }
  for (const std::string& variable : sources.environment) {
    RETURN_IF_ERROR(ApplyVariable(variable, out));
  }
  for (const std::string& definition : sources.definitions) {
    RETURN_IF_ERROR(ApplyDefinition(definition, out));
  }
  return out;
}

Status Properties::TakeSiteFile(const std::string& path) {
  RETURN_IF_ERROR(ApplySiteFile(path, *this));
  if (HoldsSecret(path, *this) && IsReadByOthers(path)) {
    warnings_.push_back(
        Concat(path, " holds a secret key and every user can read it; run: chmod 600 ", path));
  }
  return OkStatus();
}

Status Properties::Set(std::string_view name, std::string_view text, std::string_view source) {
  const Result<size_t> index = IndexOrHint(name);
  if (!index.ok()) return Status(index.code(), Concat(source, ": ", index.status().message()));
  const PropertyRow& row = PropertyTable()[*index];
  Result<PropertyValue> value = ParseProperty(row, text);
  if (!value.ok()) {
    return Status(value.code(), Concat(source, ": ", row.name, ": ", value.status().message()));
  }
  values_[*index] =
      Value{std::move(value).value(), std::string(Trimmed(text)), std::string(source)};
  return OkStatus();
}

void Properties::ResolvePaths(std::string_view directory) {
  const auto resolve = [&](std::string& path) {
    if (!path.empty() && path.front() != '/') path = Concat(directory, "/", path);
  };
  for (size_t i = 0; i < values_.size(); ++i) {
    Value& value = values_[i];
    if (PropertyTable()[i].type == PropertyType::kPath) {
      auto& path = std::get<std::string>(value.value);
      resolve(path);
      value.text = path;
    } else if (PropertyTable()[i].type == PropertyType::kPaths) {
      value.text.clear();
      for (std::string& path : std::get<std::vector<std::string>>(value.value)) {
        resolve(path);
        value.text += Concat(value.text.empty() ? "" : ",", path);
      }
    }
  }
}

Properties::Entry Properties::EntryAt(size_t index) const {
  const PropertyRow& row = PropertyTable()[index];
  const Value& value = values_[index];
  return Entry{std::string(row.name), ShownProperty(row, value.text), value.source};
}

std::vector<Properties::Entry> Properties::List() const {
  std::vector<Entry> entries;
  for (size_t i = 0; i < values_.size(); ++i) entries.push_back(EntryAt(i));
  return entries;
}

Result<Properties::Entry> Properties::Find(std::string_view name) const {
  ASSIGN_OR_RETURN(const size_t index, IndexOrHint(name));
  return EntryAt(index);
}

}  // namespace tarn
