#pragma once

// The request that a thread serves, as far as its waiting goes: a caller that was killed waits no
// longer, and what waits for its sake ends. A front end says which request a thread serves; what
// waits deep below asks for its stop token. Thread-safe: each thread has its own.

#include <stop_token>

namespace tarn {

class ServedRequest {
 public:
  virtual ~ServedRequest() = default;
  // Stops when the caller does not wait for the answer any more. Called by the thread that serves;
  // costs nothing until then.
  virtual std::stop_token Stop() = 0;
};

// For as long as this thread serves `request`.
class ServingRequest {
 public:
  explicit ServingRequest(ServedRequest& request);
  ~ServingRequest();
  ServingRequest(const ServingRequest&) = delete;
  ServingRequest& operator=(const ServingRequest&) = delete;

 private:
  ServedRequest* const outer_;
};

// Of the request that this thread serves. Where it serves none the token never stops.
std::stop_token StopOfRequest();

}  // namespace tarn
