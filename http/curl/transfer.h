#pragma once

// One HTTP exchange while libcurl carries it out. Contract: http/client.h. For one thread at a
// time.

#include <curl/curl.h>

#include <array>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "http/client.h"
#include "http/curl/sockets.h"

namespace tarn::http {

class Transfer {
 public:
  // All outlive it. Resets the results of the exchange.
  Transfer(Exchange& exchange, const Options& options, CURLSH* share, Sockets& sockets);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  CURL* easy() const { return easy_; }
  bool done() const { return done_; }
  void Finish(CURLcode code);
  void GiveUp(const Status& status);
  // Ends a request whose body moves too slowly. The caller calls it at least once a second: a
  // longer pause between two calls does not count as a stall.
  void CheckProgress(MonotonicTime now);
  // When the exchange must be over. If the request may take long, its `budget`, the time from its
  // beginning to the deadline, is counted again from the last byte that moved.
  MonotonicTime EndOf(MonotonicTime deadline, Nanos budget) const;

 private:
  template <typename T>
  void Set(CURLoption option, T value) {
    CHECK(curl_easy_setopt(easy_, option, value) == CURLE_OK);
  }
  void AddHeader(const std::string& line);
  void SetRequest();
  void SetBody();
  void SetOptions(const Options& options, CURLSH* share);
  void SetProxy(const Options& options);
  bool HasContentType() const;
  bool SendsBody() const { return exchange_.request.BodyBytes() > 0; }
  Nanos StallOf(const Options& options) const;
  static int BeforeRequest(void* self, char*, char*, int, int local_port);
  void UseSocket(curl_socket_t socket);
  static size_t GiveBody(char* out, size_t size, size_t count, void* self);
  static int SeekBody(void* self, curl_off_t offset, int origin);
  bool WasSent() const;
  uint64_t MovedBytes();
  void LeaveOutPause(MonotonicTime now);
  Status Failure(CURLcode code) const;

  Exchange& exchange_;
  Sockets& sockets_;
  CURL* const easy_;
  const uint32_t stall_bytes_per_s_;
  const Nanos stall_timeout_;
  curl_slist* headers_ = nullptr;
  bool done_ = false;
  int times_sent_ = 0;
  uint64_t given_bytes_ = 0;  // Bytes of the body that its giver gave.
  curl_socket_t socket_ = CURL_SOCKET_BAD;
  uint64_t acked_bytes_ = 0;  // On that socket, by this and earlier exchanges.
  uint64_t moved_bytes_ = 0;
  uint64_t seen_bytes_ = 0;  // Bytes that had moved at the last look.
  uint64_t window_bytes_ = 0;
  MonotonicTime window_began_ = MonotonicTime::min();  // When the window for a stall began.
  MonotonicTime checked_at_ = MonotonicTime::min();
  std::string by_proxy_;  // For messages.
  std::array<char, CURL_ERROR_SIZE> error_ = {};
};

}  // namespace tarn::http
