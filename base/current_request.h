#pragma once

// The request that a thread serves. A front end sets it; code that waits far below asks for its
// stop token, so that the wait ends when the caller is killed. Thread-safe: each thread has its
// own.

#include <stop_token>

namespace tarn {

class ServedRequest {
 public:
  virtual ~ServedRequest() = default;
  // Stops when the caller no longer waits for the answer. The serving thread calls it, and only
  // when it is about to wait.
  virtual std::stop_token Stop() = 0;
};

// While it lives, this thread serves `request`.
class ServingRequest {
 public:
  explicit ServingRequest(ServedRequest& request);
  ~ServingRequest();
  ServingRequest(const ServingRequest&) = delete;
  ServingRequest& operator=(const ServingRequest&) = delete;

 private:
  ServedRequest* const outer_;
};

// The stop token of the request that this thread serves. A thread that serves none gets a token
// that never stops.
std::stop_token StopOfRequest();

}  // namespace tarn
