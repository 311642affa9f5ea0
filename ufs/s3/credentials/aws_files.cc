#include "ufs/s3/credentials/aws_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "base/strings.h"

namespace tarn::ufs::s3 {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kBlanks = " \t\r\n\f\v";

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// "name = value" or "name: value".
std::optional<std::pair<std::string, std::string>> ParseSetting(std::string_view text) {
  const size_t delimiter = text.find_first_of("=:");
  if (delimiter == std::string_view::npos || delimiter == 0) return std::nullopt;
  return std::pair(Lower(Trimmed(text.substr(0, delimiter))),
                   std::string(Trimmed(text.substr(delimiter + 1))));
}

// Reads a file line by line.
class Reader {
 public:
  explicit Reader(const std::string& path) : path_(path) {}

  Status Take(std::string_view line) {
    ++number_;
    const std::string_view text = Trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') return OkStatus();
    const size_t indent = line.find_first_not_of(kBlanks);
    if (in_setting_ && indent > indent_) {
      lines_.push_back(std::string(text));
      return OkStatus();
    }
    RETURN_IF_ERROR(EndSetting());
    indent_ = indent;
    if (text.front() == '[') return TakeHeader(text);
    std::optional<std::pair<std::string, std::string>> setting = ParseSetting(text);
    if (!setting || sections_.empty()) return Fault(number_);
    in_setting_ = true;
    begun_ = number_;
    name_ = std::move(setting->first);
    lines_ = {std::move(setting->second)};
    return OkStatus();
  }

  Result<AwsSections> Finish() {
    RETURN_IF_ERROR(EndSetting());
    return std::move(sections_);
  }

 private:
  Status Fault(size_t line) const {
    return Status(Code::kPermission,
                  Concat("read ", path_, ": line ", line,
                         " is neither [section] nor name = value below one; correct it there"));
  }

  Status TakeHeader(std::string_view text) {
    const size_t end = text.rfind(']');
    if (end == std::string_view::npos || end == 1) return Fault(number_);
    const std::string header(Trimmed(text.substr(1, end - 1)));
    const auto same = std::find_if(sections_.begin(), sections_.end(),
                                   [&](const auto& section) { return section.first == header; });
    if (same != sections_.end()) {
      std::rotate(same, same + 1, sections_.end());
    } else {
      sections_.emplace_back(header, AwsSection());
    }
    return OkStatus();
  }

  Status EndSetting() {
    if (!in_setting_) return OkStatus();
    in_setting_ = false;
    AwsSection& section = sections_.back().second;
    section.settings.erase(name_);
    section.nested.erase(name_);
    if (lines_.size() > 1 && lines_.front().empty()) return EndNested(section);
    std::string value = lines_.front();
    for (size_t i = 1; i < lines_.size(); ++i) value += "\n" + lines_[i];
    section.settings[name_] = std::move(value);
    return OkStatus();
  }

  Status EndNested(AwsSection& section) const {
    AwsSettings& below = section.nested[name_];
    for (size_t i = 1; i < lines_.size(); ++i) {
      std::optional<std::pair<std::string, std::string>> setting = ParseSetting(lines_[i]);
      if (!setting) return Fault(begun_ + i);
      below[setting->first] = std::move(setting->second);
    }
    return OkStatus();
  }

  const std::string& path_;
  AwsSections sections_;
  size_t number_ = 0;
  bool in_setting_ = false;
  size_t indent_ = 0;  // The setting's; lines further right belong to it.
  size_t begun_ = 0;   // The line of the setting.
  std::string name_;
  std::vector<std::string> lines_;  // Lines of the value.
};

// The text of a file. A file that cannot be read is noted in `unread`.
std::string TextOf(const std::string& path, std::string& unread) {
  if (path.empty()) return "";
  errno = 0;
  std::ifstream file(path);
  if (!file) {
    if (errno != ENOENT && errno != ENOTDIR && errno != 0) {
      unread += Concat("; ", path, " cannot be read: ", std::strerror(errno));  // NOLINT
    }
    return "";
  }
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

std::string PathOf(const Environment& environment, const char* variable, const char* below_home) {
  if (auto path = environment(variable)) return ExpandHome(*path, environment);
  const auto home = environment("HOME");
  return home ? Concat(*home, below_home) : "";
}

// "x" for `profile x`, `profile "x y"` and, as some tools write it, `profile x y`. Nullopt: the
// header is of another kind.
std::optional<std::string> NameBehind(std::string_view kind, std::string_view header) {
  if (!header.starts_with(kind) || header.size() == kind.size()) return std::nullopt;
  const std::string_view rest = header.substr(kind.size());
  if (kBlanks.find(rest.front()) == std::string_view::npos && rest.front() != '"') {
    return std::nullopt;
  }
  const Result<std::vector<std::string>> words = SplitWords(rest);
  if (words.ok() && words->size() == 1) return words->front();
  return std::string(Trimmed(rest));
}

void SortConfig(AwsSections&& sections, AwsFiles& files) {
  for (auto& [header, section] : sections) {
    if (header == "default") {
      files.in_config[header] = std::move(section);
    } else if (auto profile = NameBehind("profile", header)) {
      files.in_config[*profile] = std::move(section);
    } else if (auto session = NameBehind("sso-session", header)) {
      files.sso_sessions[*session] = std::move(section);
    } else if (auto services = NameBehind("services", header)) {
      files.services[*services] = std::move(section);
    } else {
      files.ignored[header] = std::move(section);
    }
  }
}

}  // namespace

std::string AwsSection::Get(const std::string& name) const {
  const auto found = settings.find(name);
  return found == settings.end() ? "" : found->second;
}

std::string AwsSection::GetNested(const std::string& below, const std::string& name) const {
  const auto found = nested.find(below);
  if (found == nested.end()) return "";
  const auto value = found->second.find(name);
  return value == found->second.end() ? "" : value->second;
}

Result<AwsSections> ParseAwsFile(std::string_view text, const std::string& path) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Reader reader(path);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    RETURN_IF_ERROR(reader.Take(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return reader.Finish();
}

Result<std::vector<std::string>> SplitWords(std::string_view line) {
  std::vector<std::string> words;
  std::optional<std::string> word;
  char quote = '\0';
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\0' && kBlanks.find(c) != std::string_view::npos) {
      if (word) words.push_back(*std::exchange(word, std::nullopt));
      continue;
    }
    if (!word) word.emplace();
    if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'') {
      if (++i == line.size()) return Status(Code::kInvalid, "nothing follows the last backslash");
      // Between double quotes a backslash escapes only itself and the quote.
      if (quote == '"' && line[i] != '"' && line[i] != '\\') *word += '\\';
      *word += line[i];
    } else {
      *word += c;
    }
  }
  if (quote != '\0') return Status(Code::kInvalid, Concat("a quote ", quote, " is not closed"));
  if (word) words.push_back(*std::move(word));
  return words;
}

Result<AwsFiles> ReadAwsFiles(const Environment& environment) {
  AwsFiles files;
  files.config_path = PathOf(environment, "AWS_CONFIG_FILE", "/.aws/config");
  files.credentials_path = PathOf(environment, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials");
  ASSIGN_OR_RETURN(AwsSections config,
                   ParseAwsFile(TextOf(files.config_path, files.unread), files.config_path));
  ASSIGN_OR_RETURN(
      AwsSections credentials,
      ParseAwsFile(TextOf(files.credentials_path, files.unread), files.credentials_path));
  SortConfig(std::move(config), files);
  files.profiles = files.in_config;
  for (auto& [name, section] : credentials) {
    AwsSection& merged = files.profiles[name];
    for (const auto& [key, value] : section.settings) {
      merged.nested.erase(key);
      merged.settings[key] = value;
    }
    for (const auto& [key, below] : section.nested) {
      merged.settings.erase(key);
      merged.nested[key] = below;
    }
    files.in_credentials[name] = std::move(section);
  }
  return files;
}

std::string ExpandHome(const std::string& path, const Environment& environment) {
  if (path != "~" && !path.starts_with("~/")) return path;
  const auto home = environment("HOME");
  return home ? *home + path.substr(1) : path;
}

}  // namespace tarn::ufs::s3
