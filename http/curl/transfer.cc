#include "http/curl/transfer.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "http/curl/tls_failure.h"

namespace tarn::http {
namespace {

constexpr size_t kMaxBodyBytes = 64 << 20;  // For answers without a sink.
constexpr long kReceiveBytes = 256 << 10;
constexpr long kSendBytes = 512 << 10;
// The longest time between two looks of a process that runs.
constexpr Nanos kLongestTurn = std::chrono::seconds(2);

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return lower;
}

size_t TakeHeader(char* data, size_t size, size_t count, void* user) {
  auto& response = static_cast<Exchange*>(user)->response;
  const std::string_view line(data, size * count);
  if (line.starts_with("HTTP/")) {
    response = Response();  // Drops the head of "100 Continue" or of a proxy's answer.
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

// A server that ignored a range once ignores it always.
Status TooLong(const Response& response) {
  return Status(
      response.status == 200 ? Code::kIo : Code::kUnavailable,
      response.status == 200
          ? "the answer is longer than what was asked for; perhaps the store ignores Range"
          : "the answer is longer than what was asked for");
}

Status GiveToTaker(Exchange& exchange, std::span<const std::byte> bytes) {
  BodyTaker& taker = *exchange.request.taker;
  Response& response = exchange.response;
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
  auto& exchange = *static_cast<Exchange*>(user);
  Response& response = exchange.response;
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

// How many bytes of all that was sent on this connection the peer has acknowledged.
std::optional<uint64_t> AckedBytes(curl_socket_t socket) {
  tcp_info info = {};
  socklen_t size = sizeof info;
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return info.tcpi_bytes_acked;
}

}  // namespace

Transfer::Transfer(Exchange& exchange, const Options& options, CURLSH* share, Sockets& sockets)
    : exchange_(exchange),
      sockets_(sockets),
      easy_(curl_easy_init()),
      stall_bytes_per_s_(options.stall_bytes_per_s),
      stall_timeout_(StallOf(options)) {
  CHECK(easy_ != nullptr);
  exchange.response = Response();
  exchange.status = OkStatus();
  exchange.sent = false;
  exchange.refused = false;
  exchange.moved_at = MonotonicTime::min();
  sockets.Follow(easy_);
  SetRequest();
  SetOptions(options, share);
}

Transfer::~Transfer() {
  curl_easy_cleanup(easy_);
  curl_slist_free_all(headers_);
}

void Transfer::Finish(CURLcode code) {
  done_ = true;
  exchange_.sent = WasSent();
  exchange_.unknown_host = code == CURLE_COULDNT_RESOLVE_HOST;
  if (code != CURLE_OK && exchange_.status.ok()) exchange_.status = Failure(code);
}

void Transfer::GiveUp(const Status& status) {
  done_ = true;
  exchange_.sent = WasSent();
  exchange_.status = status;
}

void Transfer::AddHeader(const std::string& line) {
  headers_ = curl_slist_append(headers_, line.c_str());
}

void Transfer::SetRequest() {
  const Request& request = exchange_.request;
  Set(CURLOPT_URL, request.url.c_str());
  for (const auto& [name, value] : request.headers) {
    AddHeader(value.empty() ? Concat(name, ";") : Concat(name, ": ", value));
  }
  // This header is never signed: some proxies change it.
  AddHeader(request.accepts_gzip ? "Accept-Encoding: gzip" : "Accept-Encoding: identity");
  const bool may_have_body = request.method == "PUT" || request.method == "POST";
  if (request.method == "HEAD") Set(CURLOPT_NOBODY, 1L);
  if (may_have_body) SetBody();
  if (request.method != "GET" && request.method != "HEAD") {
    Set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  Set(CURLOPT_HTTPHEADER, headers_);
}

void Transfer::SetBody() {
  const Request& request = exchange_.request;
  AddHeader("Expect:");
  if (!HasContentType()) AddHeader("Content-Type:");
  Set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.BodyBytes()));
  Set(CURLOPT_UPLOAD_BUFFERSIZE, kSendBytes);
  if (request.giver != nullptr) {
    Set(CURLOPT_POST, 1L);
    Set(CURLOPT_READFUNCTION, GiveBody);
    Set(CURLOPT_READDATA, this);
    Set(CURLOPT_SEEKFUNCTION, SeekBody);
    Set(CURLOPT_SEEKDATA, this);
    return;
  }
  Set(CURLOPT_POSTFIELDS,
      request.body.empty() ? "" : reinterpret_cast<const char*>(request.body.data()));
}

size_t Transfer::GiveBody(char* out, size_t size, size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  const uint64_t left = transfer.exchange_.request.giver_bytes - transfer.given_bytes_;
  const size_t bytes = std::min<uint64_t>(left, size * count);
  if (bytes == 0) return 0;
  const Status given = transfer.exchange_.request.giver->Give(
      transfer.given_bytes_, std::as_writable_bytes(std::span(out, bytes)));
  if (!given.ok()) {
    transfer.exchange_.status = given;
    transfer.exchange_.refused = true;
    return CURL_READFUNC_ABORT;
  }
  transfer.given_bytes_ += bytes;
  return bytes;
}

int Transfer::SeekBody(void* self, curl_off_t offset, int origin) {
  if (origin != SEEK_SET || offset < 0) return CURL_SEEKFUNC_CANTSEEK;
  static_cast<Transfer*>(self)->given_bytes_ = static_cast<uint64_t>(offset);
  return CURL_SEEKFUNC_OK;
}

bool Transfer::HasContentType() const {
  const Headers& headers = exchange_.request.headers;
  return std::any_of(headers.begin(), headers.end(),
                     [](const auto& header) { return Lower(header.first) == "content-type"; });
}

// curl counts in seconds, and takes 0 for no limit.
Nanos Transfer::StallOf(const Options& options) const {
  const bool get = exchange_.request.method == "GET";
  const Nanos stall =
      get ? std::min(options.stall_timeout, options.get_stall_timeout) : options.stall_timeout;
  return std::max<Nanos>(stall, std::chrono::seconds(1));
}

void Transfer::SetOptions(const Options& options, CURLSH* share) {
  using std::chrono::duration_cast;
  Set(CURLOPT_SHARE, share);
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_QUICK_EXIT, 1L);  // A dropped transfer does not wait for its name lookup.
  Set(CURLOPT_PATH_AS_IS, 1L);
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_BUFFERSIZE, kReceiveBytes);
  Set(CURLOPT_USERAGENT, options.user_agent.c_str());
  Set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(duration_cast<std::chrono::milliseconds>(options.connect_timeout).count()));
  // curl counts bytes that wait in the kernel as sent. CheckProgress looks past that.
  if (!SendsBody()) {
    Set(CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(options.stall_bytes_per_s));
    Set(CURLOPT_LOW_SPEED_TIME,
        static_cast<long>(duration_cast<std::chrono::seconds>(stall_timeout_).count()));
  }
  if (!options.ca_bundle.empty()) Set(CURLOPT_CAINFO, options.ca_bundle.c_str());
  if (!options.verify_certificates) {
    Set(CURLOPT_SSL_VERIFYPEER, 0L);
    Set(CURLOPT_SSL_VERIFYHOST, 0L);
  }
  SetProxy(options);
  Set(CURLOPT_ERRORBUFFER, error_.data());
  Set(CURLOPT_HEADERFUNCTION, TakeHeader);
  Set(CURLOPT_HEADERDATA, &exchange_);
  Set(CURLOPT_WRITEFUNCTION, TakeBody);
  Set(CURLOPT_WRITEDATA, &exchange_);
  Set(CURLOPT_PREREQFUNCTION, BeforeRequest);
  Set(CURLOPT_PREREQDATA, this);
  Set(CURLOPT_PRIVATE, this);
}

void Transfer::SetProxy(const Options& options) {
  if (options.proxy.empty()) return;
  Set(CURLOPT_PROXY, options.proxy == "none" ? "" : options.proxy.c_str());
  if (options.proxy == "none") return;
  // The proxy may begin with a user's name and password.
  by_proxy_ = Concat(" (by the proxy ", options.proxy.substr(options.proxy.rfind('@') + 1), ")");
}

// curl repeats a request by itself when a kept connection turns out to be closed. A change may have
// been made by then, and the caller must know.
int Transfer::BeforeRequest(void* self, char*, char*, int, int local_port) {
  auto& transfer = *static_cast<Transfer*>(self);
  transfer.UseSocket(transfer.sockets_.WithLocalPort(local_port));
  const std::string& method = transfer.exchange_.request.method;
  const bool repeatable = method == "GET" || method == "HEAD";
  return transfer.times_sent_++ == 0 || repeatable ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

// Once one byte of the request is out, the server may have acted on it.
bool Transfer::WasSent() const {
  if (times_sent_ > 1) return true;
  long bytes = 0;
  return curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK && bytes > 0;
}

// Earlier requests on the same connection do not count.
void Transfer::UseSocket(curl_socket_t socket) {
  socket_ = socket;
  acked_bytes_ = AckedBytes(socket).value_or(0);
}

// Bytes that the peer's machine has, and bytes that came from it. Bytes in this kernel's send
// buffer have not moved.
uint64_t Transfer::MovedBytes() {
  curl_off_t received = 0;
  curl_easy_getinfo(easy_, CURLINFO_SIZE_DOWNLOAD_T, &received);
  const std::optional<uint64_t> acked = sockets_.Has(socket_) ? AckedBytes(socket_) : std::nullopt;
  if (acked && *acked > acked_bytes_) moved_bytes_ += *acked - std::exchange(acked_bytes_, *acked);
  return moved_bytes_ + static_cast<uint64_t>(received);
}

void Transfer::CheckProgress(MonotonicTime now) {
  if (done_ || !SendsBody()) return;
  LeaveOutPause(now);
  const uint64_t moved = MovedBytes();
  if (moved > seen_bytes_) exchange_.moved_at = now;
  seen_bytes_ = moved;
  if (window_began_ == MonotonicTime::min()) window_began_ = now;
  if (now - window_began_ < stall_timeout_) return;
  const auto seconds = std::chrono::duration<double>(now - window_began_).count();
  const double least = seconds * stall_bytes_per_s_;
  if (static_cast<double>(moved - window_bytes_) < least) {
    return GiveUp(Status(Code::kUnavailable,
                         Concat("the connection carried less than ", stall_bytes_per_s_,
                                " bytes a second for ", static_cast<int64_t>(seconds), " s")));
  }
  window_began_ = now;
  window_bytes_ = moved;
}

// Leaves out the time in which this process did not run (the machine was busy, or asleep): the peer
// might have taken more then.
void Transfer::LeaveOutPause(MonotonicTime now) {
  const MonotonicTime before = std::exchange(checked_at_, now);
  if (before == MonotonicTime::min() || now - before <= kLongestTurn) return;
  window_began_ += now - before - kLongestTurn;
}

MonotonicTime Transfer::EndOf(MonotonicTime deadline, Nanos budget) const {
  const bool moves = exchange_.request.may_take_long && exchange_.moved_at > MonotonicTime::min();
  if (!moves || deadline == MonotonicTime::max()) return deadline;
  return std::max(deadline, exchange_.moved_at + budget);
}

Status Transfer::Failure(CURLcode code) const {
  const std::string text = error_[0] == '\0' ? curl_easy_strerror(code) : error_.data();
  switch (code) {
    case CURLE_UNSUPPORTED_PROTOCOL:
      // The bytes are no HTTP, for instance a body after the answer to a HEAD.
      if (WasSent()) return Status(Code::kUnavailable, text);
      [[fallthrough]];
    case CURLE_URL_MALFORMAT:
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

}  // namespace tarn::http
