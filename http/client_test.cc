#include "http/client.h"

#include <gtest/gtest.h>

#include <string>

#include "http/testing/test_server.h"

namespace tarn::http {
namespace {

// A store that needs long for its answer has all bytes by then: that is no stall.
TEST(Client, BytesThatThePeerHasCountAsMovedBeforeTheAnswer) {
  std::stop_source on_new_stop;
  std::stop_source on_kept_stop;
  TestServer server([&](const TestRequest& request) {
    TestReply reply;
    reply.hang = request.path != "/answers";
    if (reply.hang) reply.claimed_bytes = 1;
    if (request.path == "/new") on_new_stop.request_stop();
    if (request.path == "/kept") on_kept_stop.request_stop();
    return reply;
  });
  Options options;
  options.proxy = "none";
  const std::unique_ptr<Client> http = NewClient(options, SystemClock());
  const std::string body(100'000, 'x');
  const auto put = [&](const std::string& path, const std::stop_token& stop) {
    Exchange exchange;
    exchange.request.method = "PUT";
    exchange.request.url = server.Url() + path;
    exchange.request.body = std::as_bytes(std::span(body.data(), body.size()));
    Exchange* const one = &exchange;
    http->Perform(std::span(&one, 1), Deadline::Never(), stop);
    return exchange;
  };
  const Exchange on_new = put("/new", on_new_stop.get_token());
  EXPECT_EQ(on_new.status.code(), Code::kCancelled) << on_new.status.ToString();
  EXPECT_GT(on_new.moved_at, MonotonicTime::min());
  EXPECT_EQ(put("/answers", {}).response.status, 200);
  const Exchange on_kept = put("/kept", on_kept_stop.get_token());
  EXPECT_EQ(on_kept.status.code(), Code::kCancelled) << on_kept.status.ToString();
  EXPECT_GT(on_kept.moved_at, MonotonicTime::min());
  EXPECT_EQ(server.Connections(), 2u) << "the last request went by a kept connection";
}

}  // namespace
}  // namespace tarn::http
