#pragma once

// HTTP/1.1 exchanges on libcurl. Connections are kept. One thread may run several exchanges at
// once. A deadline, a stop token or a stalled peer ends each exchange. Thread-safe; blocks.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace tarn::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Response;
// Takes the body of a 2xx answer as it comes. An error that it returns ends the exchange.
class BodyTaker {
 public:
  virtual ~BodyTaker() = default;
  // An answer with a body begins. If the request was sent again, another one may have begun before.
  virtual Status Begin(const Response& head) = 0;
  // Memory for the next bytes; empty: no more bytes may come.
  virtual std::span<std::byte> Room() = 0;
  virtual Status Took(size_t bytes) = 0;  // So many bytes of Room() were filled.
};

// Gives the bytes of a request's body. If the request is sent again, it begins again at 0.
class BodyGiver {
 public:
  virtual ~BodyGiver() = default;
  // An error ends the exchange.
  virtual Status Give(uint64_t offset_bytes, std::span<std::byte> out) = 0;
};

struct Request {
  std::string method = "GET";
  std::string url;  // Sent as it is: dots and slashes in its path are kept.
  Headers headers;
  std::span<const std::byte> body;  // Borrowed until the exchange is over.
  BodyGiver* giver = nullptr;       // In place of the body; borrowed.
  uint64_t giver_bytes = 0;
  uint64_t BodyBytes() const { return giver != nullptr ? giver_bytes : body.size(); }
  // Sends Accept-Encoding: gzip, in place of identity. Some servers decode a stored object unless
  // the client accepts gzip. The client itself decodes nothing.
  bool accepts_gzip = false;
  // The time to the deadline is counted again from each byte of the body that moves, so only a
  // stall ends the request.
  bool may_take_long = false;
  // Gets the body of a 2xx answer; empty: Response::body gets it. A longer answer is an error.
  std::span<std::byte> sink;
  BodyTaker* taker = nullptr;  // In place of the sink; borrowed.
  // For a GET with a taker. If it is not over after so long, the performing thread calls `twin`
  // once. Unless that returns null, the client sends the request a second time beside the first,
  // for the taker that it returned. The first whole 2xx answer counts; the other request is
  // dropped.
  Nanos twin_after = Nanos::max();
  std::function<BodyTaker*()> twin;
};

struct Response {
  int status = 0;
  Headers headers;  // Names in lower case.
  std::string body;
  size_t sink_bytes = 0;    // How many bytes of the sink were filled.
  bool body_begun = false;  // BodyTaker::Begin was called.
  bool of_twin = false;     // The twin's answer counts, and the taker of the twin has the body.
  std::string Header(std::string_view name) const;  // Empty: absent.
};

struct Exchange {
  Request request;
  Response response;
  // kOk: a whole answer came, of any HTTP status. kUnavailable: a retry may help. kIo: a retry does
  // not help (an untrusted certificate, ...). kDeadlineExceeded, kCancelled.
  Status status;
  bool sent = false;                              // The server may have acted on the request.
  bool unknown_host = false;                      // With kUnavailable: its host has no IP address.
  bool refused = false;                           // The taker or the giver returned the status.
  MonotonicTime moved_at = MonotonicTime::min();  // When the last byte of the body moved.
};

struct Options {
  std::string ca_bundle;  // A file of PEM certificates; empty: the system's.
  std::string proxy;      // "http://host:port", or "none"; empty: what the environment says.
  std::string user_agent = "tarn";
  Nanos connect_timeout = std::chrono::seconds(5);
  // A request that moves fewer than stall_bytes_per_s for so long has stalled.
  Nanos stall_timeout = std::chrono::seconds(20);
  Nanos get_stall_timeout = Nanos::max();  // Counts for GETs if it is less.
  uint32_t stall_bytes_per_s = 1024;
  bool verify_certificates = true;
};

class Client {
 public:
  virtual ~Client() = default;
  // Carries out all exchanges at once, and returns when all are over.
  virtual void Perform(std::span<Exchange* const> exchanges, Deadline deadline,
                       const std::stop_token& stop) = 0;
};

// `clock` outlives it.
std::unique_ptr<Client> NewClient(const Options& options, const Clock& clock);

}  // namespace tarn::http
