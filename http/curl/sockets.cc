#include "http/curl/sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace tarn::http {
namespace {

int LocalPort(int socket) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return -1;
  if (address.ss_family == AF_INET) {
    sockaddr_in four = {};
    std::memcpy(&four, &address, sizeof four);
    return ntohs(four.sin_port);
  }
  sockaddr_in6 six = {};
  if (address.ss_family == AF_INET6) std::memcpy(&six, &address, sizeof six);
  return ntohs(six.sin6_port);
}

}  // namespace

void Sockets::Follow(CURL* easy) {
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, Open);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, this);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, Close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
}

curl_socket_t Sockets::WithLocalPort(int port) const {
  for (const curl_socket_t socket : open_) {
    if (LocalPort(socket) == port) return socket;
  }
  return CURL_SOCKET_BAD;
}

curl_socket_t Sockets::Open(void* self, curlsocktype, struct curl_sockaddr* address) {
  const curl_socket_t opened =
      socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (opened != CURL_SOCKET_BAD) static_cast<Sockets*>(self)->open_.insert(opened);
  return opened;
}

int Sockets::Close(void* self, curl_socket_t socket) {
  static_cast<Sockets*>(self)->open_.erase(socket);
  return close(socket);
}

}  // namespace tarn::http
