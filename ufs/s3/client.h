#pragma once

// Requests to one bucket: addressed, signed, tried again where that helps, within a budget of
// requests under way that adapts to what the store can take. Internal to ufs/s3. Thread-safe;
// blocks.

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "http/client.h"
#include "s3wire/sigv4.h"
#include "ufs/s3_options.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

// One request and what came of it.
struct S3Call {
  std::string what;       // For messages: "read s3://bucket/key [0,100)".
  std::string method;     // Everything but GET and HEAD counts as a change.
  std::string key;        // The whole S3 key; empty: the bucket itself.
  bool of_store = false;  // About no bucket: the list of them.
  sigv4::Pairs query;
  sigv4::Pairs headers;
  std::span<const std::byte> body;   // Borrowed, like `sink`, until Run returns.
  http::BodyGiver* giver = nullptr;  // As http::Request::giver, with its number of bytes,
  uint64_t giver_bytes = 0;
  std::string payload_sha256;        // and their SHA-256 in hexadecimal, if Client::SignsPayloads.
  bool accepts_gzip = false;         // As http::Request::accepts_gzip.
  bool may_take_long = false;        // As http::Request::may_take_long.
  std::span<std::byte> sink;         // As http::Request::sink.
  http::BodyTaker* taker = nullptr;  // As http::Request::taker.
  // Of a GET with a taker, which gets so many bytes: one more taker, for the same request sent a
  // second time because the first takes longer than others did. The last one given counts where
  // response.of_twin says so.
  std::function<http::BodyTaker*()> twin;
  uint64_t wanted_bytes = 0;
  // A change that nobody sees before another one: it matters to none whether it was made.
  bool unseen = false;
  // Asked before a change that may have been made is sent again: true ends it with kMaybeCommitted,
  // so that the caller settles what is there. Null: it is sent again.
  std::function<bool()> was_made;
  bool repeated = false;  // It was sent again after an attempt that may have made the change.

  http::Response response;  // The last one.
  // kOk: 2xx. Otherwise as Judge says, with bucket, key, HTTP status, the store's words and request
  // id; kMaybeCommitted: a change whose answer was lost; kDeadlineExceeded, kCancelled.
  Status status;
  std::string error;  // The store's code: "NoSuchKey".
  // The store knows no such requests, or does not take this one.
  bool IsUnknownThere() const {
    return status.code() == Code::kUnsupported ||
           (status.code() == Code::kIo && response.status / 100 == 4);
  }
  bool unknown = false;  // An attempt may have made the change though its answer was lost.
};

class Client {
 public:
  virtual ~Client() = default;
  // All at the same time, as far as the budget goes.
  virtual void Run(std::span<S3Call> calls, const CallOptions& call) = 0;
  virtual std::string Uri(std::string_view key) const = 0;  // "s3://bucket/key"
  virtual std::string Endpoint() const = 0;                 // "http://127.0.0.1:9000"
  virtual bool SignsPayloads() const = 0;
  virtual bool IsAws() const = 0;
};

// kInvalid: as PlaceOf. `clock` outlives it.
Result<std::unique_ptr<Client>> NewClient(const S3Options& options, const Environment& environment,
                                          Clock& clock);

}  // namespace tarn::ufs::s3
