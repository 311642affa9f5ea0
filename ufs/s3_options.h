#pragma once

// How one bucket is reached and used. Values. doc/s3.md explains them to users;
// config/property_table.inc has their names.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "http/client.h"
#include "ufs/skipped_keys.h"

namespace tarn::ufs::s3 {

// Looks up a variable of the environment; nullopt: not set.
using Environment = std::function<std::optional<std::string>(const std::string&)>;
// The environment of this process. Without HOME, that variable is the home directory of the user.
Environment ProcessEnvironment();
// The variables that name a file.
std::span<const char* const> FileVariables();

struct CredentialOptions {
  std::string access_key_id;  // If both are set, no other keys are used.
  std::string secret_access_key;
  std::string session_token;
  std::string profile;     // Empty: AWS_DEFAULT_PROFILE, AWS_PROFILE, or "default".
  bool anonymous = false;  // Requests are not signed.
};

// When a failed request is sent again.
struct RetryOptions {
  uint32_t max_retries = 10;
  Nanos first_wait = std::chrono::milliseconds(50);
  Nanos longest_wait = std::chrono::seconds(20);
};
// When a GET that takes long is sent a second time beside the first.
struct HedgeOptions {
  bool enabled = true;
  Nanos least_delay = std::chrono::milliseconds(250);
  // Until enough GETs were measured; more for many bytes.
  Nanos first_delay = std::chrono::seconds(1);
};

enum class Encryption : uint8_t { kNone, kS3, kKms, kCustomer };
enum class PayloadSigning : uint8_t { kAuto, kAlways, kNever };  // kAuto: over plain HTTP only.
enum class ConditionalWrites : uint8_t { kAuto, kYes, kNo };     // kAuto: asks the store.

struct S3Options {
  std::string bucket;
  std::string prefix;                // "" or "a/b/".
  std::string endpoint;              // "http://127.0.0.1:9000"; empty: AWS's of the region.
  std::string region;                // Empty: AWS_REGION, the profile's, or what the store says.
  bool disable_dns_buckets = false;  // Always path style.
  CredentialOptions credentials;
  http::Options http;
  RetryOptions retry;
  HedgeOptions hedge;  // For reads.
  size_t max_connections = 64;

  uint64_t part_bytes = 8 << 20;  // Size of the parts of multipart uploads, copies and large reads.
  uint64_t single_put_bytes = 16 << 20;     // Larger objects are sent in parts.
  uint64_t single_copy_bytes = 5ULL << 30;  // Larger objects are copied in parts.
  uint64_t copy_part_bytes = 512 << 20;
  bool bulk_delete = true;
  PayloadSigning payload_signing = PayloadSigning::kAuto;
  bool content_md5 = true;  // Sent with each PUT and compared with the ETag of the answer.
  ConditionalWrites conditional_writes = ConditionalWrites::kAuto;
  // ListUploads returns the uploads of other clients that are older.
  Nanos abandoned_upload_age = std::chrono::hours(72);
  std::string upload_journal;  // A file that remembers the uploads of this mount; empty: none.
  // Notes the keys that are not shown; outlives the store. Null: the store has its own.
  SkippedKeys* skipped = nullptr;
  bool read_only = false;  // No request that writes is sent to learn what the store can do.

  bool keep_attributes = true;        // mtime, mode, uid and gid in x-amz-meta-*.
  bool attributes_on_list = false;    // A listing asks each object for them.
  uint32_t default_file_mode = 0644;  // For objects without a mode.
  uint32_t default_directory_mode = 0755;
  std::optional<uint32_t> default_uid;  // Nullopt: the directory's.
  std::optional<uint32_t> default_gid;
  bool write_directory_markers = false;  // Each directory made here becomes an object `dir/`.
  Encryption encryption = Encryption::kNone;
  std::string kms_key_id;
  std::string customer_key;  // 32 bytes, in base64.
  std::string storage_class;
  std::string acl;
  std::string tags;  // "a=1&b=2"
  bool requester_pays = false;
};

// The property's, or what AWS's own tools find in the environment and the profile; empty: AWS.
// kPermission: ReadAwsProfile fails.
Result<std::string> EndpointOf(const std::string& property, const std::string& profile,
                               const Environment& environment);
// The property's, AWS_CA_BUNDLE, or the profile's; empty: that of the system.
std::string CaBundleOf(const std::string& property, const std::string& profile,
                       const Environment& environment);

}  // namespace tarn::ufs::s3
