// What a node says arrives over the socket as it was said.

#include "rpc/testing/control_fixture.h"

namespace tarn::rpc {
namespace {

using NodeOverSocket = ControlSocket;

TEST_F(NodeOverSocket, TheUsageArrivesWhole) {
  local_node_.usage = {uint64_t{1} << 40, 8, 9, 11, 10};
  const Result<role::NodeUsage> usage = node()->Usage();
  ASSERT_TRUE(usage.ok()) << usage.status().ToString();
  EXPECT_EQ(usage->cache_capacity_bytes, uint64_t{1} << 40);
  EXPECT_EQ(usage->cache_used_bytes, 8u);
  EXPECT_EQ(usage->cache_pinned_bytes, 9u);
  EXPECT_EQ(usage->cache_pinned_limit_bytes, 11u);
  EXPECT_EQ(usage->open_files, 10u);
}

TEST_F(NodeOverSocket, CachedPercentsKeepTheOrderOfTheFiles) {
  local_node_.percents = {100, 0, 42};
  const std::vector<role::FileSize> files = {
      {InodeId(7), 1}, {InodeId(8), 0}, {InodeId(9), UINT64_MAX}};
  const Result<std::vector<uint32_t>> percents = node()->CachedPercents(files);
  ASSERT_TRUE(percents.ok()) << percents.status().ToString();
  EXPECT_EQ(*percents, local_node_.percents);
  ASSERT_EQ(local_node_.asked.size(), 3u);
  EXPECT_EQ(local_node_.asked[0].ino, InodeId(7));
  EXPECT_EQ(local_node_.asked[2].size_bytes, UINT64_MAX);
}

TEST_F(NodeOverSocket, OrphansThatAreNotForgottenAreCounted) {
  local_node_.forgetting = 3;
  EXPECT_EQ(*node()->Forgetting(), 3u);
}

TEST_F(NodeOverSocket, ErrorsArriveAsThemselves) {
  script_.error = Status(Code::kNoSpace, "the disk is full");
  EXPECT_EQ(node()->Usage().code(), Code::kNoSpace);
  EXPECT_EQ(node()->CachedPercents({}).code(), Code::kNoSpace);
  EXPECT_EQ(node()->Forgetting().code(), Code::kNoSpace);
}

}  // namespace
}  // namespace tarn::rpc
