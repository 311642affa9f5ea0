#include "node/sources/open_source.h"

#include <algorithm>

#include "base/strings.h"
#include "base/version.h"
#include "ufs/local.h"
#include "ufs/s3.h"

namespace tarn {
namespace {

using ufs::s3::S3Options;

// "s3://bucket/a/b" gives "bucket" and "a/b/".
void TakeBucket(const Source& source, S3Options& s3) {
  const std::string& path = source.path;  // "/bucket/a/b"
  const size_t slash = path.find('/', 1);
  s3.bucket = path.substr(1, slash == std::string::npos ? slash : slash - 1);
  if (slash != std::string::npos) s3.prefix = path.substr(slash + 1) + "/";
}

void TakeCredentials(const Properties& properties, S3Options& s3) {
  s3.credentials.access_key_id = properties.Get(property::kS3AccessKeyId);
  s3.credentials.secret_access_key = properties.Get(property::kS3SecretKey);
  s3.credentials.session_token = properties.Get(property::kS3SessionToken);
  s3.credentials.profile = properties.Get(property::kS3Profile);
  s3.credentials.anonymous = properties.Get(property::kS3Anonymous);
}

void TakeNetwork(const Properties& properties, S3Options& s3) {
  const ufs::s3::Environment environment = ufs::s3::ProcessEnvironment();
  s3.endpoint = properties.Get(property::kS3Endpoint);
  s3.region = properties.Get(property::kS3Region);
  s3.disable_dns_buckets = properties.Get(property::kS3DisableDnsBuckets);
  s3.max_connections = static_cast<size_t>(properties.Get(property::kS3ThreadsMax));
  s3.retry.max_retries = static_cast<uint32_t>(properties.Get(property::kS3MaxErrorRetry));
  s3.http.connect_timeout = properties.Get(property::kS3ConnectTimeout);
  s3.hedge.enabled = properties.Get(property::kS3HedgedReads);
  s3.http.stall_timeout = properties.Get(property::kS3SocketTimeout);
  // Leaves time to try a read twice more.
  s3.http.get_stall_timeout = properties.Get(property::kUfsReadDeadline) / 3;
  s3.http.ca_bundle = ufs::s3::CaBundleOf(properties.Get(property::kS3CaBundle),
                                          properties.Get(property::kS3Profile), environment);
  s3.http.user_agent = properties.Get(property::kS3UserAgent);
  if (s3.http.user_agent.empty()) s3.http.user_agent = Concat("tarn/", kVersion);
  const std::string& proxy = properties.Get(property::kS3ProxyHost);
  if (proxy.empty()) return;
  s3.http.proxy = proxy == "none" ? proxy
                                  : Concat(proxy.find("://") == std::string::npos ? "http://" : "",
                                           proxy, ":", properties.Get(property::kS3ProxyPort));
}

ufs::s3::Encryption EncryptionOf(const Properties& properties) {
  using ufs::s3::Encryption;
  const std::string& name = properties.Get(property::kS3Encryption);
  if (name == "KMS") return Encryption::kKms;
  if (name == "CUSTOMER") return Encryption::kCustomer;
  const bool s3 = name == "S3" || properties.Get(property::kS3EncryptionEnabled);
  return s3 ? Encryption::kS3 : Encryption::kNone;
}

void TakeObjects(const Properties& properties, S3Options& s3) {
  using ufs::s3::ConditionalWrites;
  using ufs::s3::PayloadSigning;
  s3.part_bytes = properties.Get(property::kS3PartSize);
  // A request keeps all its bytes in memory until it is answered.
  constexpr uint64_t kMostInOneRequest = 64 << 20;
  s3.single_put_bytes = std::min(2 * s3.part_bytes, kMostInOneRequest);
  s3.abandoned_upload_age = properties.Get(property::kS3UploadCleanAge);
  s3.bulk_delete = properties.Get(property::kS3BulkDelete);
  const std::string& signing = properties.Get(property::kS3PayloadSigning);
  if (signing != "AUTO") {
    s3.payload_signing = signing == "ALWAYS" ? PayloadSigning::kAlways : PayloadSigning::kNever;
  }
  s3.content_md5 = properties.Get(property::kS3ContentMd5);
  const std::string& conditional = properties.Get(property::kS3ConditionalWrites);
  if (conditional != "AUTO") {
    s3.conditional_writes = conditional == "YES" ? ConditionalWrites::kYes : ConditionalWrites::kNo;
  }
  s3.write_directory_markers = properties.Get(property::kBreadcrumbs);
  s3.keep_attributes = properties.Get(property::kS3Attributes);
  s3.attributes_on_list = properties.Get(property::kS3AttributesOnList);
  s3.encryption = EncryptionOf(properties);
  s3.kms_key_id = properties.Get(property::kS3KmsKeyId);
  s3.customer_key = properties.Get(property::kS3CustomerKey);
  s3.storage_class = properties.Get(property::kS3StorageClass);
  s3.acl = properties.Get(property::kS3Acl);
  s3.tags = properties.Get(property::kS3Tags);
  s3.requester_pays = properties.Get(property::kS3RequesterPays);
}

// OpenSource has refused malformed values.
void TakeDefaults(const Properties& properties, S3Options& s3) {
  const Result<DefaultAttributes> defaults = DefaultAttributesOf(properties);
  if (!defaults.ok()) return;
  s3.default_file_mode = defaults->file_mode;
  s3.default_directory_mode = defaults->directory_mode;
  s3.default_uid = defaults->uid;
  s3.default_gid = defaults->gid;
}

S3Options S3OptionsOf(const Source& source, const Properties& properties) {
  S3Options s3;
  TakeBucket(source, s3);
  TakeCredentials(properties, s3);
  TakeNetwork(properties, s3);
  TakeObjects(properties, s3);
  TakeDefaults(properties, s3);
  return s3;
}

}  // namespace

Result<std::unique_ptr<ufs::UnderFileSystem>> OpenSource(const Source& source,
                                                         const Properties& properties,
                                                         const OpenSourceOptions& options,
                                                         Clock& clock,
                                                         const ufs::CallOptions& call) {
  if (source.scheme != "s3") return ufs::OpenLocalUfs(source.path, clock);
  RETURN_IF_ERROR(CheckEncryption(properties));
  RETURN_IF_ERROR(DefaultAttributesOf(properties).status());
  S3Options s3 = S3OptionsOf(source, properties);
  s3.read_only = options.read_only;
  s3.skipped = options.skipped;
  if (!options.read_only) {
    s3.upload_journal = Concat(options.state_directory, "/", options.journal_name);
  }
  return ufs::s3::OpenS3Ufs(s3, ufs::s3::ProcessEnvironment(), clock, call);
}

Nanos MountTimeout(const Properties& properties) {
  return std::min(properties.Get(property::kUfsMountTimeout),
                  properties.Get(property::kUfsTimeout));
}

Status NotInTime(const Status& failure, const Properties& properties) {
  if (failure.code() != Code::kUnavailable && failure.code() != Code::kDeadlineExceeded) {
    return failure;
  }
  const bool less =
      properties.Get(property::kUfsTimeout) < properties.Get(property::kUfsMountTimeout);
  const std::string name = less ? "tarn.ufs.timeout" : "tarn.ufs.mount.timeout";
  const Result<Properties::Entry> limit = properties.Find(name);
  return Status(failure.code(), Concat(failure.message(), "; it was tried for up to ",
                                       limit.ok() ? limit->text : "", " (", name, ")"));
}

// Without secrets: they change no trait, and may be out of reach.
ufs::UfsTraits ExpectedTraits(const Source& source, const Properties& base,
                              const SourceOptions& options) {
  if (source.scheme == "s3") {
    const Result<Properties> properties = WithOptions(base, WithoutSecrets(options), nullptr);
    return ufs::s3::TraitsOf(S3OptionsOf(source, properties.ok() ? *properties : base));
  }
  return ufs::LocalTraits();
}

}  // namespace tarn
