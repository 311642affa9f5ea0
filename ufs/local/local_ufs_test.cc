// Promises of a local directory alone: it never reaches outside its root, and it sees the changes
// of other programs.

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <thread>
#include <utility>

#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "ufs/local.h"

namespace tarn::ufs {
namespace {

size_t OpenDescriptors() {
  size_t count = 0;
  DIR* stream = opendir("/proc/self/fd");
  while (readdir(stream) != nullptr) ++count;
  closedir(stream);
  return count;
}

void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

class LocalUfsTest : public testing::Test {
 protected:
  LocalUfsTest() {
    EXPECT_EQ(mkdir(root_.c_str(), 0755), 0);
    ufs_ = OpenLocalUfs(root_, SystemClock()).value();
  }
  std::string Path(const std::string& key) const { return root_ + "/" + key; }
  Result<ObjectInfo> Put(std::string_view key, std::string_view bytes) {
    CreateOptions options;
    options.size_bytes = bytes.size();
    auto upload = ufs_->Create(key, options, {});
    if (!upload.ok()) return upload.status();
    RETURN_IF_ERROR(
        (*upload)->WritePart(0, std::as_bytes(std::span(bytes.data(), bytes.size())), {}));
    return (*upload)->Commit({});
  }
  std::string Get(std::string_view key, std::string_view etag = "") {
    std::string bytes(100, '\0');
    auto got =
        ufs_->Read(key, etag, 0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())), {});
    return got.ok() ? bytes.substr(0, *got) : std::string(CodeName(got.code()));
  }
  std::string EtagOf(std::string_view key) { return ufs_->Stat(key, {}).value().etag; }

  const TemporaryDirectory directory_;
  const std::string root_ = directory_ / "root";
  std::unique_ptr<UnderFileSystem> ufs_;
};

TEST_F(LocalUfsTest, TheRootMustBeADirectory) {
  WriteFile(directory_ / "file", "");
  EXPECT_EQ(OpenLocalUfs(directory_ / "absent", SystemClock()).code(), Code::kNotFound);
  EXPECT_EQ(OpenLocalUfs(directory_ / "file", SystemClock()).code(), Code::kNotDirectory);
}

TEST_F(LocalUfsTest, SymlinksLeadNowhere) {
  WriteFile(directory_ / "secret", "secret");
  ASSERT_EQ(symlink("..", Path("up").c_str()), 0);
  ASSERT_EQ(symlink(directory_.path().c_str(), Path("absolute").c_str()), 0);
  ASSERT_EQ(symlink("../secret", Path("file").c_str()), 0);
  for (const char* key : {"up/secret", "absolute/secret"}) {
    EXPECT_EQ(Get(key), "kNotDirectory") << key;
    EXPECT_EQ(ufs_->Stat(key, {}).code(), Code::kNotDirectory) << key;
    EXPECT_EQ(Put(key, "new").code(), Code::kNotDirectory) << key;
    EXPECT_EQ(ufs_->Move("file", key, {}, {}).code(), Code::kNotDirectory) << key;
  }
  EXPECT_EQ(Get("file"), "kInvalid");
  EXPECT_TRUE(Put("file", "new").ok());
  std::string secret;
  std::ifstream(directory_ / "secret") >> secret;
  EXPECT_EQ(secret, "secret");
}

TEST_F(LocalUfsTest, AChangeByAnotherWriterIsANewEtag) {
  const std::string etag = Put("f", "one").value().etag;
  const int fd = open(Path("f").c_str(), O_WRONLY);
  ASSERT_EQ(pwrite(fd, "two", 3, 0), 3);
  close(fd);
  const timespec later[2] = {{5, 0}, {5, 0}};  // The coarse clock may not have ticked.
  ASSERT_EQ(utimensat(AT_FDCWD, Path("f").c_str(), later, 0), 0);
  EXPECT_NE(EtagOf("f"), etag);
  EXPECT_EQ(Get("f", etag), "kStale");
  EXPECT_EQ(Get("f", EtagOf("f")), "two");
}

// Another program, which repeats one action until it is destroyed.
class Meanwhile {
 public:
  explicit Meanwhile(std::function<void()> act)
      : thread_([act = std::move(act)](const std::stop_token& stop) {
          while (!stop.stop_requested()) act();
        }) {}

 private:
  std::jthread thread_;
};

class LocalMoves : public LocalUfsTest {
 protected:
  void ExpectMovesTellOfOurs() {
    for (int i = 0; i < 500; ++i) {
      WriteFile(Path("from"), "ours");
      MoveOptions options({Precondition::Kind::kEtag, ufs_->Stat("from", {})->identity});
      const Result<ObjectInfo> moved = ufs_->Move("from", "to", options, {});
      ASSERT_TRUE(moved.ok()) << moved.status().ToString();
      ASSERT_EQ(moved->identity, options.source.etag);
      ASSERT_TRUE(moved->etag.starts_with(options.source.etag));
      ASSERT_EQ(moved->size_bytes, 4u);
    }
  }
};

// If the version that replaces the moved one at once were taken for it, the mount would never see
// its bytes.
TEST_F(LocalMoves, AMoveDescribesTheObjectThatWasMoved) {
  WriteFile(Path("theirs"), "theirs");
  const Meanwhile replacing([this] {
    (void)!link(Path("theirs").c_str(), Path("fresh").c_str());
    rename(Path("fresh").c_str(), Path("to").c_str());
  });
  ExpectMovesTellOfOurs();
}

TEST_F(LocalMoves, AMoveDescribesTheVersionThatWasMoved) {
  const Meanwhile writing([this] {
    std::ofstream(Path("to"), std::ios::binary | std::ios::app | std::ios::in) << "x";
  });
  ExpectMovesTellOfOurs();
}

TEST_F(LocalUfsTest, AttributesAreNotSetOnWhatIsWrittenMeanwhile) {
  WriteFile(Path("f"), "");
  std::atomic<bool> wait = true;
  const Meanwhile writing([&] {
    if (!wait) std::ofstream(Path("f"), std::ios::binary | std::ios::app) << "x";
  });
  AttributeChange change;
  change.times = Timestamps{1, 2};
  int set = 0;
  for (int i = 0; i < 2000; ++i) {
    const ObjectInfo before = ufs_->Stat("f", {}).value();
    change.precondition = {Precondition::Kind::kEtag, before.identity};
    wait = false;
    const Result<ObjectInfo> changed = ufs_->Attributes()->SetAttributes("f", change, {});
    wait = true;
    if (!changed.ok()) {
      ASSERT_EQ(changed.code(), Code::kStale);
      continue;
    }
    ++set;
    ASSERT_EQ(changed->size_bytes, before.size_bytes);
    // The kernel keeps seconds and nanoseconds apart: beside a write, stat may see those of both.
    ASSERT_EQ(changed->mtime_ns % 1'000'000'000, 2);
  }
  EXPECT_GT(set, 0);
}

TEST_F(LocalUfsTest, SpecialFilesAreListedAndNeverOpened) {
  ASSERT_EQ(mkfifo(Path("fifo").c_str(), 0600), 0);
  EXPECT_EQ(ufs_->Stat("fifo", {}).value().type, ObjectType::kOther);
  EXPECT_EQ(ufs_->List("", {}, {}).value().entries.at(0).type, ObjectType::kOther);
  EXPECT_EQ(Get("fifo"), "kInvalid");
}

TEST_F(LocalUfsTest, ReservedNamesAreNeitherSeenNorMade) {
  WriteFile(Path(".tarn-upload.x"), "left");
  ASSERT_EQ(mkdir(Path(".tarn-upload.d").c_str(), 0755), 0);
  WriteFile(Path(".tarn-upload.d/f"), "below");
  EXPECT_TRUE(ufs_->List("", {}, {}).value().entries.empty());
  for (const char* key : {".tarn-upload.x", ".tarn-upload.d", ".tarn-upload.d/f"}) {
    EXPECT_EQ(ufs_->Stat(key, {}).code(), Code::kNotFound) << key;
    EXPECT_EQ(Get(key), "kNotFound") << key;
    EXPECT_EQ(Put(key, "x").code(), Code::kInvalid) << key;
  }
  EXPECT_EQ(ufs_->List(".tarn-upload.d", {}, {}).code(), Code::kNotFound);
  EXPECT_EQ(ufs_->Attributes()->MakeDirectory("a/.tarn-upload.y", 0755, {}).code(), Code::kInvalid);
  const std::vector<PendingUpload> leftovers = ufs_->ListUploads({}).value();
  ASSERT_EQ(leftovers.size(), 1u) << "a directory is no upload";
  EXPECT_EQ(leftovers[0].upload_id, ".tarn-upload.x");
}

TEST_F(LocalUfsTest, AbortRemovesUploadsOnly) {
  ASSERT_TRUE(Put("f", "1").ok());
  EXPECT_EQ(ufs_->AbortUpload({"", "f", 0}, {}).code(), Code::kInvalid);
  EXPECT_EQ(ufs_->AbortUpload({"", "../.tarn-upload.x", 0}, {}).code(), Code::kInvalid);
  EXPECT_EQ(Get("f"), "1");
}

TEST_F(LocalUfsTest, ListUploadsLooksEverywhere) {
  ASSERT_EQ(mkdir(Path("d").c_str(), 0755), 0);
  ASSERT_EQ(mkdir(Path("d/e").c_str(), 0755), 0);
  WriteFile(Path("d/.tarn-upload.1"), "");
  WriteFile(Path("d/e/.tarn-upload.2"), "");
  ASSERT_EQ(symlink("x", Path("d/e/.tarn-upload.3").c_str()), 0);
  const std::vector<PendingUpload> leftovers = ufs_->ListUploads({}).value();
  EXPECT_EQ(leftovers.size(), 3u);
  for (const PendingUpload& upload : leftovers) EXPECT_TRUE(ufs_->AbortUpload(upload, {}).ok());
  EXPECT_TRUE(ufs_->ListUploads({}).value().empty());
}

TEST_F(LocalUfsTest, TheSourceIsRecognizedOrUnavailable) {
  const std::string identity = ufs_->SourceIdentity({}).value();
  EXPECT_EQ(OpenLocalUfs(root_, SystemClock()).value()->SourceIdentity({}).value(), identity);
  ASSERT_EQ(rename(root_.c_str(), (directory_ / "away").c_str()), 0);
  EXPECT_EQ(ufs_->SourceIdentity({}).code(), Code::kUnavailable);
  ASSERT_EQ(mkdir(root_.c_str(), 0755), 0);
  EXPECT_EQ(ufs_->SourceIdentity({}).code(), Code::kUnavailable) << "another directory";
  EXPECT_NE(OpenLocalUfs(root_, SystemClock()).value()->SourceIdentity({}).value(), identity);
}

TEST_F(LocalUfsTest, ObjectsHoldNoDescriptors) {
  const size_t before = OpenDescriptors();
  for (int i = 0; i < 50; ++i) {
    const std::string key = Concat("f", i);
    ASSERT_TRUE(Put(key, "1").ok());
    ASSERT_EQ(Get(key), "1");
  }
  ListOptions options;
  options.page_size = 10;
  ASSERT_TRUE(ufs_->List("", options, {}).ok());
  EXPECT_EQ(OpenDescriptors(), before);
}

TEST_F(LocalUfsTest, TheKernelsOwnXattrsAreNotOurs) {
  ASSERT_TRUE(Put("f", "1").ok());
  const std::string path = Path("f");
  ASSERT_EQ(setxattr(path.c_str(), "user.a", "1", 1, 0), 0);
  // An access list: owner rw, user 7 r, group none, mask r, others none.
  const uint8_t acl[] = {2, 0, 0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  4,
                         0, 7, 0,   0,   0,   4,   0,  0, 0,   255, 255, 255, 255, 16, 0,
                         4, 0, 255, 255, 255, 255, 32, 0, 0,   0,   255, 255, 255, 255};
  ASSERT_EQ(setxattr(path.c_str(), "system.posix_acl_access", acl, sizeof acl, 0), 0);
  const std::map<std::string, std::string> kept = {{"user.a", "1"}};
  EXPECT_EQ(ufs_->Stat("f", {}).value().xattrs, kept);
  AttributeChange change;
  change.xattrs.emplace();
  EXPECT_TRUE(ufs_->Attributes()->SetAttributes("f", change, {}).value().xattrs.empty());
  EXPECT_GT(getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0), 0);
}

TEST_F(LocalUfsTest, AnXattrThatTheDirectoryDoesNotLikeHoldsUpNoOther) {
  ASSERT_TRUE(Put("f", "1").ok());
  AttributeChange change;
  change.xattrs = {{"user.", "no name"}, {"user.a", "1"}};
  change.mode = 0600;
  const Result<ObjectInfo> info = ufs_->Attributes()->SetAttributes("f", change, {});
  const std::map<std::string, std::string> kept = {{"user.a", "1"}};
  EXPECT_EQ(info.value().xattrs, kept);
  EXPECT_EQ(info.value().mode, 0600U);
}

TEST_F(LocalUfsTest, ChangingTheOwnerIsRefusedToOthers) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  ASSERT_TRUE(Put("f", "1").ok());
  AttributeChange change;
  change.uid = 12;
  change.gid = 34;
  change.mode = 04755;
  const ObjectInfo info = ufs_->Attributes()->SetAttributes("f", change, {}).value();
  EXPECT_EQ(info.uid, 12u);
  EXPECT_EQ(info.gid, 34u);
  EXPECT_EQ(info.mode, 04755u) << "the mode comes after the owner";
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(seteuid(99), 0);
  change.uid = 99;
  const Code code = ufs_->Attributes()->SetAttributes("f", change, {}).code();
  ASSERT_EQ(seteuid(0), 0);
  EXPECT_EQ(code, Code::kNotPermitted);
  EXPECT_EQ(ufs_->Stat("f", {}).value().uid, 12u);
}

TEST_F(LocalUfsTest, AFileWhoseXattrsMayNotBeReadIsStillListed) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  ASSERT_TRUE(Put("f", "1").ok());
  ASSERT_EQ(setxattr(Path("f").c_str(), "user.a", "1", 1, 0), 0);
  ASSERT_EQ(chmod(directory_.path().c_str(), 0755), 0);
  ASSERT_EQ(seteuid(99), 0);
  const Result<ListPage> page = ufs_->List("", {}, {});
  const std::string read = Get("f");
  ASSERT_EQ(seteuid(0), 0);
  ASSERT_TRUE(page.ok()) << page.status().ToString();
  EXPECT_EQ(page.value().entries.at(0).mode, 0600u);
  EXPECT_EQ(read, "kPermission");
}

TEST_F(LocalUfsTest, AnotherFileSystemBelowTheRootIsServedAndSynced) {
  ASSERT_EQ(mkdir(Path("other").c_str(), 0755), 0);
  if (mount("none", Path("other").c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "mounting is not permitted";
  }
  EXPECT_TRUE(Put("other/f", "1").ok());
  EXPECT_EQ(Get("other/f"), "1");
  EXPECT_TRUE(Put("f", "1").ok());
  EXPECT_EQ(ufs_->Move("f", "other/g", {}, {}).code(), Code::kCrossDevice);
  EXPECT_EQ(Put("other/big", std::string(2 << 20, 'x')).code(), Code::kNoSpace);
  EXPECT_TRUE(ufs_->Sync({}).ok());
  EXPECT_EQ(umount(Path("other").c_str()), 0) << "no descriptor is left on it";
}

TEST_F(LocalUfsTest, SyncsTogetherAllReturn) {
  std::atomic<int> good = 0;
  {
    std::vector<std::jthread> callers;
    for (int t = 0; t < 8; ++t) {
      callers.emplace_back([&, t] {
        for (int i = 0; i < 5; ++i) {
          EXPECT_TRUE(Put(Concat("f", t), "1").ok());
          if (ufs_->Sync({}).ok()) ++good;
        }
      });
    }
  }
  EXPECT_EQ(good, 40);
}

TEST_F(LocalUfsTest, ManyNamesListInPagesOfOneReading) {
  constexpr int kNames = 3'000;
  for (int i = 0; i < kNames; ++i) {
    ASSERT_EQ(mknod(Path(Concat("f", 100'000 + i)).c_str(), S_IFREG | 0644, 0), 0);
  }
  ListOptions options;
  options.page_size = 100;
  int found = 0;
  std::string last;
  do {
    const ListPage page = ufs_->List("", options, {}).value();
    for (const ObjectInfo& entry : page.entries) {
      EXPECT_LT(last, entry.key);
      last = entry.key;
      ++found;
    }
    options.start_after = page.next_start_after;
  } while (!options.start_after.empty());
  EXPECT_EQ(found, kNames);
}

TEST_F(LocalUfsTest, AListingStopsWhenItsTokenFires) {
  std::stop_source stop;
  stop.request_stop();
  CallOptions call;
  call.stop = stop.get_token();
  EXPECT_EQ(ufs_->List("", {}, call).code(), Code::kCancelled);
  EXPECT_EQ(ufs_->ListUploads(call).code(), Code::kCancelled);
}

TEST_F(LocalUfsTest, DeepTreesAreServedUpToThePathLimit) {
  std::string key;
  for (int i = 0; i < 300; ++i) {
    key += key.empty() ? "dddddddddd" : "/dddddddddd";
    ASSERT_TRUE(ufs_->Attributes()->MakeDirectory(key, 0755, {}).ok());
  }
  EXPECT_TRUE(Put(key + "/f", "1").ok());
  EXPECT_EQ(Get(key + "/f"), "1");
  EXPECT_TRUE(ufs_->ListUploads({}).value().empty());
}

TEST_F(LocalUfsTest, WhatIsBehindThePathLimitIsNotThere) {
  std::string key = "d";
  while (key.size() < 2 * PATH_MAX) key += "/dddddddddd";
  DeleteRequest request;
  request.key = key;
  EXPECT_TRUE(ufs_->Delete({&request, 1}, {})[0].ok());
  EXPECT_TRUE(ufs_->Attributes()->RemoveDirectory(key, {}).ok());
}

TEST_F(LocalUfsTest, ZerosStayHoles) {
  constexpr size_t kBytes = 8 << 20;
  std::string bytes(kBytes, '\0');
  bytes[kBytes / 2] = 'x';
  ASSERT_TRUE(Put("f", bytes).ok());
  ASSERT_TRUE(Put("empty", std::string(kBytes, '\0')).ok());
  struct stat st = {};
  ASSERT_EQ(stat(Path("empty").c_str(), &st), 0);
  EXPECT_EQ(static_cast<size_t>(st.st_size), kBytes);
  EXPECT_LT(st.st_blocks * 512, 64 << 10);
  ASSERT_EQ(stat(Path("f").c_str(), &st), 0);
  EXPECT_LE(st.st_blocks * 512, 128 << 10);
  std::ifstream file(Path("f"), std::ios::binary);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}) == bytes);
}

TEST_F(LocalUfsTest, ZerosSentAgainReplaceWhatWasThere) {
  CreateOptions options;
  options.size_bytes = 300'000;
  auto upload = ufs_->Create("f", options, {}).value();
  const std::string first(300'000, 'x');
  std::string second(300'000, '\0');
  second[150'000] = 'y';
  for (const std::string& part : {first, second}) {
    ASSERT_TRUE(upload->WritePart(0, std::as_bytes(std::span(part.data(), part.size())), {}).ok());
  }
  ASSERT_TRUE(upload->Commit({}).ok());
  std::ifstream file(Path("f"), std::ios::binary);
  EXPECT_TRUE(std::string(std::istreambuf_iterator<char>(file), {}) == second);
}

}  // namespace
}  // namespace tarn::ufs
