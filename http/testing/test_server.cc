#include "http/testing/test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "base/strings.h"

namespace tarn::http {
namespace {

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

// Nullopt: the client has gone.
std::optional<TestRequest> ReadRequest(int socket, std::string& buffer) {
  TestRequest request;
  size_t end = std::string::npos;
  const auto more = [&] {
    char chunk[65536];
    const ssize_t got = recv(socket, chunk, sizeof chunk, 0);
    if (got > 0) buffer.append(chunk, static_cast<size_t>(got));
    return got > 0;
  };
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return std::nullopt;
  }
  std::string head = buffer.substr(0, end + 2);
  buffer.erase(0, end + 4);
  const size_t blank = head.find(' ');
  const size_t second = head.find(' ', blank + 1);
  request.method = head.substr(0, blank);
  request.path = head.substr(blank + 1, second - blank - 1);
  const size_t question = request.path.find('?');
  if (question != std::string::npos) request.query = request.path.substr(question + 1);
  request.path = request.path.substr(0, question);
  for (size_t at = head.find("\r\n") + 2; at < head.size();) {
    const size_t line_end = head.find("\r\n", at);
    const size_t colon = head.find(':', at);
    request.headers[Lower(head.substr(at, colon - at))] =
        std::string(Trimmed(head.substr(colon + 1, line_end - colon - 1)));
    at = line_end + 2;
  }
  const auto length = request.headers.find("content-length");
  const size_t size = length == request.headers.end() ? 0 : std::stoul(length->second);
  while (buffer.size() < size) {
    if (!more()) return std::nullopt;
  }
  request.body = buffer.substr(0, size);
  buffer.erase(0, size);
  return request;
}

bool SendAll(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = send(socket, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    text.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

void WaitUntilClosed(int socket) {
  char byte = 0;
  while (recv(socket, &byte, 1, 0) > 0) {
  }
}

}  // namespace

struct TestServer::Threads {
  std::jthread acceptor;
  std::list<std::jthread> serving;
};

TestServer::TestServer(Handler handler)
    : handler_(std::move(handler)), threads_(std::make_unique<Threads>()) {
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  CHECK(listen(listener_, 64) == 0);
  CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  threads_->acceptor = std::jthread([this] { Accept(); });
}

TestServer::~TestServer() {
  stopping_ = true;
  shutdown(listener_, SHUT_RDWR);
  threads_->acceptor.join();
  {
    MutexLock lock(mutex_);
    for (const int one : sockets_) shutdown(one, SHUT_RDWR);
  }
  threads_->serving.clear();
  close(listener_);
}

std::string TestServer::Host() const { return Concat("127.0.0.1:", port_); }

std::vector<TestRequest> TestServer::Requests() const {
  MutexLock lock(mutex_);
  return requests_;
}

void TestServer::Accept() {
  for (;;) {
    const int one = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (one < 0) return;
    ++connections_;
    MutexLock lock(mutex_);
    sockets_.push_back(one);
    threads_->serving.emplace_back([this, one] { Serve(one); });
  }
}

void TestServer::Serve(int socket) {
  std::string buffer;
  while (!stopping_) {
    const std::optional<TestRequest> request = ReadRequest(socket, buffer);
    if (!request || !Answer(socket, *request)) break;
  }
  MutexLock lock(mutex_);
  sockets_.remove(socket);
  close(socket);
}

bool TestServer::Answer(int socket, const TestRequest& request) {
  TestReply reply;
  {
    MutexLock lock(mutex_);
    requests_.push_back(request);
    reply = handler_(request);
  }
  while (reply.holds_until && !reply.holds_until() && !stopping_) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  std::this_thread::sleep_for(reply.delay);
  if (reply.drop) return false;
  std::string text = Concat("HTTP/1.1 ", reply.status, " Scripted\r\n");
  bool has_length = false;
  for (const auto& [name, value] : reply.headers) {
    text += Concat(name, ": ", value, "\r\n");
    has_length = has_length || Lower(name) == "content-length";
  }
  const bool body = request.method != "HEAD";
  if (!has_length && !reply.no_length) {
    text += Concat("Content-Length: ", reply.claimed_bytes.value_or(reply.body.size()), "\r\n");
  }
  text += Concat("\r\n", body ? reply.body : std::string());
  if (!SendAll(socket, text)) return false;
  if (reply.hang) WaitUntilClosed(socket);
  if (reply.reset) {
    const linger at_once = {1, 0};
    setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return false;
  }
  if (reply.no_length && body) return false;  // The connection's end is the body's.
  return !reply.hang && (!reply.claimed_bytes || *reply.claimed_bytes == reply.body.size());
}

}  // namespace tarn::http
