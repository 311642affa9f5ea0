// The options of a mounted source: a line each.

#include "node/source_options.h"

#include "fuzz/target.h"

namespace tarn::fuzz {
namespace {

std::optional<std::string> Variables(const std::string& name) { return "value of " + name; }

bool IsInvalidOrOk(const Status& status) { return status.ok() || status.code() == Code::kInvalid; }

}  // namespace

// Options that were checked stay as they are when they are checked again, and can be applied.
void Try(std::string_view input) {
  SourceOptions options;
  for (const std::string& line : Lines(input)) {
    auto option = ParseOption(line);
    CHECK(IsInvalidOrOk(option.status()));
    if (option.ok()) options.push_back(*std::move(option));
  }
  const Result<SourceOptions> checked = CheckOptions(ResolvePaths(options, "/d"));
  CHECK(IsInvalidOrOk(checked.status()));
  if (!checked.ok()) return;
  CHECK(*CheckOptions(*checked) == *checked);
  CHECK(ResolvePaths(*checked, "/other") == *checked);

  SourceOptions applied = *checked;  // No file is read here.
  std::erase_if(applied, [](const auto& option) { return option.second.starts_with("file:"); });
  const Result<Properties> properties = WithOptions(Properties(), applied, Variables);
  CHECK(properties.ok());
  CHECK(IsInvalidOrOk(CheckEncryption(*properties)));
  CHECK(IsInvalidOrOk(DefaultAttributesOf(*properties).status()));
  CHECK(WithOptions(Properties(), WithoutSecrets(applied), Variables).ok());
}

std::vector<std::string> Seeds() {
  return {
      "s3a.accessKeyId=AKID\ns3a.secretKey=env:KEY\ntarn.underfs.s3.endpoint=http://h:9000",
      "s3a.secretKey=file:/k\nalluxio.underfs.s3.ca.bundle=ca.pem",
      "tarn.underfs.s3.encryption=KMS\ntarn.underfs.s3.encryption.kms.key.id=k",
      "tarn.underfs.s3.default.file.mode=0640\ntarn.underfs.s3.default.uid=1000",
  };
}

}  // namespace tarn::fuzz
