#pragma once

#include <gtest/gtest.h>

#include <set>

#include "client/kernel_side.h"

namespace tarn::client {

// Gives out the numbers 1, 2, ... as backing ids. For one thread.
class FakeBacking final : public Backing {
 public:
  Result<int> Register(int descriptor) override {
    EXPECT_GE(descriptor, 0);
    if (refuse) return Status(Code::kUnsupported, "no passthrough here");
    registered.insert(++last);
    return last;
  }
  void Unregister(int backing_id) override { EXPECT_EQ(registered.erase(backing_id), 1u); }

  bool refuse = false;
  int last = 0;
  std::set<int> registered;
};

}  // namespace tarn::client
