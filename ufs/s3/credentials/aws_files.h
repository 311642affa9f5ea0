#pragma once

// ~/.aws/config and ~/.aws/credentials as AWS's tools read them. Names of settings may have any
// case, and are followed by '=' or ':'. Values may continue in indented lines. Settings may be
// nested below "s3 =". A comment stands in a line of its own. Values; the files are read at each
// call.

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
  AwsSettings settings;                            // Names in lower case.
  std::map<std::string, AwsSettings> nested;       // Settings indented below "s3 =", by "s3".
  std::string Get(const std::string& name) const;  // Empty: it is not there.
  std::string GetNested(const std::string& below, const std::string& name) const;
};

// The sections of a file in their order, each with the text between its brackets. Of two settings
// with one name in one section, the later wins. kPermission: a line is neither a section nor a
// setting; the message names file and line.
using AwsSections = std::vector<std::pair<std::string, AwsSection>>;
Result<AwsSections> ParseAwsFile(std::string_view text, const std::string& path);

// Splits a line into words as a POSIX shell does, without any expansion. kInvalid: a quote is not
// closed, or nothing follows the last backslash.
Result<std::vector<std::string>> SplitWords(std::string_view line);

struct AwsFiles {
  std::string config_path;
  std::string credentials_path;
  std::string unread;  // Names each file that cannot be read, and why; for messages.
  // Both files together. Settings of the credentials file prevail.
  std::map<std::string, AwsSection> profiles;
  std::map<std::string, AwsSection> in_credentials;  // The credentials file alone.
  std::map<std::string, AwsSection> in_config;
  std::map<std::string, AwsSection> sso_sessions;
  std::map<std::string, AwsSection> services;
  // Sections of the configuration file that AWS's tools do not take for profiles: "[x]" instead of
  // "[profile x]".
  std::map<std::string, AwsSection> ignored;
};
// Absent files count as empty. kPermission: ParseAwsFile refuses one.
Result<AwsFiles> ReadAwsFiles(const Environment& environment);

// Puts HOME in place of "~" in "~/x"; returns other paths as they are.
std::string ExpandHome(const std::string& path, const Environment& environment);

}  // namespace tarn::ufs::s3
