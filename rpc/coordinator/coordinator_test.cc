// What a coordinator says arrives over the socket as it was said.

#include "rpc/testing/control_fixture.h"

namespace tarn::rpc {
namespace {

using CoordinatorOverSocket = ControlSocket;

role::Attr SomeAttr() {
  role::Attr attr;
  attr.ino = InodeId(7);
  attr.type = role::FileType::kSymlink;
  attr.mode = 04755;
  attr.uid = 1000;
  attr.gid = 4294967294u;
  attr.nlink = 3;
  attr.rdev = 2049;
  attr.size_bytes = uint64_t{1} << 40;
  attr.atime_ns = -1;
  attr.mtime_ns = 1'234'567'890'123'456'789;
  attr.ctime_ns = 2;
  attr.btime_ns = 3;
  attr.generation = Generation(9);
  attr.persist = role::PersistState::kLost;
  return attr;
}

void ExpectSame(const role::Attr& a, const role::Attr& b) {
  EXPECT_EQ(a.ino, b.ino);
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.mode, b.mode);
  EXPECT_EQ(a.uid, b.uid);
  EXPECT_EQ(a.gid, b.gid);
  EXPECT_EQ(a.nlink, b.nlink);
  EXPECT_EQ(a.rdev, b.rdev);
  EXPECT_EQ(a.size_bytes, b.size_bytes);
  EXPECT_EQ(a.atime_ns, b.atime_ns);
  EXPECT_EQ(a.mtime_ns, b.mtime_ns);
  EXPECT_EQ(a.ctime_ns, b.ctime_ns);
  EXPECT_EQ(a.btime_ns, b.btime_ns);
  EXPECT_EQ(a.generation, b.generation);
  EXPECT_EQ(a.persist, b.persist);
}

TEST_F(CoordinatorOverSocket, UfsMountsArriveWhole) {
  local_coordinator_.ufs = {"/s3\xff",      "s3://b/p", true, {{"a", "1"}, {"b", "\xfe"}},
                            "no\xff route", 1ULL << 40, true, 77};
  Result<role::UfsMountInfo> mounted =
      coordinator()->UfsMount({"/at\xff", "file:///d", true, {{"name", "value\xff"}}});
  ASSERT_TRUE(mounted.ok()) << mounted.status().ToString();
  EXPECT_EQ(local_coordinator_.ufs_request.path, "/at\xff");
  EXPECT_EQ(local_coordinator_.ufs_request.source, "file:///d");
  EXPECT_TRUE(local_coordinator_.ufs_request.read_only);
  ASSERT_EQ(local_coordinator_.ufs_request.options.size(), 1u);
  EXPECT_EQ(local_coordinator_.ufs_request.options[0],
            std::pair(std::string("name"), std::string("value\xff")));
  Result<std::vector<role::UfsMountInfo>> listed = coordinator()->UfsList();
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 2u);
  for (const role::UfsMountInfo& info : {*mounted, listed->front(), listed->back()}) {
    EXPECT_EQ(info.path, local_coordinator_.ufs.path);
    EXPECT_EQ(info.source, local_coordinator_.ufs.source);
    EXPECT_TRUE(info.read_only);
    EXPECT_EQ(info.options, local_coordinator_.ufs.options);
    EXPECT_EQ(info.problem, local_coordinator_.ufs.problem);
    EXPECT_EQ(info.unavailable_since_ns, 77);
    EXPECT_EQ(info.skipped_keys, 1ULL << 40);
    EXPECT_TRUE(info.skipped_more);
  }
  ASSERT_TRUE(coordinator()->UfsUnmount({"/s3", true, false}).ok());
  EXPECT_EQ(local_coordinator_.ufs_unmount.path, "/s3");
  EXPECT_TRUE(local_coordinator_.ufs_unmount.force);
  EXPECT_FALSE(local_coordinator_.ufs_unmount.discard);
  script_.error = Status(Code::kBusy, "open files");
  EXPECT_EQ(coordinator()->UfsUnmount({"/s3", false, true}).code(), Code::kBusy);
}

TEST_F(CoordinatorOverSocket, PathsAreBytes) {
  local_coordinator_.path.path = "/a\xff\n";
  local_coordinator_.path.attr = SomeAttr();
  local_coordinator_.path.binding = {MountId(1), "a\xfe", "tag\xff", Generation(8), 77};
  local_coordinator_.path.symlink_target = "\xc0";
  Result<role::PathInfo> seen = coordinator()->StatPath("/x\xff");
  ASSERT_TRUE(seen.ok()) << seen.status().ToString();
  EXPECT_EQ(local_coordinator_.asked, "/x\xff");
  EXPECT_EQ(seen->path, local_coordinator_.path.path);
  ExpectSame(seen->attr, local_coordinator_.path.attr);
  EXPECT_EQ(seen->binding.key, "a\xfe");
  EXPECT_EQ(seen->binding.etag, "tag\xff");
  EXPECT_EQ(seen->binding.mount, MountId(1));
  EXPECT_EQ(seen->binding.generation, Generation(8));
  EXPECT_EQ(seen->binding.size_bytes, 77u);
  EXPECT_EQ(seen->symlink_target, "\xc0");
}

TEST_F(CoordinatorOverSocket, AListingWithTheLongestPathsFits) {
  local_coordinator_.listing.entries.resize(1000);
  for (role::PathInfo& entry : local_coordinator_.listing.entries) {
    entry.path = std::string(8192, 'p');
  }
  local_coordinator_.listing.next_cursor = UINT64_MAX;
  local_coordinator_.listing.end = true;
  role::CoordinatorControl::ListRequest request;
  request.path = "/d";
  request.cursor = 5;
  request.limit = 1000;
  request.revalidate = true;
  Result<role::CoordinatorControl::ListReply> seen = coordinator()->ListPath(request);
  ASSERT_TRUE(seen.ok()) << seen.status().ToString();
  EXPECT_EQ(seen->entries.size(), 1000u);
  EXPECT_EQ(seen->entries.back().path.size(), 8192u);
  EXPECT_EQ(seen->next_cursor, UINT64_MAX);
  EXPECT_TRUE(seen->end);
  EXPECT_EQ(local_coordinator_.list_request.path, "/d");
  EXPECT_EQ(local_coordinator_.list_request.cursor, 5u);
  EXPECT_EQ(local_coordinator_.list_request.limit, 1000u);
  EXPECT_TRUE(local_coordinator_.list_request.revalidate);
}

TEST_F(CoordinatorOverSocket, QueueEntriesArriveWhole) {
  local_coordinator_.entry = {InodeId(3), "/p\xff",    "content", role::PersistState::kPersisting,
                              11,         12,          13,        14,
                              "e\xff",    "/state\xff"};
  const Result<role::QueuePage> seen = coordinator()->PersistList("a\xfe", 2);
  ASSERT_TRUE(seen.ok()) << seen.status().ToString();
  EXPECT_EQ(local_coordinator_.asked, "a\xfe");
  EXPECT_EQ(seen->next, "a\xfe\xff");
  ASSERT_EQ(seen->entries.size(), 2u);
  const role::QueueEntry& entry = seen->entries.back();
  EXPECT_EQ(entry.ino, InodeId(3));
  EXPECT_EQ(entry.path, "/p\xff");
  EXPECT_EQ(entry.what, "content");
  EXPECT_EQ(entry.state, role::PersistState::kPersisting);
  EXPECT_EQ(entry.size_bytes, 11u);
  EXPECT_EQ(entry.queued_ns, 12);
  EXPECT_EQ(entry.next_try_ns, 13);
  EXPECT_EQ(entry.attempts, 14u);
  EXPECT_EQ(entry.last_error, "e\xff");
  EXPECT_EQ(entry.where, "/state\xff");
  EXPECT_EQ(coordinator()->PersistStat("/q")->path, "/p\xff");
  EXPECT_EQ(local_coordinator_.asked, "/q");
}

TEST_F(CoordinatorOverSocket, TotalsArriveWhole) {
  local_coordinator_.totals = {1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(coordinator()->PersistTotals()->bytes, 3u);
  EXPECT_EQ(coordinator()->PersistTotals()->conflicts, 4u);
  EXPECT_EQ(coordinator()->PersistTotals()->conflict_bytes, 5u);
  EXPECT_EQ(coordinator()->PersistTotals()->replaced, 6u);
  EXPECT_EQ(coordinator()->PersistTotals()->gave_way, 7u);
  EXPECT_TRUE(coordinator()->PersistResolve("/c", role::Take::kOurs).ok());
  EXPECT_EQ(local_coordinator_.asked, "/c");
  EXPECT_EQ(local_coordinator_.taken, role::Take::kOurs);
  EXPECT_TRUE(coordinator()->PersistRetry("/r").ok());
  EXPECT_EQ(local_coordinator_.asked, "/r");
}

}  // namespace
}  // namespace tarn::rpc
