#pragma once

// The keys to a bucket. They come from the first of: properties, environment, the profile of ~/.aws
// (keys in it, a role, a web identity, a single sign-on, a program), container, instance (IMDSv2).
// Keys that expire are fetched again before they do.

#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "http/client.h"
#include "s3wire/sigv4.h"
#include "ufs/s3_options.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

struct TimedCredentials {
  sigv4::Credentials keys;
  std::optional<int64_t> expires_ns;  // Wall clock; nullopt: never.
  std::string source;                 // For messages: "environment", "profile default", ...
};

// One place to look. Nullopt: nothing is configured there, so the next source counts. Thread-safe.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  virtual Result<std::optional<TimedCredentials>> Fetch(const CallOptions& call) = 0;
};

std::unique_ptr<CredentialSource> NewStaticSource(const CredentialOptions& options,
                                                  Environment environment);
// What sources need. The references outlive them.
struct CredentialContext {
  Environment environment;
  http::Client& http;
  const Clock& clock;
  std::string region;  // The region of the token service.
};
// `profile`: see ReadAwsProfile. A profile that is named goes before the environment.
std::unique_ptr<CredentialSource> NewProfileSource(std::string profile, CredentialContext context);
std::unique_ptr<CredentialSource> NewContainerSource(CredentialContext context);
std::unique_ptr<CredentialSource> NewInstanceSource(CredentialContext context);

// The keys of the first source that has some, kept while they are good. Thread-safe.
class CredentialChain {
 public:
  virtual ~CredentialChain() = default;
  // kPermission: no source has keys; the message says where it looked. If fetching new keys fails,
  // keys that are not yet expired are returned. One caller fetches; the others wait for its result
  // until their deadlines.
  virtual Result<sigv4::Credentials> Get(const CallOptions& call) = 0;
  // Call it when the store says that `used` have expired: the next Get fetches others.
  virtual void Forget(const sigv4::Credentials& used) = 0;
  // Call it when the store refuses `used`, which may be because of the keys. Returns whether there
  // are other keys now, which the next Get returns. Looks for them every few seconds at most.
  virtual bool Renew(const sigv4::Credentials& used, const CallOptions& call) = 0;
};
std::unique_ptr<CredentialChain> NewCredentialChain(
    std::vector<std::unique_ptr<CredentialSource>> sources, const Clock& clock);
// The chain of all sources. `http` and `clock` outlive it.
std::unique_ptr<CredentialChain> NewDefaultChain(const CredentialOptions& options,
                                                 const Environment& environment,
                                                 const std::string& region, http::Client& http,
                                                 const Clock& clock);

}  // namespace tarn::ufs::s3
