#include "ufs/s3/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <list>

#include "base/mutex.h"
#include "base/strings.h"
#include "ufs/s3/tls_failure.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kMaxBodyBytes = 64 << 20;  // Of answers that are not for a sink.
constexpr long kReceiveBytes = 256 << 10;
constexpr long kSendBytes = 512 << 10;
constexpr int kMaxPollMs = 1000;
constexpr size_t kMaxIdleLanes = 64;

void InitCurlOnce() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(done == CURLE_OK);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

// What all lanes know together: names resolved, TLS sessions to resume.
class Shared {
 public:
  Shared() : share_(curl_share_init()) {
    CHECK(share_ != nullptr);
    curl_share_setopt(share_, CURLSHOPT_LOCKFUNC, Lock);
    curl_share_setopt(share_, CURLSHOPT_UNLOCKFUNC, Unlock);
    curl_share_setopt(share_, CURLSHOPT_USERDATA, this);
    curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(share_, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  }
  ~Shared() { curl_share_cleanup(share_); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  CURLSH* get() const { return share_; }

 private:
  static void Lock(CURL*, curl_lock_data data, curl_lock_access,
                   void* self) NO_THREAD_SAFETY_ANALYSIS {
    static_cast<Shared*>(self)->mutexes_[static_cast<size_t>(data)].lock();
  }
  static void Unlock(CURL*, curl_lock_data data, void* self) NO_THREAD_SAFETY_ANALYSIS {
    static_cast<Shared*>(self)->mutexes_[static_cast<size_t>(data)].unlock();
  }
  std::array<Mutex, CURL_LOCK_DATA_LAST + 1> mutexes_;
  CURLSH* const share_;
};

size_t TakeHeader(char* data, size_t size, size_t count, void* user) {
  auto& response = static_cast<HttpExchange*>(user)->response;
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    response = HttpResponse();  // What came before was "100 Continue" or a proxy's answer.
    const size_t blank = line.find(' ');
    if (blank != std::string_view::npos) {
      std::from_chars(line.data() + blank + 1, line.data() + line.size(), response.status);
    }
    return line.size();
  }
  const size_t colon = line.find(':');
  if (colon != std::string_view::npos) {
    response.headers.emplace_back(Lower(Trimmed(line.substr(0, colon))),
                                  std::string(Trimmed(line.substr(colon + 1))));
  }
  return line.size();
}

// A range ignored once is ignored always.
Status TooLong(const HttpResponse& response) {
  return Status(response.status == 200 ? Code::kIo : Code::kUnavailable,
                "the answer is longer than what was asked for");
}

Status GiveToTaker(HttpExchange& exchange, std::span<const std::byte> bytes) {
  BodyTaker& taker = *exchange.request.taker;
  HttpResponse& response = exchange.response;
  if (!response.body_begun) RETURN_IF_ERROR(taker.Begin(response));
  response.body_begun = true;
  while (!bytes.empty()) {
    const std::span<std::byte> room = taker.Room();
    const size_t size = std::min(room.size(), bytes.size());
    if (size == 0) return TooLong(response);
    std::memcpy(room.data(), bytes.data(), size);
    const Status taken = taker.Took(size);
    exchange.refused = !taken.ok();
    RETURN_IF_ERROR(taken);
    bytes = bytes.subspan(size);
  }
  return OkStatus();
}

size_t TakeBody(char* data, size_t size, size_t count, void* user) {
  auto& exchange = *static_cast<HttpExchange*>(user);
  HttpResponse& response = exchange.response;
  const size_t bytes = size * count;
  if (exchange.request.taker != nullptr && response.status / 100 == 2) {
    exchange.status = GiveToTaker(exchange, std::as_bytes(std::span(data, bytes)));
    return exchange.status.ok() ? bytes : 0;
  }
  if (exchange.request.sink.empty() || response.status / 100 != 2) {
    if (response.body.size() + bytes > kMaxBodyBytes) return 0;
    response.body.append(data, bytes);
    return bytes;
  }
  if (bytes > exchange.request.sink.size() - response.sink_bytes) return 0;
  std::memcpy(exchange.request.sink.data() + response.sink_bytes, data, bytes);
  response.sink_bytes += bytes;
  return bytes;
}

// One exchange under way.
class Transfer {
 public:
  Transfer(HttpExchange& exchange, const HttpOptions& options, CURLSH* share)
      : exchange_(exchange), easy_(curl_easy_init()) {
    CHECK(easy_ != nullptr);
    exchange.response = HttpResponse();
    exchange.status = OkStatus();
    exchange.sent = false;
    exchange.refused = false;
    SetRequest();
    SetOptions(options, share);
  }
  ~Transfer() {
    curl_easy_cleanup(easy_);
    curl_slist_free_all(headers_);
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  CURL* easy() const { return easy_; }
  bool done() const { return done_; }
  void Finish(CURLcode code) {
    done_ = true;
    exchange_.sent = WasSent();
    if (code != CURLE_OK && exchange_.status.ok()) exchange_.status = Failure(code);
  }
  void GiveUp(const Status& status) {
    done_ = true;
    exchange_.sent = WasSent();
    exchange_.status = status;
  }

 private:
  template <typename T>
  void Set(CURLoption option, T value) {
    CHECK(curl_easy_setopt(easy_, option, value) == CURLE_OK);
  }
  void AddHeader(const std::string& line) { headers_ = curl_slist_append(headers_, line.c_str()); }

  void SetRequest() {
    const HttpRequest& request = exchange_.request;
    Set(CURLOPT_URL, request.url.c_str());
    for (const auto& [name, value] : request.headers) {
      AddHeader(value.empty() ? Concat(name, ";") : Concat(name, ": ", value));
    }
    const bool may_have_body = request.method == "PUT" || request.method == "POST";
    if (request.method == "HEAD") Set(CURLOPT_NOBODY, 1L);
    if (may_have_body) {
      for (const char* unwanted : {"Expect:", "Content-Type:"}) {
        if (std::string_view(unwanted) != "Content-Type:" || !HasContentType()) AddHeader(unwanted);
      }
      Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      Set(CURLOPT_POSTFIELDS,
          request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.data()));
      Set(CURLOPT_UPLOAD_BUFFERSIZE, kSendBytes);
    }
    if (request.method != "GET" && request.method != "HEAD") {
      Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    }
    Set(CURLOPT_HTTPHEADER, headers_);
  }

  bool HasContentType() const {
    const Headers& headers = exchange_.request.headers;
    return std::any_of(headers.begin(), headers.end(),
                       [](const auto& header) { return Lower(header.first) == "content-type"; });
  }

  // curl counts in seconds, and takes none for no limit.
  Nanos StallOf(const HttpOptions& options) const {
    const bool get = exchange_.request.method == "GET";
    const Nanos stall =
        get ? std::min(options.stall_timeout, options.get_stall_timeout) : options.stall_timeout;
    return std::max<Nanos>(stall, std::chrono::seconds(1));
  }

  void SetOptions(const HttpOptions& options, CURLSH* share) {
    using std::chrono::duration_cast;
    Set(CURLOPT_SHARE, share);
    Set(CURLOPT_NOSIGNAL, 1L);
    Set(CURLOPT_QUICK_EXIT, 1L);  // What is dropped does not wait for the name it looks up.
    Set(CURLOPT_PATH_AS_IS, 1L);
    Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    Set(CURLOPT_PROTOCOLS_STR, "http,https");
    Set(CURLOPT_BUFFERSIZE, kReceiveBytes);
    Set(CURLOPT_USERAGENT, options.user_agent.c_str());
    Set(CURLOPT_CONNECTTIMEOUT_MS,
        static_cast<long>(
            duration_cast<std::chrono::milliseconds>(options.connect_timeout).count()));
    Set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.stall_bytes_per_s));
    Set(CURLOPT_LOW_SPEED_TIME,
        static_cast<long>(duration_cast<std::chrono::seconds>(StallOf(options)).count()));
    if (!options.ca_bundle.empty()) Set(CURLOPT_CAINFO, options.ca_bundle.c_str());
    if (!options.verify_certificates) {
      Set(CURLOPT_SSL_VERIFYPEER, 0L);
      Set(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (!options.proxy.empty() && options.proxy != "none") {
      // It may begin with a user's name and password.
      by_proxy_ =
          Concat(" (by the proxy ", options.proxy.substr(options.proxy.rfind('@') + 1), ")");
    }
    if (!options.proxy.empty()) {
      Set(CURLOPT_PROXY, options.proxy == "none" ? "" : options.proxy.c_str());
    }
    Set(CURLOPT_ERRORBUFFER, error_.data());
    Set(CURLOPT_HEADERFUNCTION, TakeHeader);
    Set(CURLOPT_HEADERDATA, &exchange_);
    Set(CURLOPT_WRITEFUNCTION, TakeBody);
    Set(CURLOPT_WRITEDATA, &exchange_);
    Set(CURLOPT_PREREQFUNCTION, BeforeRequest);
    Set(CURLOPT_PREREQDATA, this);
    Set(CURLOPT_PRIVATE, this);
  }

  // curl sends a request anew by itself when a kept connection turns out to be closed. A change may
  // have been made by then: whoever asked for it must know.
  static int BeforeRequest(void* self, char*, char*, int, int) {
    auto& transfer = *static_cast<Transfer*>(self);
    const std::string& method = transfer.exchange_.request.method;
    const bool repeatable = method == "GET" || method == "HEAD";
    return transfer.times_sent_++ == 0 || repeatable ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
  }

  // Once a byte of the request is out the server may have acted on it.
  bool WasSent() const {
    if (times_sent_ > 1) return true;
    long bytes = 0;
    return curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK && bytes > 0;
  }

  Status Failure(CURLcode code) const {
    const std::string text = error_[0] == '\0' ? curl_easy_strerror(code) : error_.data();
    switch (code) {
      case CURLE_URL_MALFORMAT:
      case CURLE_UNSUPPORTED_PROTOCOL:
        return Status(Code::kInvalid, Concat("URL ", exchange_.request.url, ": ", text));
      case CURLE_PEER_FAILED_VERIFICATION:
      case CURLE_SSL_CACERT_BADFILE:
      case CURLE_SSL_CERTPROBLEM:
      case CURLE_SSL_CONNECT_ERROR:
        return TlsFailure(code, text);
      case CURLE_COULDNT_CONNECT:
      case CURLE_COULDNT_RESOLVE_PROXY:
        return Status(Code::kUnavailable, Concat(text, by_proxy_));
      case CURLE_WRITE_ERROR:  // The sink was full.
        return TooLong(exchange_.response);
      case CURLE_ABORTED_BY_CALLBACK:
        return Status(Code::kUnavailable, "the connection was closed before the answer");
      default:
        return Status(Code::kUnavailable, text);
    }
  }

  HttpExchange& exchange_;
  CURL* const easy_;
  curl_slist* headers_ = nullptr;
  bool done_ = false;
  int times_sent_ = 0;
  std::string by_proxy_;  // For messages.
  std::array<char, CURL_ERROR_SIZE> error_ = {};
};

// An exchange on its way, and its twin where there is one.
class Race {
 public:
  Race(HttpExchange& exchange, const HttpOptions& options, CURLSH* share, CURLM* multi)
      : exchange_(exchange), options_(options), share_(share), multi_(multi) {
    if (exchange.request.twin && exchange.request.twin_after < Nanos::max()) {
      twin_at_ = SystemClock().Now() + exchange.request.twin_after;
    }
    first_ = Start(exchange);
  }
  ~Race() {
    Drop(first_);
    Drop(second_);
  }
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;

  MonotonicTime twin_at() const { return twin_at_; }
  // To be called after each turn, until it is true.
  bool IsOver() {
    if (first_->done() && (!second_ || IsFinal(exchange_))) return true;
    if (!second_ || !second_->done()) return false;
    const bool counts = IsWhole(twin_) || twin_.refused;
    if (counts) TakeTwin();
    if (counts || first_->done()) return true;
    Drop(second_);
    return false;
  }
  void StartTwin() {
    twin_at_ = MonotonicTime::max();
    BodyTaker* taker = exchange_.request.twin();
    if (taker == nullptr) return;
    twin_.request = exchange_.request;
    twin_.request.taker = taker;
    second_ = Start(twin_);
  }
  void GiveUp(const Status& status) {
    if (!first_->done()) first_->GiveUp(status);
    Drop(second_);
  }

 private:
  std::unique_ptr<Transfer> Start(HttpExchange& exchange) {
    auto transfer = std::make_unique<Transfer>(exchange, options_, share_);
    CHECK(curl_multi_add_handle(multi_, transfer->easy()) == CURLM_OK);
    return transfer;
  }
  void Drop(std::unique_ptr<Transfer>& transfer) {
    if (!transfer) return;
    curl_multi_remove_handle(multi_, transfer->easy());
    transfer.reset();
  }
  static bool IsWhole(const HttpExchange& exchange) {
    return exchange.status.ok() && exchange.response.status / 100 == 2;
  }
  // Another one would say the same, or be refused like it.
  static bool IsFinal(const HttpExchange& exchange) {
    if (!exchange.status.ok()) {
      return exchange.refused || exchange.status.code() != Code::kUnavailable;
    }
    const int status = exchange.response.status;
    return status / 100 <= 4 && status != 408 && status != 429;
  }
  void TakeTwin() {
    exchange_.response = std::move(twin_.response);
    exchange_.response.of_twin = true;
    exchange_.status = twin_.status;
    exchange_.sent = true;
    exchange_.refused = twin_.refused;
  }

  HttpExchange& exchange_;
  HttpExchange twin_;
  const HttpOptions& options_;
  CURLSH* const share_;
  CURLM* const multi_;
  MonotonicTime twin_at_ = MonotonicTime::max();
  std::unique_ptr<Transfer> first_;
  std::unique_ptr<Transfer> second_;
};

// A set of kept connections that one thread at a time uses.
class Lane {
 public:
  Lane() : multi_(curl_multi_init()) { CHECK(multi_ != nullptr); }
  ~Lane() { curl_multi_cleanup(multi_); }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  void Perform(std::span<HttpExchange* const> exchanges, const HttpOptions& options, CURLSH* share,
               const CallOptions& call) {
    std::list<Race> races;
    for (HttpExchange* exchange : exchanges) races.emplace_back(*exchange, options, share, multi_);
    const std::stop_callback wake(call.stop, [this] { curl_multi_wakeup(multi_); });
    Drive(races, call);
  }

 private:
  void Drive(std::list<Race>& races, const CallOptions& call) {
    for (;;) {
      int running = 0;
      CHECK(curl_multi_perform(multi_, &running) == CURLM_OK);
      TakeFinished();
      std::erase_if(races, [](Race& race) { return race.IsOver(); });
      if (races.empty()) return;
      const MonotonicTime now = SystemClock().Now();
      const Nanos left = call.deadline.at() - now;
      if (call.stop.stop_requested()) {
        return GiveUp(races, Status(Code::kCancelled, "call cancelled"));
      }
      if (left <= Nanos::zero()) {
        return GiveUp(races, Status(Code::kDeadlineExceeded, "deadline passed"));
      }
      const Nanos wait = std::min(left, StartTwins(races, now));
      const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(wait).count() + 1;
      curl_multi_poll(multi_, nullptr, 0, static_cast<int>(std::min<int64_t>(ms, kMaxPollMs)),
                      nullptr);
    }
  }

  // Says how long it is until the next.
  static Nanos StartTwins(std::list<Race>& races, MonotonicTime now) {
    MonotonicTime next = MonotonicTime::max();
    for (Race& race : races) {
      if (race.twin_at() <= now) {
        race.StartTwin();
        next = now;  // What was added waits for the next turn.
      }
      next = std::min(next, race.twin_at());
    }
    return next == MonotonicTime::max() ? Nanos::max() : next - now;
  }

  void TakeFinished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
      transfer->Finish(message->data.result);
    }
  }

  static void GiveUp(std::list<Race>& races, const Status& status) {
    for (Race& race : races) race.GiveUp(status);
  }

  CURLM* const multi_;
};

class CurlHttp final : public Http {
 public:
  explicit CurlHttp(const HttpOptions& options) : options_(options) {}

  void Perform(std::span<HttpExchange* const> exchanges, const CallOptions& call) override {
    std::unique_ptr<Lane> lane = TakeLane();
    lane->Perform(exchanges, options_, shared_.get(), call);
    GiveBack(std::move(lane));
  }

 private:
  // Last used first: its connections are the least likely to have been closed.
  std::unique_ptr<Lane> TakeLane() {
    {
      MutexLock lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Lane> lane = std::move(idle_.back());
        idle_.pop_back();
        return lane;
      }
    }
    return std::make_unique<Lane>();
  }
  void GiveBack(std::unique_ptr<Lane> lane) {
    MutexLock lock(mutex_);
    if (idle_.size() < kMaxIdleLanes) idle_.push_back(std::move(lane));
  }

  const HttpOptions options_;
  const Shared shared_;  // Before the lanes, which use it.
  Mutex mutex_;
  std::vector<std::unique_ptr<Lane>> idle_ GUARDED_BY(mutex_);
};

}  // namespace

std::string HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

std::unique_ptr<Http> NewHttp(const HttpOptions& options) {
  InitCurlOnce();
  return std::make_unique<CurlHttp>(options);
}

}  // namespace tarn::ufs::s3
