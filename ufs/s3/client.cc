#include "ufs/s3/client.h"

#include <algorithm>
#include <atomic>
#include <list>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/advice.h"
#include "ufs/s3/answer.h"
#include "ufs/s3/bucket_address.h"
#include "ufs/s3/credentials/credentials.h"
#include "ufs/s3/gate.h"
#include "ufs/s3/hedge.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr int kMaxRedirects = 4;
// Stores refuse a difference of more than 15 minutes.
constexpr int64_t kSkewNs = 240LL * 1'000'000'000;
const std::string kHashOfNothing = Hex(Sha256(std::string_view()));

// A request and the state of its attempts.
struct Attempt {
  S3Call* call = nullptr;
  std::string payload_hash;
  http::Exchange exchange;
  sigv4::Credentials keys;  // The keys that signed it.
  // The address that a redirect gave for this request alone.
  std::optional<BucketAddress> elsewhere;
  uint32_t failures = 0;
  int redirects = 0;
  bool keys_renewed = false;
  bool clock_set = false;
  bool done = false;
  MonotonicTime not_before = MonotonicTime::min();
  Nanos budget = Nanos::zero();  // The time that the call's deadline gave it.
  // The call's deadline, counted from the last byte that moved.
  MonotonicTime moved_until = MonotonicTime::min();
  std::string last_failure;  // The failure before this attempt.

  bool IsChange() const { return call->method != "GET" && call->method != "HEAD"; }
  Deadline DeadlineOf(const CallOptions& given, const Clock& clock) const {
    if (moved_until <= given.deadline.at()) return given.deadline;
    return Deadline::After(clock, moved_until - clock.Now());
  }
  void NoteUnknown() const {
    call->unknown = call->unknown || (IsChange() && !call->harmless_to_repeat);
    call->repeated = call->repeated || IsChange();
  }
};

std::string RequestId(const http::Response& response, const s3wire::ErrorDocument& error) {
  const std::string id = response.Header("x-amz-request-id");
  return id.empty() ? error.request_id : id;
}

std::string Describe(const S3Call& call, const s3wire::ErrorDocument& error, uint32_t attempts) {
  std::string text = Concat(call.what, ": HTTP ", call.response.status);
  if (!error.code.empty()) text += Concat(" ", error.code);
  if (!error.message.empty()) text += Concat(": ", error.message);
  text += Concat(" (request ", RequestId(call.response, error));
  if (attempts > 1) text += Concat(", ", attempts, " attempts");
  text += ")";
  if (error.code == "InvalidObjectState") text += "; it is archived: restore it, then read it";
  return text;
}

// The share of the connections that the request belongs to.
Share ShareOf(const S3Call& call) {
  constexpr size_t kSmallBytes = 128 << 10;  // A list of keys to delete is small.
  const bool reads = call.taker != nullptr || !call.sink.empty();
  const bool writes = call.giver != nullptr || call.body.size() > kSmallBytes;
  return reads || writes ? Share::kBytes : Share::kNames;
}

class BucketClient final : public Client {
 public:
  BucketClient(S3Options options, BucketAddress address, const Environment& environment,
               Clock& clock)
      : options_(std::move(options)),
        clock_(clock),
        http_(http::NewClient(options_.http, clock)),
        credentials_(
            NewDefaultChain(options_.credentials, environment, address.region, *http_, clock)),
        gate_(options_.max_connections, clock),
        hedges_(options_.hedge),
        address_(std::move(address)) {}

  void Run(std::span<S3Call> calls, const CallOptions& call) override;
  std::string Uri(std::string_view key) const override {
    return Concat("s3://", options_.bucket, "/", key);
  }
  std::string Endpoint() const override {
    const BucketAddress address = CurrentAddress();
    return Concat(address.scheme, "://", address.host, address.path);
  }
  bool SignsPayloads() const override {
    if (options_.payload_signing != PayloadSigning::kAuto) {
      return options_.payload_signing == PayloadSigning::kAlways;
    }
    const BucketAddress address = CurrentAddress();
    return address.scheme != "https" || address.signs_payloads;
  }
  bool IsAws() const override { return CurrentAddress().is_aws; }

 private:
  BucketAddress CurrentAddress() const {
    MutexLock lock(mutex_);
    return address_;
  }
  static void EndMade(std::vector<Attempt*>& attempts);
  void RunRound(std::vector<Attempt*> attempts, const CallOptions& call);
  void PrepareTwin(Attempt& attempt, size_t& inside);
  bool TakeHedge() {
    MutexLock lock(mutex_);
    return hedges_.TakeHedge();
  }
  void NoteTime(const Attempt& attempt, Nanos took);
  Status Prepare(Attempt& attempt, const CallOptions& call);
  void Sign(sigv4::Request& request, const sigv4::Credentials& keys, const std::string& region,
            const std::string& payload_hash);
  std::string PayloadHash(const S3Call& call) const;
  void Settle(Attempt& attempt, const CallOptions& call);
  void SettleAnswer(Attempt& attempt, const CallOptions& call);
  bool Redirected(Attempt& attempt, const s3wire::ErrorDocument& error);
  bool MovedRegion(Attempt& attempt, const s3wire::ErrorDocument& error);
  bool KeysRenewed(Attempt& attempt, const s3wire::ErrorDocument& error, const CallOptions& call);
  bool ClockSet(Attempt& attempt, const s3wire::ErrorDocument& error);
  void TryAgain(Attempt& attempt, const Status& failure, std::string_view retry_after,
                const CallOptions& call);
  static void End(Attempt& attempt, Status status) {
    attempt.call->status = std::move(status);
    attempt.done = true;
  }

  const S3Options options_;
  Clock& clock_;
  const std::unique_ptr<http::Client> http_;
  const std::unique_ptr<CredentialChain> credentials_;
  Gate gate_;
  std::atomic<int64_t> clock_offset_ns_ = 0;  // How far the store's clock is ahead of ours.
  mutable Mutex mutex_;                       // A leaf.
  HedgePolicy hedges_ GUARDED_BY(mutex_);
  BucketAddress address_ GUARDED_BY(mutex_);
  struct CachedKey {
    std::string secret;
    std::string scope;
    sigv4::SigningKey key;
  };
  std::optional<CachedKey> signing_key_ GUARDED_BY(mutex_);
};

void BucketClient::Run(std::span<S3Call> calls, const CallOptions& call) {
  std::list<Attempt> all;
  for (S3Call& one : calls) {
    Attempt& attempt = all.emplace_back();
    attempt.call = &one;
    attempt.budget = call.deadline.at() - clock_.Now();
    one.unknown = false;
  }
  for (;;) {
    std::vector<Attempt*> ready;
    MonotonicTime next = MonotonicTime::max();
    const MonotonicTime now = clock_.Now();
    for (Attempt& attempt : all) {
      if (attempt.done) continue;
      next = std::min(next, attempt.not_before);
      if (attempt.not_before <= now) ready.push_back(&attempt);
    }
    if (next == MonotonicTime::max()) return;
    if (ready.empty()) {
      clock_.SleepFor(next - now, call.stop);
      if (!call.stop.stop_requested()) continue;
      for (Attempt& attempt : all) {
        if (!attempt.done) End(attempt, Status(Code::kCancelled, attempt.call->what));
      }
      return;
    }
    EndMade(ready);
    RunRound(std::move(ready), call);
  }
}

void BucketClient::EndMade(std::vector<Attempt*>& attempts) {
  std::erase_if(attempts, [](Attempt* attempt) {
    const S3Call& wanted = *attempt->call;
    if (!wanted.unknown || !wanted.was_made || !wanted.was_made()) return false;
    End(*attempt, Status(Code::kMaybeCommitted, Concat(wanted.what, ": its answer was lost")));
    return true;
  });
}

// Requests of another share than the first wait for the next round.
void BucketClient::RunRound(std::vector<Attempt*> attempts, const CallOptions& call) {
  if (attempts.empty()) return;
  const Share share = ShareOf(*attempts.front()->call);
  std::erase_if(attempts, [&](Attempt* attempt) { return ShareOf(*attempt->call) != share; });
  Result<size_t> room = gate_.Enter(share, attempts.size(), call);
  if (!room.ok()) {
    for (Attempt* attempt : attempts) {
      End(*attempt,
          Status(room.code(), Concat(attempt->call->what, ": ", room.status().message())));
    }
    return;
  }
  size_t inside = *room;
  attempts.resize(inside);
  std::vector<Attempt*> good;
  std::vector<http::Exchange*> exchanges;
  for (Attempt* attempt : attempts) {
    Status prepared = Prepare(*attempt, call);
    if (!prepared.ok()) {
      End(*attempt, Status(prepared.code(), Concat(attempt->call->what, ": ", prepared.message())));
      continue;
    }
    if (attempt->call->twin) PrepareTwin(*attempt, inside);
    good.push_back(attempt);
    exchanges.push_back(&attempt->exchange);
  }
  const MonotonicTime begin = clock_.Now();
  CallOptions late = call;
  for (const Attempt* attempt : good) {
    late.deadline = attempt->DeadlineOf(late, clock_);
  }
  if (!exchanges.empty()) http_->Perform(exchanges, late.deadline, late.stop);
  const Nanos took = clock_.Now() - begin;
  gate_.Leave(share, inside);
  for (Attempt* attempt : good) {
    NoteTime(*attempt, took);
    Settle(*attempt, call);
  }
}

// `inside` counts the requests under way. A twin counts once it is sent.
void BucketClient::PrepareTwin(Attempt& attempt, size_t& inside) {
  const S3Call& wanted = *attempt.call;
  http::Request& http = attempt.exchange.request;
  {
    MutexLock lock(mutex_);
    http.twin_after = hedges_.DelayFor(wanted.wanted_bytes);
  }
  http.twin = [this, &wanted, &inside]() -> http::BodyTaker* {
    if (!gate_.TryEnter(Share::kBytes)) return nullptr;
    if (!TakeHedge()) {
      gate_.Leave(Share::kBytes, 1);
      return nullptr;
    }
    ++inside;
    LogDebug(wanted.what, ": it takes long, sent a second time");
    return wanted.twin();
  };
}

void BucketClient::NoteTime(const Attempt& attempt, Nanos took) {
  const http::Exchange& exchange = attempt.exchange;
  if (!attempt.call->twin || !exchange.status.ok() || exchange.response.status / 100 != 2) return;
  MutexLock lock(mutex_);
  hedges_.Note(attempt.call->wanted_bytes, took);
}

std::string BucketClient::PayloadHash(const S3Call& call) const {
  if (call.giver != nullptr) {
    return call.payload_sha256.empty() ? std::string(sigv4::kUnsignedPayload) : call.payload_sha256;
  }
  if (call.body.empty()) return kHashOfNothing;
  return SignsPayloads() ? Hex(Sha256(call.body)) : std::string(sigv4::kUnsignedPayload);
}

Status BucketClient::Prepare(Attempt& attempt, const CallOptions& call) {
  const S3Call& wanted = *attempt.call;
  const BucketAddress address = attempt.elsewhere.value_or(CurrentAddress());
  sigv4::Request request;
  request.method = wanted.method;
  const bool in_host = address.bucket_in_host && !wanted.of_store;
  const bool in_path = !address.bucket_in_host && !wanted.of_store;
  request.path = Concat(address.path, in_path ? Concat("/", options_.bucket) : "", "/", wanted.key);
  request.query = wanted.query;
  request.headers = wanted.headers;
  const std::string host = in_host ? Concat(options_.bucket, ".", address.host) : address.host;
  request.headers.emplace_back("Host", host);
  if (options_.requester_pays) request.headers.emplace_back("x-amz-request-payer", "requester");
  if (!options_.credentials.anonymous) {
    ASSIGN_OR_RETURN(attempt.keys, credentials_->Get(call));
    if (attempt.payload_hash.empty()) attempt.payload_hash = PayloadHash(wanted);
    Sign(request, attempt.keys, address.region, attempt.payload_hash);
  }
  http::Request& http = attempt.exchange.request;
  http.method = wanted.method;
  http.url = Concat(address.scheme, "://", host, request.EncodedTarget());
  http.headers = std::move(request.headers);
  http.body = wanted.body;
  http.giver = wanted.giver;
  http.giver_bytes = wanted.giver_bytes;
  http.accepts_gzip = wanted.accepts_gzip;
  http.may_take_long = wanted.may_take_long;
  http.sink = wanted.sink;
  http.taker = wanted.taker;
  return OkStatus();
}

void BucketClient::Sign(sigv4::Request& request, const sigv4::Credentials& keys,
                        const std::string& region, const std::string& payload_hash) {
  sigv4::Scope scope;
  scope.time = sigv4::FormatTime(clock_.WallNs() + clock_offset_ns_);
  scope.region = region;
  std::optional<sigv4::SigningKey> key;
  {
    MutexLock lock(mutex_);
    const bool fits = signing_key_ && signing_key_->secret == keys.secret_access_key &&
                      signing_key_->scope == scope.Text();
    if (!fits) {
      signing_key_ = CachedKey{keys.secret_access_key, scope.Text(),
                               sigv4::SigningKey(keys.secret_access_key, scope)};
    }
    key = signing_key_->key;
  }
  sigv4::SignHeaders(request, keys, *key, scope, payload_hash);
}

void BucketClient::Settle(Attempt& attempt, const CallOptions& call) {
  http::Exchange& exchange = attempt.exchange;
  S3Call& wanted = *attempt.call;
  wanted.response = std::move(exchange.response);
  const bool bounded = call.deadline.at() < MonotonicTime::max();
  if (bounded && exchange.moved_at > MonotonicTime::min() && wanted.may_take_long) {
    attempt.moved_until = exchange.moved_at + attempt.budget;
  }
  if (exchange.status.ok()) return SettleAnswer(attempt, call);
  const BucketAddress address = attempt.elsewhere.value_or(CurrentAddress());
  const Status failure(
      exchange.status.code(),
      Concat(wanted.what, " at ", exchange.request.url.substr(0, exchange.request.url.find('/', 8)),
             ": ", exchange.status.message(), exchange.unknown_host ? AdviceOnHost(address) : "",
             RequestOf(wanted.response)));
  if (exchange.sent) attempt.NoteUnknown();
  if (failure.code() == Code::kUnavailable && !exchange.refused) {
    return TryAgain(attempt, failure, "", call);
  }
  if (attempt.last_failure.empty()) return End(attempt, failure);
  End(attempt,
      Status(failure.code(), Concat(failure.message(), "; before that: ", attempt.last_failure)));
}

void BucketClient::SettleAnswer(Attempt& attempt, const CallOptions& call) {
  S3Call& wanted = *attempt.call;
  const http::Response& response = wanted.response;
  s3wire::ErrorDocument error;
  // A copy or a completed upload may fail after the store has answered 200.
  const bool may_be_error =
      response.status / 100 != 2 || (attempt.IsChange() && response.body.find("<Error>") < 200);
  if (may_be_error) error = s3wire::ParseErrorDocument(response.body);
  wanted.error = error.code;
  if (response.status / 100 == 2 && error.code.empty()) {
    gate_.NoteSuccess();
    return End(attempt, OkStatus());
  }
  if (Redirected(attempt, error) || KeysRenewed(attempt, error, call) || ClockSet(attempt, error)) {
    return;
  }
  Verdict verdict = Judge(response.status / 100 == 2 ? 500 : response.status, error.code);
  if (verdict.throttled) gate_.NoteThrottled();
  if (verdict.unknown) attempt.NoteUnknown();
  std::string text = Describe(wanted, error, attempt.failures + 1);
  if (KeyMayNotFit(wanted, error, options_.encryption)) {
    verdict.code = Code::kPermission;
    text += AdviceOnKey(options_.encryption);
  }
  if (error.code == "NoSuchBucket") {
    text += AdviceOnBucket(options_.bucket, attempt.elsewhere.value_or(CurrentAddress()));
  }
  const Status failure(verdict.code, std::move(text));
  if (verdict.again) return TryAgain(attempt, failure, response.Header("retry-after"), call);
  End(attempt, failure);
}

void BucketClient::TryAgain(Attempt& attempt, const Status& failure, std::string_view retry_after,
                            const CallOptions& call) {
  const Nanos wait = gate_.DelayBeforeRetry(options_.retry, attempt.failures, retry_after);
  const bool in_time = !attempt.DeadlineOf(call, clock_).PassedBy(clock_.Now() + wait);
  if (attempt.failures < options_.retry.max_retries && in_time && gate_.TakeRetry()) {
    ++attempt.failures;
    attempt.not_before = clock_.Now() + wait;
    attempt.last_failure = failure.message();
    LogDebug(failure, ": again in ", wait.count() / 1'000'000, " ms");
    return;
  }
  const bool lost = attempt.call->unknown && failure.code() == Code::kUnavailable;
  End(attempt, lost ? Status(Code::kMaybeCommitted, failure.message()) : failure);
}

bool BucketClient::MovedRegion(Attempt& attempt, const s3wire::ErrorDocument& error) {
  std::string region = attempt.call->response.Header("x-amz-bucket-region");
  if (region.empty()) region = error.region;
  MutexLock lock(mutex_);
  if (region.empty() || region == address_.region) return false;
  LogInfo("bucket ", options_.bucket, " is in region ", region, ", not ", address_.region,
          ": set tarn.underfs.s3.endpoint.region to save the detour");
  address_ = InRegion(address_, region);
  return true;
}

// Follows an answer that says where the bucket is: for all requests from now on, or for this one.
bool BucketClient::Redirected(Attempt& attempt, const s3wire::ErrorDocument& error) {
  const http::Response& response = attempt.call->response;
  const bool redirect = response.status / 100 == 3 && response.status != 304;
  const bool wrong_region = error.code == "AuthorizationHeaderMalformed" ||
                            error.code == "IllegalLocationConstraintException";
  // Answers to HEAD have no body with a reason.
  const bool silent = attempt.call->method == "HEAD" && response.status == 400;
  if (!redirect && !wrong_region && !silent) return false;
  if (++attempt.redirects > kMaxRedirects) return false;
  if (MovedRegion(attempt, error)) return true;
  const std::string location = response.Header("location");
  const BucketAddress here = attempt.elsewhere.value_or(CurrentAddress());
  const size_t colon = location.find("://");
  if (!redirect || colon == std::string::npos) return false;
  BucketAddress there = here;
  there.scheme = location.substr(0, colon);
  there.host = location.substr(colon + 3, location.find('/', colon + 3) - colon - 3);
  const bool weaker = here.scheme == "https" && there.scheme != "https";
  if (weaker || there.host.empty()) return false;
  const std::string bucket = Concat(options_.bucket, ".");
  there.bucket_in_host = there.host.starts_with(bucket);
  if (there.bucket_in_host) there.host.erase(0, bucket.size());
  attempt.elsewhere = std::move(there);
  return true;
}

bool BucketClient::KeysRenewed(Attempt& attempt, const s3wire::ErrorDocument& error,
                               const CallOptions& call) {
  const http::Response& response = attempt.call->response;
  const bool said = error.code == "ExpiredToken" || error.code == "ExpiredTokenException" ||
                    error.code == "TokenRefreshRequired" || error.code == "InvalidToken";
  // Stores use several codes for keys that were taken away. Some (Ceph) only deny access, and
  // answers to HEAD have no code.
  const bool perhaps = response.status == 401 || response.status == 403 ||
                       (attempt.call->method == "HEAD" && response.status == 400);
  if ((!said && !perhaps) || attempt.keys_renewed || options_.credentials.anonymous) return false;
  if (!said && !credentials_->Renew(attempt.keys, call)) return false;
  if (said) credentials_->Forget(attempt.keys);
  attempt.keys_renewed = true;
  return true;
}

bool BucketClient::ClockSet(Attempt& attempt, const s3wire::ErrorDocument& error) {
  const http::Response& response = attempt.call->response;
  const bool said = error.code == "RequestTimeTooSkewed" || error.code == "RequestExpired";
  const bool silent = attempt.call->method == "HEAD" && response.status == 403;
  const std::optional<int64_t> store_ns = s3wire::ParseHttpTime(response.Header("date"));
  if ((!said && !silent) || !store_ns || attempt.clock_set) return false;
  const int64_t offset = *store_ns - clock_.WallNs();
  attempt.clock_set = true;
  // Another request may have set the offset since this one was signed.
  if (std::abs(offset - clock_offset_ns_) < kSkewNs) return said;
  clock_offset_ns_ = offset;
  LogWarning("the clock of ", Endpoint(), " differs from this machine's by ",
             offset / 1'000'000'000, " s: requests are signed with its time");
  return true;
}

}  // namespace

Result<std::unique_ptr<Client>> NewClient(const S3Options& options, const Environment& environment,
                                          Clock& clock) {
  ASSIGN_OR_RETURN(BucketAddress address, AddressOf(options, environment));
  if (options.encryption == Encryption::kCustomer && IsInClear(address)) {
    LogWarning("s3://", options.bucket, ": with tarn.underfs.s3.encryption=CUSTOMER each request ",
               "carries the key, and goes over plain HTTP to ", address.host,
               "; AWS and others refuse that: give an endpoint with https://");
  }
  return std::unique_ptr<Client>(
      std::make_unique<BucketClient>(options, std::move(address), environment, clock));
}

}  // namespace tarn::ufs::s3
