#pragma once

// The sockets of the connections that a lane keeps: libcurl does not say which one an exchange uses
// while it is under way. For one thread at a time; outlives the connections.

#include <curl/curl.h>

#include <set>

namespace tarn::http {

class Sockets {
 public:
  // Makes libcurl open and close the sockets of `easy` through this object.
  void Follow(CURL* easy);
  // CURL_SOCKET_BAD: none.
  curl_socket_t WithLocalPort(int port) const;
  bool Has(curl_socket_t socket) const { return open_.contains(socket); }

 private:
  static curl_socket_t Open(void* self, curlsocktype purpose, struct curl_sockaddr* address);
  static int Close(void* self, curl_socket_t socket);

  std::set<curl_socket_t> open_;
};

}  // namespace tarn::http
