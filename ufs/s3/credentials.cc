// The chain, and the sources that need no network.

#include "ufs/s3/credentials.h"

#include <fstream>
#include <map>
#include <sstream>

#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace tarn::ufs::s3 {
namespace {

constexpr Nanos kRefreshAhead = std::chrono::minutes(5);
constexpr Nanos kRefreshRetry = std::chrono::seconds(30);
constexpr Nanos kLookAgain = std::chrono::seconds(5);  // For others than those refused.

using Section = std::map<std::string, std::string>;

// The sections of an ini file as AWS's tools read it: "[default]" or "[profile x]", "name = value",
// comments after '#' or ';' at a line's start.
std::map<std::string, Section> ReadIni(const std::string& path) {
  std::map<std::string, Section> sections;
  std::ifstream file(path);
  Section* current = nullptr;
  for (std::string line; std::getline(file, line);) {
    const bool nested = line.starts_with(' ') || line.starts_with('\t');
    const std::string_view text = Trimmed(line);
    if (text.empty() || text.front() == '#' || text.front() == ';') continue;
    if (text.front() == '[') {
      std::string_view name = text.substr(1, text.find(']') - 1);
      if (name.starts_with("profile ")) name.remove_prefix(8);
      current = &sections[std::string(Trimmed(name))];
      continue;
    }
    const size_t equals = text.find('=');
    if (current == nullptr || equals == std::string_view::npos || nested) continue;
    (*current)[std::string(Trimmed(text.substr(0, equals)))] =
        std::string(Trimmed(text.substr(equals + 1)));
  }
  return sections;
}

std::string PathOf(const Environment& environment, const char* variable, const char* below_home) {
  if (auto path = environment(variable)) return *path;
  const auto home = environment("HOME");
  return home ? Concat(*home, below_home) : "";
}

std::string ProfileName(const std::string& profile, const Environment& environment) {
  if (!profile.empty()) return profile;
  return environment("AWS_PROFILE").value_or("default");
}

Section ReadProfile(const std::string& profile, const Environment& environment) {
  const std::string name = ProfileName(profile, environment);
  Section merged = ReadIni(PathOf(environment, "AWS_CONFIG_FILE", "/.aws/config"))[name];
  const std::string keys = PathOf(environment, "AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials");
  const Section of_keys = ReadIni(keys)[name];
  for (const auto& [key, value] : of_keys) merged[key] = value;
  return merged;
}

TimedCredentials Lasting(std::string id, std::string secret, std::string token,
                         std::string source) {
  return {{std::move(id), std::move(secret), std::move(token)}, std::nullopt, std::move(source)};
}

class StaticSource final : public CredentialSource {
 public:
  StaticSource(CredentialOptions options, Environment environment)
      : options_(std::move(options)), environment_(std::move(environment)) {}

  Result<std::optional<TimedCredentials>> Fetch(const CallOptions&) override {
    if (options_.access_key_id.empty() != options_.secret_access_key.empty()) {
      return Status(Code::kPermission,
                    "s3a.accessKeyId and s3a.secretKey must be set both or not at all");
    }
    if (!options_.access_key_id.empty()) {
      return std::optional(Lasting(options_.access_key_id, options_.secret_access_key,
                                   options_.session_token, "properties"));
    }
    const auto id = environment_("AWS_ACCESS_KEY_ID");
    const auto secret = environment_("AWS_SECRET_ACCESS_KEY");
    if (!id || !secret) return std::optional<TimedCredentials>();
    return std::optional(
        Lasting(*id, *secret, environment_("AWS_SESSION_TOKEN").value_or(""), "environment"));
  }

 private:
  const CredentialOptions options_;
  const Environment environment_;
};

class ProfileSource final : public CredentialSource {
 public:
  ProfileSource(std::string profile, Environment environment)
      : profile_(std::move(profile)), environment_(std::move(environment)) {}

  // Read anew each time: other tools write short-lived keys there.
  Result<std::optional<TimedCredentials>> Fetch(const CallOptions&) override {
    Section section = ReadProfile(profile_, environment_);
    const std::string name = ProfileName(profile_, environment_);
    if (section["aws_access_key_id"].empty() || section["aws_secret_access_key"].empty()) {
      if (profile_.empty()) return std::optional<TimedCredentials>();
      return Status(Code::kPermission, Concat("profile \"", name, "\" has no keys"));
    }
    return std::optional(Lasting(section["aws_access_key_id"], section["aws_secret_access_key"],
                                 section["aws_session_token"], Concat("profile ", name)));
  }

 private:
  const std::string profile_;
  const Environment environment_;
};

class FirstThatHas final : public CredentialChain {
 public:
  FirstThatHas(std::vector<std::unique_ptr<CredentialSource>> sources, const Clock& clock)
      : sources_(std::move(sources)), clock_(clock) {}

  Result<sigv4::Credentials> Get(const CallOptions& call) override {
    {
      MutexLock lock(mutex_);
      // While one thread fetches, the others go on with what is still good.
      while (fetching_ && !IsGood()) fetched_.WaitFor(mutex_, std::chrono::seconds(1));
      if (IsGood() && (fetching_ || !IsDue())) return current_->keys;
      fetching_ = true;
    }
    Result<TimedCredentials> fresh = Fetch(call);
    MutexLock lock(mutex_);
    fetching_ = false;
    fetched_.NotifyAll();
    if (fresh.ok()) {
      Take(std::move(fresh).value());
      return current_->keys;
    }
    if (!IsGood()) return std::move(fresh).status();
    LogWarning("S3 credentials expire soon and cannot be fetched again: ", fresh.status());
    next_try_ns_ = clock_.WallNs() + kRefreshRetry.count();
    return current_->keys;
  }

  // Whoever comes late, with keys that were replaced meanwhile, does no harm to the new ones.
  void Forget(const sigv4::Credentials& used) override {
    MutexLock lock(mutex_);
    if (current_ && current_->keys == used) current_.reset();
  }

  bool Renew(const sigv4::Credentials& used, const CallOptions& call) override {
    {
      MutexLock lock(mutex_);
      if (!current_ || !(current_->keys == used)) return true;
      if (fetching_ || clock_.WallNs() < next_look_ns_) return false;
      next_look_ns_ = clock_.WallNs() + kLookAgain.count();
    }
    Result<TimedCredentials> fresh = Fetch(call);
    if (!fresh.ok() || fresh->keys == used) return false;
    MutexLock lock(mutex_);
    Take(std::move(fresh).value());
    return true;
  }

 private:
  void Take(TimedCredentials fresh) REQUIRES(mutex_) {
    if (logged_source_ != fresh.source) {
      logged_source_ = fresh.source;
      LogInfo("S3 credentials: ", fresh.source, ", access key ", fresh.keys.access_key_id);
    }
    current_ = std::move(fresh);
    next_try_ns_ = clock_.WallNs() + kRefreshRetry.count();
  }
  bool IsGood() const REQUIRES(mutex_) {
    return current_ && (!current_->expires_ns || clock_.WallNs() < *current_->expires_ns);
  }
  bool IsDue() const REQUIRES(mutex_) {
    return current_->expires_ns &&
           clock_.WallNs() >= *current_->expires_ns - kRefreshAhead.count() &&
           clock_.WallNs() >= next_try_ns_;
  }

  Result<TimedCredentials> Fetch(const CallOptions& call) {
    for (const auto& source : sources_) {
      ASSIGN_OR_RETURN(std::optional<TimedCredentials> found, source->Fetch(call));
      if (found) return std::move(*found);
    }
    return Status(Code::kPermission,
                  "no S3 credentials: looked in s3a.accessKeyId and s3a.secretKey, "
                  "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, ~/.aws/credentials and "
                  "~/.aws/config, the web identity, container and instance of AWS; "
                  "tarn.underfs.s3.anonymous.enabled=true asks without any");
  }

  const std::vector<std::unique_ptr<CredentialSource>> sources_;
  const Clock& clock_;
  Mutex mutex_;
  CondVar fetched_;
  bool fetching_ GUARDED_BY(mutex_) = false;
  std::optional<TimedCredentials> current_ GUARDED_BY(mutex_);
  int64_t next_try_ns_ GUARDED_BY(mutex_) = 0;
  int64_t next_look_ns_ GUARDED_BY(mutex_) = 0;
  std::string logged_source_ GUARDED_BY(mutex_);
};

}  // namespace

std::string ProfileSetting(const std::string& profile, const std::string& name,
                           const Environment& environment) {
  return ReadProfile(profile, environment)[name];
}

std::unique_ptr<CredentialSource> NewStaticSource(const CredentialOptions& options,
                                                  Environment environment) {
  return std::make_unique<StaticSource>(options, std::move(environment));
}

std::unique_ptr<CredentialSource> NewProfileSource(std::string profile, Environment environment) {
  return std::make_unique<ProfileSource>(std::move(profile), std::move(environment));
}

std::unique_ptr<CredentialChain> NewCredentialChain(
    std::vector<std::unique_ptr<CredentialSource>> sources, const Clock& clock) {
  return std::make_unique<FirstThatHas>(std::move(sources), clock);
}

std::unique_ptr<CredentialChain> NewDefaultChain(const CredentialOptions& options,
                                                 const Environment& environment,
                                                 const std::string& region, Http& http,
                                                 const Clock& clock) {
  std::vector<std::unique_ptr<CredentialSource>> sources;
  // A profile that was asked for by name goes before whatever the environment holds.
  if (!options.profile.empty() && options.access_key_id.empty()) {
    sources.push_back(NewProfileSource(options.profile, environment));
  }
  sources.push_back(NewStaticSource(options, environment));
  sources.push_back(NewProfileSource("", environment));
  sources.push_back(NewWebIdentitySource(environment, http, region));
  sources.push_back(NewContainerSource(environment, http));
  sources.push_back(NewInstanceSource(environment, http));
  return NewCredentialChain(std::move(sources), clock);
}

}  // namespace tarn::ufs::s3
