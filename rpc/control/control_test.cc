// What a Control says arrives over the socket as it was said.

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mutex.h"
#include "rpc/control_grpc.h"

namespace tarn::rpc {
namespace {

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

// Answers what it was told to, and remembers what it was asked. The server's threads take `order`;
// a test takes it before and after a call (see `Calls`), which is all the order that TSan sees:
// gRPC's own is hidden from it.
class ScriptedControl final : public role::Control {
 public:
  Mutex order;
  Status error;
  role::ServerInfo info;
  role::PathInfo path;
  ListReply listing;
  role::QueueEntry entry;
  role::QueueTotals totals;
  role::Take taken = role::Take::kTheirs;
  std::vector<role::ConfigEntry> config;
  std::string asked;
  ListRequest list_request;
  bool stopped_lazily = false;
  role::UfsMountInfo ufs;
  UfsMountRequest ufs_request;
  UfsUnmountRequest ufs_unmount;

  Result<role::ServerInfo> Info() override {
    MutexLock lock(order);
    return Answer(info);
  }
  Result<role::PathInfo> StatPath(const std::string& of) override {
    MutexLock lock(order);
    asked = of;
    return Answer(path);
  }
  Result<ListReply> ListPath(const ListRequest& request) override {
    MutexLock lock(order);
    list_request = request;
    return Answer(listing);
  }
  Result<std::vector<role::QueueEntry>> PersistList(std::string* after, size_t limit) override {
    MutexLock lock(order);
    asked = *after;
    *after += '\xff';
    return Answer(std::vector<role::QueueEntry>(limit, entry));
  }
  Result<role::QueueEntry> PersistStat(const std::string& of) override {
    MutexLock lock(order);
    asked = of;
    return Answer(entry);
  }
  Result<role::QueueTotals> PersistTotals() override {
    MutexLock lock(order);
    return Answer(totals);
  }
  Status PersistRetry(const std::string& of) override {
    MutexLock lock(order);
    asked = of;
    return error;
  }
  Status PersistResolve(const std::string& of, role::Take take) override {
    MutexLock lock(order);
    asked = of;
    taken = take;
    return error;
  }
  Result<std::vector<role::ConfigEntry>> Config() override {
    MutexLock lock(order);
    return Answer(config);
  }
  Result<role::UfsMountInfo> UfsMount(const UfsMountRequest& request) override {
    MutexLock lock(order);
    ufs_request = request;
    return Answer(ufs);
  }
  Status UfsUnmount(const UfsUnmountRequest& request) override {
    MutexLock lock(order);
    ufs_unmount = request;
    return error;
  }
  Result<std::vector<role::UfsMountInfo>> UfsList() override {
    MutexLock lock(order);
    return Answer(std::vector<role::UfsMountInfo>(2, ufs));
  }
  Result<role::QueueTotals> Stop(const StopRequest& request) override {
    MutexLock lock(order);
    stopped_lazily = request.lazy;
    return Answer(totals);
  }

 private:
  template <typename T>
  Result<T> Answer(const T& value) {
    if (!error.ok()) return error;
    return value;
  }
};

// A Control whose calls each come after all the test did before, and before all it does after.
class Calls {
 public:
  Calls(role::Control& to, Mutex& order) : to_(to), order_(order) {}
  auto operator->() const {
    struct Call {
      role::Control& to;
      Mutex& order;
      ~Call() { MutexLock lock(order); }
      role::Control* operator->() const { return &to; }
    };
    MutexLock lock(order_);
    return Call{to_, order_};
  }

 private:
  role::Control& to_;
  Mutex& order_;
};

class ControlOverSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tarn-rpc-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    directory_ = name;
    Result<std::unique_ptr<ControlServer>> server = ControlServer::Start(socket(), local_);
    ASSERT_TRUE(server.ok()) << server.status().ToString();
    server_ = std::move(*server);
    Result<std::unique_ptr<role::Control>> remote = ConnectControl(socket());
    ASSERT_TRUE(remote.ok()) << remote.status().ToString();
    connection_ = std::move(*remote);
  }
  void TearDown() override {
    connection_.reset();
    server_.reset();
    EXPECT_EQ(rmdir(directory_.c_str()), 0) << "the server leaves its socket behind";
  }
  std::string socket() const { return directory_ + "/s"; }
  Calls remote() { return {*connection_, local_.order}; }

  std::string directory_;
  ScriptedControl local_;
  std::unique_ptr<ControlServer> server_;
  std::unique_ptr<role::Control> connection_;
};

TEST_F(ControlOverSocketTest, EveryCodeArrivesAsItself) {
  for (int code = 1; code <= static_cast<int>(Code::kIo); ++code) {
    local_.error = Status(static_cast<Code>(code), "read \xff caf\xc3\xa9: no");
    Result<role::ServerInfo> answer = remote()->Info();
    EXPECT_EQ(CodeName(answer.code()), CodeName(static_cast<Code>(code)));
    EXPECT_EQ(answer.status().message(), local_.error.message());
  }
}

TEST_F(ControlOverSocketTest, UfsMountsArriveWhole) {
  local_.ufs = {"/s3\xff",      "s3://b/p", true, {{"a", "1"}, {"b", "\xfe"}},
                "no\xff route", 1ULL << 40, true};
  Result<role::UfsMountInfo> mounted =
      remote()->UfsMount({"/at\xff", "file:///d", true, {{"name", "value\xff"}}});
  ASSERT_TRUE(mounted.ok()) << mounted.status().ToString();
  EXPECT_EQ(local_.ufs_request.path, "/at\xff");
  EXPECT_EQ(local_.ufs_request.source, "file:///d");
  EXPECT_TRUE(local_.ufs_request.read_only);
  ASSERT_EQ(local_.ufs_request.options.size(), 1u);
  EXPECT_EQ(local_.ufs_request.options[0],
            std::pair(std::string("name"), std::string("value\xff")));
  Result<std::vector<role::UfsMountInfo>> listed = remote()->UfsList();
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 2u);
  for (const role::UfsMountInfo& info : {*mounted, listed->front(), listed->back()}) {
    EXPECT_EQ(info.path, local_.ufs.path);
    EXPECT_EQ(info.source, local_.ufs.source);
    EXPECT_TRUE(info.read_only);
    EXPECT_EQ(info.options, local_.ufs.options);
    EXPECT_EQ(info.problem, local_.ufs.problem);
    EXPECT_EQ(info.skipped_keys, 1ULL << 40);
    EXPECT_TRUE(info.skipped_more);
  }
  ASSERT_TRUE(remote()->UfsUnmount({"/s3", true, false}).ok());
  EXPECT_EQ(local_.ufs_unmount.path, "/s3");
  EXPECT_TRUE(local_.ufs_unmount.force);
  EXPECT_FALSE(local_.ufs_unmount.discard);
  local_.error = Status(Code::kBusy, "open files");
  EXPECT_EQ(remote()->UfsUnmount({"/s3", false, true}).code(), Code::kBusy);
}

TEST_F(ControlOverSocketTest, PathsAreBytes) {
  local_.path.path = "/a\xff\n";
  local_.path.attr = SomeAttr();
  local_.path.binding = {MountId(1), "a\xfe", "tag\xff", Generation(8), 77};
  local_.path.symlink_target = "\xc0";
  local_.path.cached_percent = 42;
  Result<role::PathInfo> seen = remote()->StatPath("/x\xff");
  ASSERT_TRUE(seen.ok()) << seen.status().ToString();
  EXPECT_EQ(local_.asked, "/x\xff");
  EXPECT_EQ(seen->path, local_.path.path);
  ExpectSame(seen->attr, local_.path.attr);
  EXPECT_EQ(seen->binding.key, "a\xfe");
  EXPECT_EQ(seen->binding.etag, "tag\xff");
  EXPECT_EQ(seen->binding.mount, MountId(1));
  EXPECT_EQ(seen->binding.generation, Generation(8));
  EXPECT_EQ(seen->binding.size_bytes, 77u);
  EXPECT_EQ(seen->symlink_target, "\xc0");
  EXPECT_EQ(seen->cached_percent, 42u);
}

TEST_F(ControlOverSocketTest, AListingWithTheLongestPathsFits) {
  local_.listing.entries.resize(1000);
  for (role::PathInfo& entry : local_.listing.entries) entry.path = std::string(8192, 'p');
  local_.listing.next_cursor = UINT64_MAX;
  local_.listing.end = true;
  role::Control::ListRequest request;
  request.path = "/d";
  request.cursor = 5;
  request.limit = 1000;
  request.revalidate = true;
  Result<role::Control::ListReply> seen = remote()->ListPath(request);
  ASSERT_TRUE(seen.ok()) << seen.status().ToString();
  EXPECT_EQ(seen->entries.size(), 1000u);
  EXPECT_EQ(seen->entries.back().path.size(), 8192u);
  EXPECT_EQ(seen->next_cursor, UINT64_MAX);
  EXPECT_TRUE(seen->end);
  EXPECT_EQ(local_.list_request.path, "/d");
  EXPECT_EQ(local_.list_request.cursor, 5u);
  EXPECT_EQ(local_.list_request.limit, 1000u);
  EXPECT_TRUE(local_.list_request.revalidate);
}

TEST_F(ControlOverSocketTest, QueueEntriesArriveWhole) {
  local_.entry = {InodeId(3), "/p\xff", "content",   role::PersistState::kPersisting, 11, 12, 13,
                  14,         "e\xff",  "/state\xff"};
  std::string after = "a\xfe";
  Result<std::vector<role::QueueEntry>> seen = remote()->PersistList(&after, 2);
  ASSERT_TRUE(seen.ok()) << seen.status().ToString();
  EXPECT_EQ(local_.asked, "a\xfe");
  EXPECT_EQ(after, "a\xfe\xff");
  ASSERT_EQ(seen->size(), 2u);
  const role::QueueEntry& entry = seen->back();
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
  EXPECT_EQ(remote()->PersistStat("/q")->path, "/p\xff");
  EXPECT_EQ(local_.asked, "/q");
}

TEST_F(ControlOverSocketTest, TotalsInfoAndConfigurationArriveWhole) {
  local_.totals = {1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(remote()->PersistTotals()->bytes, 3u);
  EXPECT_EQ(remote()->PersistTotals()->conflicts, 4u);
  EXPECT_EQ(remote()->PersistTotals()->conflict_bytes, 5u);
  EXPECT_EQ(remote()->PersistTotals()->replaced, 6u);
  EXPECT_EQ(remote()->PersistTotals()->gave_way, 7u);
  EXPECT_TRUE(remote()->PersistResolve("/c", role::Take::kOurs).ok());
  EXPECT_EQ(local_.asked, "/c");
  EXPECT_EQ(local_.taken, role::Take::kOurs);
  EXPECT_TRUE(remote()->PersistRetry("/r").ok());
  EXPECT_EQ(local_.asked, "/r");
  Result<role::QueueTotals> stopped = remote()->Stop({.lazy = true});
  EXPECT_EQ(stopped->entries, 1u);
  EXPECT_EQ(stopped->files, 2u);
  EXPECT_TRUE(local_.stopped_lazily);
  local_.info = {5, "0.1", "/m\xff", "file:///s\xff", "/st\xff", 6, "embedded", true, 7, 8, 9, 10};
  Result<role::ServerInfo> info = remote()->Info();
  ASSERT_TRUE(info.ok()) << info.status().ToString();
  EXPECT_EQ(info->pid, 5);
  EXPECT_EQ(info->mount_point, "/m\xff");
  EXPECT_EQ(info->source, "file:///s\xff");
  EXPECT_EQ(info->state_directory, "/st\xff");
  EXPECT_EQ(info->started_ns, 6);
  EXPECT_TRUE(info->passthrough);
  EXPECT_EQ(info->open_files, 10u);
  local_.config = {{"tarn.x", "\xff", "-D"}};
  Result<std::vector<role::ConfigEntry>> config = remote()->Config();
  ASSERT_TRUE(config.ok()) << config.status().ToString();
  EXPECT_EQ(config->front().name, "tarn.x");
  EXPECT_EQ(config->front().value, "\xff");
  EXPECT_EQ(config->front().source, "-D");
}

TEST_F(ControlOverSocketTest, OnlyTheOwnerMayConnect) {
  struct stat st = {};
  ASSERT_EQ(stat(socket().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 0777, 0600u);
}

TEST(ConnectControlTest, NobodyThereIsUnavailable) {
  EXPECT_EQ(ConnectControl("/tmp/tarn-rpc-nobody/s").code(), Code::kUnavailable);
}

TEST(ControlServerTest, APathTooLongForASocketIsRefused) {
  ScriptedControl control;
  EXPECT_EQ(ControlServer::Start("/tmp/" + std::string(200, 'x'), control).code(), Code::kInvalid);
}

}  // namespace
}  // namespace tarn::rpc
