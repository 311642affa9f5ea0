#include "http/curl/transfer.h"

#include <gtest/gtest.h>

namespace tarn::http {
namespace {

using std::chrono::seconds;

// An upload that is never performed, so no byte of it moves.
class StalledUpload : public testing::Test {
 protected:
  StalledUpload() {
    exchange_.request.method = "PUT";
    exchange_.request.url = "http://127.0.0.1:9/";
    exchange_.request.body = std::as_bytes(std::span("body", 4));
    options_.stall_timeout = seconds(20);
    transfer_ = std::make_unique<Transfer>(exchange_, options_, nullptr, sockets_);
  }
  // Checks the progress once a second, for so many seconds.
  void Watch(int seconds_long) {
    for (int i = 0; i < seconds_long; ++i) transfer_->CheckProgress(now_ += seconds(1));
  }

  Exchange exchange_;
  Options options_;
  Sockets sockets_;
  std::unique_ptr<Transfer> transfer_;
  MonotonicTime now_{std::chrono::hours(1)};
};

TEST_F(StalledUpload, IsGivenUpAfterTheTimeout) {
  Watch(20);
  EXPECT_FALSE(transfer_->done());
  Watch(1);
  EXPECT_TRUE(transfer_->done());
  EXPECT_EQ(exchange_.status.code(), Code::kUnavailable);
}

TEST_F(StalledUpload, DoesNotCountTheTimeInWhichThisProcessDidNotRun) {
  Watch(10);
  now_ += std::chrono::minutes(5);
  Watch(8);
  EXPECT_FALSE(transfer_->done());
  Watch(5);
  EXPECT_TRUE(transfer_->done());
}

}  // namespace
}  // namespace tarn::http
