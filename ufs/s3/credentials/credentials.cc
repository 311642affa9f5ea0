// The chain of sources, and the sources that need no network.

#include "ufs/s3/credentials/credentials.h"

#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr Nanos kRefreshAhead = std::chrono::minutes(5);
constexpr Nanos kRefreshRetry = std::chrono::seconds(30);
// Between looks at a waiting caller's deadline.
constexpr Nanos kLookAtCall = std::chrono::milliseconds(100);
// Between looks for keys in place of refused ones.
constexpr Nanos kLookAgain = std::chrono::seconds(5);
// Keys that expire cost a request or a program, and each fetch returns new ones.
constexpr Nanos kLookAgainForTimed = std::chrono::minutes(1);

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
    return OfEnvironment();
  }

 private:
  Result<std::optional<TimedCredentials>> OfEnvironment() const {
    const auto id = environment_("AWS_ACCESS_KEY_ID");
    const auto secret = environment_("AWS_SECRET_ACCESS_KEY");
    if (!id && !secret) return std::optional<TimedCredentials>();
    if (!id || !secret) {
      return Status(Code::kPermission,
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY must be set both or not at all");
    }
    auto token = environment_("AWS_SECURITY_TOKEN");
    if (!token) token = environment_("AWS_SESSION_TOKEN");
    return std::optional(Lasting(*id, *secret, token.value_or(""), "environment"));
  }

  const CredentialOptions options_;
  const Environment environment_;
};

class FirstThatHas final : public CredentialChain {
 public:
  FirstThatHas(std::vector<std::unique_ptr<CredentialSource>> sources, const Clock& clock)
      : sources_(std::move(sources)), clock_(clock) {}

  Result<sigv4::Credentials> Get(const CallOptions& call) override {
    {
      MutexLock lock(mutex_);
      const uint64_t before = fetches_;
      // While one thread fetches, the others use keys that are still good.
      while (fetching_ && !IsGood()) {
        RETURN_IF_ERROR(CheckCall(call, clock_));
        fetched_.WaitFor(mutex_, kLookAtCall);
      }
      if (IsGood() && (fetching_ || !IsDue())) return current_->keys;
      // The fetch that this thread waited for has failed: another one would fail too.
      if (fetches_ != before && !failure_.ok()) return failure_;
      fetching_ = true;
    }
    Result<TimedCredentials> fresh = Fetch(call);
    MutexLock lock(mutex_);
    fetching_ = false;
    ++fetches_;
    // A caller without time left proves nothing about the sources.
    const bool own = fresh.code() == Code::kCancelled || fresh.code() == Code::kDeadlineExceeded;
    failure_ = own ? OkStatus() : fresh.status();
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

  // If `used` were replaced meanwhile, the new keys stay.
  void Forget(const sigv4::Credentials& used) override {
    MutexLock lock(mutex_);
    if (current_ && current_->keys == used) current_.reset();
  }

  bool Renew(const sigv4::Credentials& used, const CallOptions& call) override {
    {
      MutexLock lock(mutex_);
      if (!current_ || !(current_->keys == used)) return true;
      if (fetching_ || clock_.WallNs() < next_look_ns_) return false;
      const Nanos wait = current_->expires_ns ? kLookAgainForTimed : kLookAgain;
      next_look_ns_ = clock_.WallNs() + wait.count();
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
    const int64_t now_ns = clock_.WallNs();
    next_try_ns_ = now_ns + kRefreshRetry.count();
    if (!current_->expires_ns || *current_->expires_ns > now_ns) return;
    // The clock of this machine may be wrong: the store decides whether keys are good. The source
    // is asked again, but not before each request.
    LogWarning("S3 credentials from ", current_->source, " have expired already");
    current_->expires_ns = next_try_ns_;
  }
  bool IsGood() const REQUIRES(mutex_) {
    return current_ && (!current_->expires_ns || clock_.WallNs() < *current_->expires_ns);
  }
  bool IsDue() const REQUIRES(mutex_) {
    return current_->expires_ns &&
           clock_.WallNs() >= *current_->expires_ns - kRefreshAhead.count() &&
           clock_.WallNs() >= next_try_ns_;
  }

  // A code of a source (kNotFound, kInvalid) must not reach callers, who would take it for a fact
  // about an object.
  static Status Failure(const Status& status) {
    const bool passes = status.code() == Code::kUnavailable || status.code() == Code::kCancelled ||
                        status.code() == Code::kDeadlineExceeded;
    return Status(passes ? status.code() : Code::kPermission, status.message());
  }

  Result<TimedCredentials> Fetch(const CallOptions& call) {
    for (const auto& source : sources_) {
      Result<std::optional<TimedCredentials>> found = source->Fetch(call);
      if (!found.ok()) return Failure(found.status());
      if (*found) return **std::move(found);
    }
    return Status(Code::kPermission,
                  "no S3 credentials: looked in s3a.accessKeyId and s3a.secretKey, "
                  "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the profile in "
                  "~/.aws/credentials and ~/.aws/config, the web identity, container and instance "
                  "of AWS; tarn.underfs.s3.anonymous.enabled=true asks without any");
  }

  const std::vector<std::unique_ptr<CredentialSource>> sources_;
  const Clock& clock_;
  Mutex mutex_;
  CondVar fetched_;
  bool fetching_ GUARDED_BY(mutex_) = false;
  uint64_t fetches_ GUARDED_BY(mutex_) = 0;  // Fetches that ended.
  Status failure_ GUARDED_BY(mutex_);        // What the last fetch failed with.
  std::optional<TimedCredentials> current_ GUARDED_BY(mutex_);
  int64_t next_try_ns_ GUARDED_BY(mutex_) = 0;
  int64_t next_look_ns_ GUARDED_BY(mutex_) = 0;
  std::string logged_source_ GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<CredentialSource> NewStaticSource(const CredentialOptions& options,
                                                  Environment environment) {
  return std::make_unique<StaticSource>(options, std::move(environment));
}

std::unique_ptr<CredentialChain> NewCredentialChain(
    std::vector<std::unique_ptr<CredentialSource>> sources, const Clock& clock) {
  return std::make_unique<FirstThatHas>(std::move(sources), clock);
}

std::unique_ptr<CredentialChain> NewDefaultChain(const CredentialOptions& options,
                                                 const Environment& environment,
                                                 const std::string& region, http::Client& http,
                                                 const Clock& clock) {
  std::vector<std::unique_ptr<CredentialSource>> sources;
  const CredentialContext context{environment, http, clock, region};
  // A named profile goes before the environment.
  const bool by_name = !options.profile.empty() && options.access_key_id.empty();
  if (!by_name) sources.push_back(NewStaticSource(options, environment));
  sources.push_back(NewProfileSource(options.profile, context));
  sources.push_back(NewContainerSource(context));
  sources.push_back(NewInstanceSource(context));
  return NewCredentialChain(std::move(sources), clock);
}

}  // namespace tarn::ufs::s3
