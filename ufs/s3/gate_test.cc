#include "ufs/s3/gate.h"

#include <gtest/gtest.h>

#include <utility>

namespace tarn::ufs::s3 {
namespace {

CallOptions AtOnce() { return {Deadline::After(SystemClock(), Nanos::zero()), {}}; }

TEST(Gate, NeitherKindOfRequestTakesTheLastOfTheOther) {
  for (const auto& [first, second] :
       {std::pair(Share::kBytes, Share::kNames), std::pair(Share::kNames, Share::kBytes)}) {
    Gate gate(64, SystemClock());
    EXPECT_EQ(gate.Enter(first, 100, {}).value(), 56u);
    EXPECT_FALSE(gate.TryEnter(first));
    EXPECT_EQ(gate.Enter(first, 1, AtOnce()).code(), Code::kDeadlineExceeded);
    EXPECT_EQ(gate.Enter(second, 100, {}).value(), 8u) << "no more than 64 together";
    EXPECT_EQ(gate.Enter(second, 1, AtOnce()).code(), Code::kDeadlineExceeded);
    gate.Leave(first, 50);
    EXPECT_EQ(gate.Enter(second, 100, {}).value(), 48u);
  }
}

TEST(Gate, TwoAtATimeAreOneOfEachKind) {
  Gate gate(2, SystemClock());
  EXPECT_EQ(gate.Enter(Share::kBytes, 100, {}).value(), 1u);
  EXPECT_EQ(gate.Enter(Share::kNames, 100, {}).value(), 1u);
  EXPECT_FALSE(gate.TryEnter(Share::kNames));
}

TEST(Gate, OneAtATimeIsOneOfEitherKind) {
  Gate gate(1, SystemClock());
  EXPECT_EQ(gate.Enter(Share::kBytes, 100, {}).value(), 1u);
  EXPECT_FALSE(gate.TryEnter(Share::kNames));
  gate.Leave(Share::kBytes, 1);
  EXPECT_TRUE(gate.TryEnter(Share::kNames));
}

}  // namespace
}  // namespace tarn::ufs::s3
