// Attributes of files that are open, and when the kernel has to ask for them again.

#include <unistd.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "client/testing/file_system_fixture.h"

namespace tarn::client {
namespace {

class AttributesTest : public FileSystemFixture {
 protected:
  AttributesTest() {
    kernel().SetBacking(&backing_);
    kernel().SetInvalidator([this](const role::Change& change) {
      if (change.kind == role::Change::Kind::kAttributes) invalidated_.push_back(change.ino);
    });
  }
  ~AttributesTest() override { kernel().SetInvalidator({}); }
  // A file of the source that is larger than what an open completes.
  InodeId Incomplete(const std::string& name) {
    return Outside(name, std::string(options_.fill_at_open_bytes + 1, 'x'));
  }
  void SetMode(InodeId ino, uint32_t mode) {
    role::AttrChange change;
    change.mode = mode;
    ASSERT_TRUE(attributes().SetAttr(caller_, ino, change, std::nullopt).ok());
  }
  role::Attr SetMtime(InodeId ino, int64_t mtime_ns) {
    role::AttrChange change;
    change.mtime_ns = mtime_ns;
    return attributes().SetAttr(caller_, ino, change, std::nullopt)->attr;
  }

  FakeBacking backing_;
  std::vector<InodeId> invalidated_;
};

TEST_F(AttributesTest, TheKernelAsksAgainOnceAWriterPassesItBy) {
  const InodeId ino = Put("a", "hello");
  EXPECT_FALSE(AttrOf(ino).may_change);
  EXPECT_TRUE(invalidated_.empty()) << "it has been asking since the creation";
  Opened reader = Open(ino, O_RDONLY);
  EXPECT_TRUE(invalidated_.empty());
  Opened writer = Open(ino, O_RDWR);
  EXPECT_EQ(writer.mode, IoMode::kPassthrough);
  EXPECT_EQ(invalidated_, std::vector<InodeId>{ino});
  EXPECT_TRUE(AttrOf(ino).may_change);
  Opened second = Open(ino, O_RDWR);
  EXPECT_EQ(invalidated_.size(), 1u) << "it asks each time";
  for (Opened* open : {&reader, &writer, &second}) open->file.reset();
  EXPECT_FALSE(AttrOf(ino).may_change);
}

TEST_F(AttributesTest, AWriteClearsSetidWhenItIsSetBehindItsOpen) {
  const InodeId ino = Incomplete("a");
  Opened writer = Open(ino, O_RDWR);
  ASSERT_EQ(writer.mode, IoMode::kDirect);
  ASSERT_TRUE(writer.file->Write(0, Bytes("a"), SetId::kClear).ok());
  EXPECT_TRUE(invalidated_.empty()) << "there was nothing to clear";
  SetMode(ino, 04755);
  ASSERT_TRUE(writer.file->Write(0, Bytes("b"), SetId::kClearCapabilities).ok());
  EXPECT_EQ(AttrOf(ino).mode, 04755u) << "root's writes leave it";
  ASSERT_TRUE(writer.file->Write(0, Bytes("c"), SetId::kClear).ok());
  EXPECT_EQ(AttrOf(ino).mode, 0755u);
  EXPECT_EQ(invalidated_, std::vector<InodeId>{ino});
  writer.file.reset();
}

TEST_F(AttributesTest, SetgidWithoutGroupExecuteGoesByTheWriteOfAnOutsider) {
  const InodeId ino = Incomplete("a");
  SetMode(ino, 02666);
  const uint32_t gid = AttrOf(ino).gid;
  Opened writer = Open(ino, O_RDWR);
  EXPECT_EQ(attributes().SetgidGroup(ino), gid);
  ASSERT_TRUE(writer.file->Write(0, Bytes("a"), SetId::kClear).ok());
  EXPECT_EQ(AttrOf(ino).mode, 02666u);
  ASSERT_TRUE(writer.file->Write(0, Bytes("b"), SetId::kClearAsOutsider).ok());
  EXPECT_EQ(AttrOf(ino).mode, 0666u);
  EXPECT_EQ(attributes().SetgidGroup(ino), std::nullopt);
  SetMode(ino, 02775);
  EXPECT_EQ(attributes().SetgidGroup(ino), std::nullopt) << "the write of any user clears it";
  writer.file.reset();
}

TEST_F(AttributesTest, CapabilitiesGoByAnyWrite) {
  constexpr std::string_view kName = "security.capability";
  const InodeId ino = Incomplete("a");
  Opened writer = Open(ino, O_RDWR);
  for (const SetId setid : {SetId::kClearCapabilities, SetId::kClear}) {
    ASSERT_TRUE(xattrs().SetXattr(caller_, ino, kName, "caps", role::XattrMode::kAny).ok());
    ASSERT_TRUE(writer.file->Write(0, Bytes("a"), SetId::kKeep).ok());
    EXPECT_TRUE(xattrs().GetXattr(ino, kName).ok());
    ASSERT_TRUE(writer.file->Write(0, Bytes("a"), setid).ok());
    EXPECT_EQ(xattrs().GetXattr(ino, kName).code(), Code::kNoAttribute);
  }
  writer.file.reset();
}

TEST_F(AttributesTest, PrivilegesOfAClosedFileAreCleared) {
  const InodeId ino = Put("a", "program");
  SetMode(ino, 06755);
  ASSERT_TRUE(attributes().ClearPrivileges(ino, SetId::kClear).ok());
  EXPECT_EQ(AttrOf(ino).mode, 0755u);
  EXPECT_EQ(invalidated_, std::vector<InodeId>{ino});
}

TEST_F(AttributesTest, AnyTimeSetOnAnOpenFileOutlivesItsCommit) {
  // 1'719'381'529 marks cache files as unchanged.
  for (const int64_t time :
       {int64_t{0}, int64_t{-1}, int64_t{1'719'381'529}, int64_t{4'102'444'800'000'000'000}}) {
    auto made = Create("a" + std::to_string(time));
    const InodeId ino = made.info.attr.ino;
    Write(*made.open.file, 0, "hello");
    EXPECT_EQ(SetMtime(ino, time).mtime_ns, time);
    EXPECT_EQ(AttrOf(ino).mtime_ns, time);
    const int64_t changed_ns = AttrOf(ino).ctime_ns;
    ASSERT_TRUE(made.open.file->Flush().ok());
    EXPECT_EQ(CommittedOf(ino).mtime_ns, time);
    EXPECT_EQ(CommittedOf(ino).size_bytes, 5u);
    EXPECT_EQ(CommittedOf(ino).ctime_ns, changed_ns);
    made.open.file.reset();
    EXPECT_EQ(AttrOf(ino).mtime_ns, time);
  }
}

TEST_F(AttributesTest, ATimeSetOnANewEmptyFileIsKept) {
  auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  const auto live = cache_->Open({ino, Generation()}).value();
  const int64_t stamp = live->CheckChanged()->mtime_ns.value();
  SetMtime(ino, stamp);  // What a new cache file has, too.
  ASSERT_TRUE(made.open.file->Flush().ok());
  EXPECT_EQ(CommittedOf(ino).mtime_ns, stamp);
  made.open.file.reset();
}

TEST_F(AttributesTest, ATouchOfAnOpenFileThatWasNotWrittenIsNoNewVersion) {
  const InodeId ino = Put("a", "hello");
  Opened writer = Open(ino, O_RDWR);
  const Generation generation = AttrOf(ino).generation;
  SetMtime(ino, 5);
  ASSERT_TRUE(writer.file->Flush().ok());
  writer.file.reset();
  EXPECT_EQ(AttrOf(ino).generation, generation);
  EXPECT_EQ(AttrOf(ino).mtime_ns, 5);
}

TEST_F(AttributesTest, HolesAreNotAllocated) {
  constexpr uint64_t kSize = 1 << 30;
  auto made = Create("a");
  const InodeId ino = made.info.attr.ino;
  EXPECT_EQ(AttrOf(ino).allocated_bytes, 0u);
  ASSERT_TRUE(attributes().SetAttr(caller_, ino, {}, kSize).ok());
  Write(*made.open.file, kSize / 2, "data");
  EXPECT_GT(AttrOf(ino).allocated_bytes, 0u);
  EXPECT_LT(AttrOf(ino).allocated_bytes, 1u << 20);
  ASSERT_TRUE(made.open.file->Flush().ok());
  made.open.file.reset();
  EXPECT_GT(AttrOf(ino).allocated_bytes, 0u);
  EXPECT_LT(AttrOf(ino).allocated_bytes, 1u << 20);
}

TEST_F(AttributesTest, WhatIsNotHereCountsAsAllocated) {
  const InodeId ino = Incomplete("a");
  const uint64_t size = AttrOf(ino).size_bytes;
  EXPECT_GE(AttrOf(ino).allocated_bytes, size);
  Opened writer = Open(ino, O_RDWR);
  Write(*writer.file, 0, "b");
  EXPECT_GE(AttrOf(ino).allocated_bytes, size);
  ASSERT_TRUE(writer.file->Flush().ok());
  EXPECT_GE(AttrOf(ino).allocated_bytes, size);
  writer.file.reset();
}

TEST_F(AttributesTest, TheKernelKeepsItsPagesWhereItSeesEachChange) {
  kernel().SetBacking(nullptr);
  const InodeId ino = Put("a", "hello");
  Opened cached = Open(ino, O_RDONLY);
  EXPECT_EQ(cached.mode, IoMode::kCached);
  EXPECT_TRUE(cached.keep_cache);
  cached.file.reset();
}

// Passes everything on. `after_look` is called when the attributes are read and not yet returned.
class WatchedFiles final : public role::Files {
 public:
  explicit WatchedFiles(role::Files& files) : files_(files) {}
  Result<role::FileInfo> GetAttr(InodeId ino) override {
    Result<role::FileInfo> info = files_.GetAttr(ino);
    if (after_look) std::exchange(after_look, {})();
    return info;
  }
  Result<role::FileInfo> GetKnownAttr(InodeId ino) override { return files_.GetKnownAttr(ino); }
  Result<role::FileInfo> SetAttr(const role::Caller& caller, InodeId ino,
                                 const role::AttrChange& change) override {
    return files_.SetAttr(caller, ino, change);
  }
  Result<std::string> ReadLink(InodeId ino) override { return files_.ReadLink(ino); }
  Result<std::string> GetXattr(InodeId ino, std::string_view name) override {
    return files_.GetXattr(ino, name);
  }
  Result<std::vector<std::string>> ListXattrs(InodeId ino) override {
    return files_.ListXattrs(ino);
  }
  Status SetXattr(const role::Caller& caller, InodeId ino, std::string_view name,
                  std::string_view value, role::XattrMode mode) override {
    return files_.SetXattr(caller, ino, name, value, mode);
  }
  Status RemoveXattr(const role::Caller& caller, InodeId ino, std::string_view name) override {
    return files_.RemoveXattr(caller, ino, name);
  }
  Result<role::FileInfo> CommitWrite(const role::Caller& caller, InodeId ino,
                                     const role::WriteCommit& commit) override {
    return files_.CommitWrite(caller, ino, commit);
  }
  Status Forget(std::span<const InodeId> inos) override { return files_.Forget(inos); }
  Status SyncLog() override { return files_.SyncLog(); }
  Result<role::StatFs> GetStatFs() override { return files_.GetStatFs(); }

  std::function<void()> after_look;

 private:
  role::Files& files_;
};

class LookBesideACommit : public FileSystemFixture {
 protected:
  role::Files& FilesOfClient() override {
    watched_ = std::make_unique<WatchedFiles>(files());
    return *watched_;
  }
  ~LookBesideACommit() override {
    EXPECT_TRUE(upkeep().Close().ok());
    fs_.reset();  // Before what it has for its coordinator.
  }
  std::unique_ptr<WatchedFiles> watched_;
};

TEST_F(LookBesideACommit, HasTheTimeOfTheWriteBefore) {
  Created made = Create("f");
  Write(*made.open.file, 0, "1");
  ASSERT_TRUE(made.open.file->Flush().ok());
  clock_.Advance(std::chrono::seconds(1));
  Write(*made.open.file, 1, "2");
  const role::Attr written = AttrOf(made.info.attr.ino);
  watched_->after_look = [&] { EXPECT_TRUE(made.open.file->Flush().ok()); };
  const role::Attr beside = AttrOf(made.info.attr.ino);
  EXPECT_EQ(beside.mtime_ns, written.mtime_ns);
  EXPECT_EQ(beside.ctime_ns, written.ctime_ns);
  made.open.file.reset();
}

TEST_F(LookBesideACommit, HasTheSizeThoughTheWriterLeavesMeanwhile) {
  Created made = Create("f");
  ASSERT_TRUE(made.open.file->Flush().ok());
  Write(*made.open.file, 0, "12345");
  const role::Attr written = AttrOf(made.info.attr.ino);
  watched_->after_look = [&] { made.open.file.reset(); };
  const role::Attr beside = AttrOf(made.info.attr.ino);
  EXPECT_EQ(beside.size_bytes, 5u);
  EXPECT_EQ(beside.mtime_ns, written.mtime_ns);
  EXPECT_TRUE(beside.may_change);
}

}  // namespace
}  // namespace tarn::client
