#pragma once

// ~/.aws/config and ~/.aws/credentials as AWS's tools read them: names of settings in any case, '='
// or ':' behind them, values that go on in indented lines, settings nested below "s3 =", comments
// in lines of their own only. Values; reading again sees what another tool has written. Internal to
// ufs/s3.

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "ufs/s3_options.h"

namespace tarn::ufs::s3 {

using AwsSettings = std::map<std::string, std::string>;

struct AwsSection {
  AwsSettings settings;                       // Names in lower case.
  std::map<std::string, AwsSettings> nested;  // What stands indented below "s3 =", by that name.
  std::string Get(const std::string& name) const;  // Empty: it is not there.
  std::string GetNested(const std::string& below, const std::string& name) const;
};

// The sections of a file in their order, each with what stands between its brackets. A section or
// setting that is there twice counts as one: the later value wins. kPermission: a line is neither a
// section nor a setting; the message names file and line.
using AwsSections = std::vector<std::pair<std::string, AwsSection>>;
Result<AwsSections> ParseAwsFile(std::string_view text, const std::string& path);

// Words as a POSIX shell takes them from a line, without any expansion. kInvalid: a quote is not
// closed, or nothing follows the last backslash.
Result<std::vector<std::string>> SplitWords(std::string_view line);

struct AwsFiles {
  std::string config_path;
  std::string credentials_path;
  std::string unread;  // Which of them is there and cannot be read, and why; for messages.
  // Settings of the credentials file go before those of the configuration file.
  std::map<std::string, AwsSection> profiles;
  std::map<std::string, AwsSection> in_credentials;  // What that file alone says.
  std::map<std::string, AwsSection> in_config;
  std::map<std::string, AwsSection> sso_sessions;
  std::map<std::string, AwsSection> services;
  std::map<std::string, AwsSection> ignored;  // Sections of the configuration file that AWS's tools
                                              // take for no profile: "[x]" for "[profile x]".
};
// Files that are absent count as empty. kPermission: as ParseAwsFile.
Result<AwsFiles> ReadAwsFiles(const Environment& environment);

// "~/x" below HOME; anything else as it is.
std::string ExpandHome(const std::string& path, const Environment& environment);

}  // namespace tarn::ufs::s3
