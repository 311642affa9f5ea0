#pragma once

// Requests to one bucket: the client addresses, signs and retries them. The number of requests
// under way adapts to what the store can take. Thread-safe; blocks on the store.

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

// One request and its outcome.
struct S3Call {
  std::string what;       // For messages: "read s3://bucket/key [0,100)".
  std::string method;     // Everything but GET and HEAD counts as a change.
  std::string key;        // The whole S3 key; empty: the bucket itself.
  bool of_store = false;  // The request is about the list of buckets, not about one bucket.
  sigv4::Pairs query;
  sigv4::Pairs headers;
  // The members that http::Request has too mean the same there. The caller owns what they refer to
  // until Run returns.
  std::span<const std::byte> body;
  http::BodyGiver* giver = nullptr;
  uint64_t giver_bytes = 0;
  std::string payload_sha256;  // The giver's bytes, in hexadecimal, if Client::SignsPayloads.
  bool accepts_gzip = false;
  bool may_take_long = false;
  std::span<std::byte> sink;
  http::BodyTaker* taker = nullptr;
  // For a GET with a taker: makes a taker for a second request, which the client sends if the first
  // takes longer than others did. response.of_twin says whether the body went to the taker made
  // last.
  std::function<http::BodyTaker*()> twin;
  uint64_t wanted_bytes = 0;  // What the taker gets.
  // A lost answer to this change does not matter: the change has no effect that a reader sees
  // before a later request (a part before its completion), or may be made twice.
  bool harmless_to_repeat = false;
  // The client calls it before it repeats a change that may have been made. True: it was made, and
  // the call ends with kMaybeCommitted, so that the caller settles what is there. Null: repeat.
  std::function<bool()> was_made;
  bool repeated = false;  // It was sent again after an attempt that may have made the change.

  http::Response response;  // The last one.
  // kOk: 2xx. Otherwise the code that Judge gives, with bucket, key, HTTP status, the store's words
  // and request id; kMaybeCommitted: a change whose answer was lost; kDeadlineExceeded, kCancelled.
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
  // Sends all requests at once, as far as the budget goes.
  virtual void Run(std::span<S3Call> calls, const CallOptions& call) = 0;
  virtual std::string Uri(std::string_view key) const = 0;  // "s3://bucket/key"
  virtual std::string Endpoint() const = 0;                 // "http://127.0.0.1:9000"
  virtual bool SignsPayloads() const = 0;
  virtual bool IsAws() const = 0;
};

// kInvalid: AddressOf makes no address of the options. `clock` outlives it.
Result<std::unique_ptr<Client>> NewClient(const S3Options& options, const Environment& environment,
                                          Clock& clock);

}  // namespace tarn::ufs::s3
