#include "host/settled_log.h"

#include <gtest/gtest.h>

namespace tarn::host {
namespace {

TEST(SettledLog, WhatIsReadBeforeAWriterLeavesIsNotCached) {
  SettledLog log;
  const uint64_t before = log.Now();
  EXPECT_FALSE(log.AddedSince(InodeId(5), before));
  log.Add(InodeId(5));
  EXPECT_TRUE(log.AddedSince(InodeId(5), before));
  EXPECT_FALSE(log.AddedSince(InodeId(6), before));
  EXPECT_FALSE(log.AddedSince(InodeId(5), log.Now()));
}

}  // namespace
}  // namespace tarn::host
