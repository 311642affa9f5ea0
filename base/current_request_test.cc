#include "base/current_request.h"

#include <gtest/gtest.h>

#include <thread>

namespace tarn {
namespace {

class Stoppable final : public ServedRequest {
 public:
  std::stop_token Stop() override { return source.get_token(); }
  std::stop_source source;
};

TEST(CurrentRequest, AThreadThatServesNoneIsNeverStopped) {
  EXPECT_FALSE(StopOfRequest().stop_possible());
}

TEST(CurrentRequest, EachThreadHasItsOwn) {
  Stoppable outer;
  Stoppable inner;
  const ServingRequest serving(outer);
  {
    const ServingRequest nested(inner);
    inner.source.request_stop();
    EXPECT_TRUE(StopOfRequest().stop_requested());
  }
  EXPECT_FALSE(StopOfRequest().stop_requested()) << "the outer one goes on";
  bool possible = true;
  std::jthread([&] { possible = StopOfRequest().stop_possible(); }).join();
  EXPECT_FALSE(possible);
}

}  // namespace
}  // namespace tarn
