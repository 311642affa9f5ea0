#pragma once

// HTTP/1.1 exchanges on libcurl: connections kept alive, several exchanges at once from one thread,
// every one of them ended by deadline, stop token or a stalled peer. Thread-safe; blocks.

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

// Takes the body of a 2xx answer as it comes. What it refuses ends the exchange, with its status.
struct Response;
class BodyTaker {
 public:
  virtual ~BodyTaker() = default;
  // An answer with a body begins; another one may have begun before, if the request was sent again.
  virtual Status Begin(const Response& head) = 0;
  virtual std::span<std::byte> Room() = 0;  // For what comes next; empty: nothing more may come.
  virtual Status Took(size_t bytes) = 0;    // So much of Room() was filled.
};

// Gives the bytes of a request's body, from the start again if the request is sent again.
class BodyGiver {
 public:
  virtual ~BodyGiver() = default;
  virtual Status Give(uint64_t offset_bytes, std::span<std::byte> out) = 0;  // An error ends it.
};

struct Request {
  std::string method = "GET";
  std::string url;  // Sent as it is: dots and slashes in its path are kept.
  Headers headers;
  std::span<const std::byte> body;  // Borrowed until the exchange is over.
  BodyGiver* giver = nullptr;       // Instead of the body; borrowed.
  uint64_t giver_bytes = 0;
  uint64_t BodyBytes() const { return giver != nullptr ? giver_bytes : body.size(); }
  // An answer is wanted as it is stored. Some servers decode it unless they are told that gzip may
  // come; all others are told that it may not.
  bool accepts_gzip = false;
  // A call's deadline is counted again from each byte of the body that moves: only a stall ends it.
  bool may_take_long = false;
  // Where the body of a 2xx answer goes instead of Response::body; empty: there. An answer that
  // is longer is an error.
  std::span<std::byte> sink;
  BodyTaker* taker = nullptr;  // Instead of the sink; borrowed.
  // Of a GET with a taker: if it is not over after so long, `twin` is asked, once, in the thread
  // that performs. Unless it says null the request goes out again beside the first, for the taker
  // it gives. The first whole 2xx answer counts; the other one is dropped wherever it is.
  Nanos twin_after = Nanos::max();
  std::function<BodyTaker*()> twin;
};

struct Response {
  int status = 0;
  Headers headers;  // Names in lower case.
  std::string body;
  size_t sink_bytes = 0;                            // How much of the sink was filled.
  bool body_begun = false;                          // The taker was told.
  bool of_twin = false;                             // It is the twin's, whose taker has the body.
  std::string Header(std::string_view name) const;  // Empty: absent.
};

struct Exchange {
  Request request;
  Response response;
  // kOk: a whole answer came, whatever it says. kUnavailable: try again. kIo: trying again does not
  // help (a certificate that is not trusted, ...). kDeadlineExceeded, kCancelled.
  Status status;
  bool sent = false;                              // The request may have been acted upon.
  bool refused = false;                           // The status is what the taker or the giver said.
  MonotonicTime moved_at = MonotonicTime::min();  // When a byte of the body arrived last.
};

struct Options {
  std::string ca_bundle;  // A file of PEM certificates; empty: the system's.
  std::string proxy;      // "http://host:port"; empty: as the environment says; "none".
  std::string user_agent = "tarn";
  Nanos connect_timeout = std::chrono::seconds(5);
  Nanos stall_timeout = std::chrono::seconds(20);  // Slower than stall_bytes_per_s for so long.
  Nanos get_stall_timeout = Nanos::max();          // The same of GETs, if it is less.
  uint32_t stall_bytes_per_s = 1024;
  bool verify_certificates = true;
};

class Client {
 public:
  virtual ~Client() = default;
  // Carries out all exchanges at the same time; returns when each is over.
  virtual void Perform(std::span<Exchange* const> exchanges, Deadline deadline,
                       const std::stop_token& stop) = 0;
};

std::unique_ptr<Client> NewClient(const Options& options);

}  // namespace tarn::http
