#pragma once

// Where the keys to a bucket come from, in this order: properties, environment, the profile of
// ~/.aws (keys in it, a role, a web identity, a single sign-on, a program), container, instance
// (IMDSv2). Those that expire are fetched again before they do. Internal to ufs/s3.

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
  std::string source;                 // For people: "environment", "profile default", ...
};

// One place to look. Nullopt: nothing is configured there, look elsewhere. Thread-safe.
class CredentialSource {
 public:
  virtual ~CredentialSource() = default;
  virtual Result<std::optional<TimedCredentials>> Fetch(const CallOptions& call) = 0;
};

std::unique_ptr<CredentialSource> NewStaticSource(const CredentialOptions& options,
                                                  Environment environment);
// What sources need; the references outlive them.
struct CredentialContext {
  Environment environment;
  http::Client& http;
  const Clock& clock;
  std::string region;  // Of the token service.
};
// `profile`: as ReadAwsProfile has it. One that is named goes before all that the environment says.
std::unique_ptr<CredentialSource> NewProfileSource(std::string profile, CredentialContext context);
// `http` outlives them.
std::unique_ptr<CredentialSource> NewContainerSource(Environment environment, http::Client& http);
std::unique_ptr<CredentialSource> NewInstanceSource(Environment environment, http::Client& http);

// The first source that has some, remembered while they are good. Thread-safe.
class CredentialChain {
 public:
  virtual ~CredentialChain() = default;
  // kPermission: no source has any; the message says where was looked. While fetching again fails,
  // those not yet expired are given. One caller fetches, the others wait for what it gets, up to
  // their deadlines.
  virtual Result<sigv4::Credentials> Get(const CallOptions& call) = 0;
  // The store says that `used` have expired: the next Get fetches others.
  virtual void Forget(const sigv4::Credentials& used) = 0;
  // The store refuses `used` and may mean the keys: whether there are others now, which the next
  // Get gives. Looks for them every few seconds at most.
  virtual bool Renew(const sigv4::Credentials& used, const CallOptions& call) = 0;
};
std::unique_ptr<CredentialChain> NewCredentialChain(
    std::vector<std::unique_ptr<CredentialSource>> sources, const Clock& clock);
// All of the above. `http` and `clock` outlive it.
std::unique_ptr<CredentialChain> NewDefaultChain(const CredentialOptions& options,
                                                 const Environment& environment,
                                                 const std::string& region, http::Client& http,
                                                 const Clock& clock);

}  // namespace tarn::ufs::s3
