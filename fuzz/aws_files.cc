// AWS's configuration and credentials files, and command lines in them.

#include "ufs/s3/credentials/aws_files.h"

#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "fuzz/target.h"

namespace tarn::fuzz {
namespace {

using ufs::s3::AwsSection;
using ufs::s3::AwsSections;

std::string SettingText(const std::string& name, const std::string& value) {
  std::string text = Concat(name, " =");
  for (const std::string& line : Lines(value)) text += Concat(" ", line, "\n");
  return text;
}

std::string TextOf(const AwsSections& sections) {
  std::string text;
  for (const auto& [header, section] : sections) {
    text += Concat("[ ", header, " ]\n");
    for (const auto& [name, value] : section.settings) text += SettingText(name, value);
    for (const auto& [name, below] : section.nested) {
      text += Concat(name, " =\n");
      for (const auto& [inner, value] : below) text += Concat(" ", SettingText(inner, value));
    }
  }
  return text;
}

void ExpectSame(const AwsSections& a, const AwsSections& b) {
  CHECK(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    CHECK(a[i].first == b[i].first);
    CHECK(a[i].second.settings == b[i].second.settings);
    CHECK(a[i].second.nested == b[i].second.nested);
  }
}

// A file that was read, written and read again says the same.
void TryFile(std::string_view text) {
  const Result<AwsSections> sections = ufs::s3::ParseAwsFile(text, "/f");
  if (!sections.ok()) {
    CHECK(sections.code() == Code::kPermission);
    return;
  }
  const Result<AwsSections> again = ufs::s3::ParseAwsFile(TextOf(*sections), "/f");
  CHECK(again.ok());
  ExpectSame(*sections, *again);
}

// The file is both: configuration and credentials.
void TryFiles(std::string_view text) {
  static const TemporaryDirectory directory;
  WriteFile(directory / "config", text);
  const Result<ufs::s3::AwsFiles> files =
      ufs::s3::ReadAwsFiles([](const std::string&) { return directory / "config"; });
  CHECK(files.ok() == ufs::s3::ParseAwsFile(text, "/f").ok());
  if (files.ok()) CHECK(files->profiles.size() >= files->in_config.size());
}

// Words between single quotes are those words again.
void TryWords(std::string_view line) {
  const Result<std::vector<std::string>> words = ufs::s3::SplitWords(line);
  if (!words.ok()) {
    CHECK(words.code() == Code::kInvalid);
    return;
  }
  std::string quoted;
  for (const std::string& word : *words) {
    quoted += " '";
    for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    quoted += "'";
  }
  CHECK(*ufs::s3::SplitWords(quoted) == *words);
}

}  // namespace

void Try(std::string_view input) {
  switch (TakeChoice(input, 3)) {
    case 0:
      return TryFile(input);
    case 1:
      return TryFiles(input);
    default:
      return TryWords(input);
  }
}

std::vector<std::string> Seeds() {
  const std::string file =
      "\xef\xbb\xbf[default]\ns3 =\n  # c\n  Addressing_Style = path\n\n  endpoint_url: http://h\n"
      "region = r\n[profile \"x y\"]\nk = a\n  b\n; c\n[sso-session s]\nsso_region = r\n";
  return {Chosen(0, file), Chosen(1, file), Chosen(2, "'a b' \"c\\\"d\" e\\ f ''")};
}

}  // namespace tarn::fuzz
