#pragma once

// A tiny HTTP server in this process. A test scripts its answers, faults included.

#include <atomic>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"

namespace tarn::http {

struct TestRequest {
  std::string method;
  std::string path;                            // Encoded, without the query.
  std::string query;                           // Encoded.
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
  bool Asks(const std::string& parameter) const {
    return query.find(parameter) != std::string::npos;
  }
};

struct TestReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  // Faults.
  // Waits before the answer until it is true; other requests go on.
  std::function<bool()> holds_until = {};
  Nanos delay = Nanos::zero();               // Waits then.
  std::optional<size_t> claimed_bytes = {};  // The Content-Length of the answer.
  bool no_length = false;                    // The answer has no Content-Length.
  bool reset = false;                        // The connection is reset after the body.
  bool drop = false;                         // It is closed without any answer.
  bool hang = false;                         // No more bytes come until the client goes away.
};

class TestServer {
 public:
  using Handler = std::function<TestReply(const TestRequest&)>;
  // The handler runs in many threads, under one mutex.
  explicit TestServer(Handler handler);
  ~TestServer();
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  std::string Host() const;  // "127.0.0.1:40001"
  std::string Url() const { return "http://" + Host(); }
  std::vector<TestRequest> Requests() const;  // All so far, in order.
  size_t Connections() const { return connections_; }

 private:
  struct Threads;
  void Accept();
  void Serve(int socket);
  bool Answer(int socket, const TestRequest& request);

  const Handler handler_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<size_t> connections_ = 0;
  mutable Mutex mutex_;
  std::vector<TestRequest> requests_ GUARDED_BY(mutex_);
  std::list<int> sockets_ GUARDED_BY(mutex_);
  std::unique_ptr<Threads> threads_;
};

}  // namespace tarn::http
