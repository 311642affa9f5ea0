#pragma once

// For the tests of client/: the file system over the real namespace, cache and filler, all in
// memory, with a clock that tests move, and short names for its calls.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "client/file_system.h"
#include "client/testing/request_clock.h"
#include "kv/memory.h"
#include "meta/namespace.h"
#include "ufs/faults.h"
#include "ufs/memory.h"
#include "worker/filler.h"
#include "worker/persisting/action.h"
#include "worker/testing/fakes.h"

namespace tarn::client {

using cache::kPageBytes;
using worker::Bytes;

// The worker's pages, without its read-ahead: what is here is what was asked for.
class DemandedPages final : public PageSource {
 public:
  explicit DemandedPages(worker::Filler& filler) : filler_(filler) {}
  Status Fill(cache::LiveFile& file, const role::Binding& binding, uint64_t offset_bytes,
              uint64_t length_bytes) override {
    if (vanishing_ > 0) {
      --vanishing_;
      return OkStatus();
    }
    return filler_.Fill(file, binding, offset_bytes, length_bytes);
  }
  Status FillWhole(cache::LiveFile& file, const role::Binding& binding) override {
    return filler_.FillWhole(file, binding);
  }
  Status ReadThrough(const role::Binding& binding, uint64_t offset_bytes,
                     std::span<std::byte> out) override {
    return filler_.ReadThrough(binding, offset_bytes, out);
  }
  Status CheckReadable(const role::Binding& binding) override {
    return filler_.CheckReadable(binding);
  }
  void NoteRead(const ContentId&, const role::Binding&, uint64_t, uint64_t, ReadHistory&) override {
  }

  // What the next calls of Fill fetch is gone again when they return.
  void Vanish(int times) { vanishing_ = times; }

 private:
  worker::Filler& filler_;
  int vanishing_ = 0;
};

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

class FileSystemFixture : public ::testing::Test {
 protected:
  FileSystemFixture() : below_(ufs::NewMemoryUfs(clock_)), store_(kv::NewMemoryStore(clock_)) {
    ufs::FaultyUfs faulty = ufs::NewFaultyUfs(*below_, clock_);
    faults_ = faulty.faults;
    EXPECT_TRUE(mounts_.Add(worker::kMount, std::move(faulty.ufs)).ok());
    meta_options_.sync_interval = Nanos(-1);
    meta_options_.persist_delay = Nanos(0);
    options_.orphan_scan_interval = std::chrono::hours(10'000);
  }
  ~FileSystemFixture() override {
    clock_.OnWait({});
    if (fs_) {
      EXPECT_TRUE(fs_->Close().ok());
    }
  }

  // Made at the first call, with the options as they are then.
  FileSystem& fs() {
    if (!fs_) Start();
    return *fs_;
  }
  role::Files& files() { return namespace_->GetFiles(); }
  virtual role::Files& FilesOfClient() { return files(); }
  role::PersistQueue& queue() { return namespace_->GetPersistQueue(); }

  // A file of the source, made by somebody else.
  InodeId Outside(const std::string& name, std::string_view text) {
    worker::PutObject(*below_, name, text);
    return Find(name);
  }
  InodeId Find(const std::string& name) {
    auto found = fs().Lookup(caller_, kRootInode, name);
    EXPECT_TRUE(found.ok()) << found.status().ToString();
    return found.ok() ? found->attr.ino : InodeId();
  }
  FileSystem::Created Create(const std::string& name) {
    auto made = fs().Create(caller_, kRootInode, name, 0644, O_RDWR | O_EXCL);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return *made;
  }
  OpenReply Open(InodeId ino, int flags) {
    auto opened = fs().Open(caller_, ino, flags);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return *opened;
  }
  // Created, written, closed.
  InodeId Put(const std::string& name, std::string_view text) {
    FileSystem::Created made = Create(name);
    Write(made.open.handle, 0, text);
    EXPECT_TRUE(fs().Flush(made.open.handle).ok());
    fs().Release(made.open.handle);
    return made.info.attr.ino;
  }
  void Write(HandleId handle, uint64_t offset, std::string_view text) {
    Status written = fs().Write(handle, offset, Bytes(text), FileSystem::SetId::kKeep);
    EXPECT_TRUE(written.ok()) << written.ToString();
  }
  Result<std::string> TryRead(HandleId handle, uint64_t offset, size_t length) {
    std::string text(length, '\0');
    ASSIGN_OR_RETURN(size_t got,
                     fs().Read(handle, offset, std::as_writable_bytes(std::span(text))));
    text.resize(got);
    return text;
  }
  std::string Read(HandleId handle, uint64_t offset, size_t length) {
    auto text = TryRead(handle, offset, length);
    return text.ok() ? *std::move(text) : text.status().ToString();
  }
  std::string Contents(InodeId ino) {
    const HandleId handle = Open(ino, O_RDONLY).handle;
    std::string text = Read(handle, 0, AttrOf(ino).size_bytes + 1);
    fs().Release(handle);
    return text;
  }
  role::Attr AttrOf(InodeId ino) {
    auto info = fs().GetAttr(ino);
    EXPECT_TRUE(info.ok()) << info.status().ToString();
    return info.ok() ? info->attr : role::Attr{};
  }
  // As committed, whatever the live file says.
  role::Attr CommittedOf(InodeId ino) { return files().GetAttr(ino)->attr; }
  bool Forgotten(InodeId ino) {
    return files().GetAttr(ino).code() == Code::kStale && !cache_->Find(ino);
  }
  Nanos Since(MonotonicTime begin) const { return clock_.Now() - begin; }

  // False if it is not so after a minute. Each look passes `step` of the clock's time.
  bool Eventually(const std::function<bool()>& is_so, Nanos step = std::chrono::milliseconds(20)) {
    for (int i = 0; i < 60'000 && !is_so(); ++i) {
      clock_.Advance(step);
      SystemClock().SleepFor(std::chrono::milliseconds(1), {});
    }
    return is_so();
  }
  bool AllForgotten() {
    return Eventually([&] { return fs().Forgetting() == 0; });
  }
  // Does what the queue has due, as the worker would.
  void PersistDue();
  void PersistDue(role::TaskClass size, size_t most = 100);

  const role::Caller caller_{SessionId(1), 0, 1000, 1000};
  RequestClock clock_;
  std::unique_ptr<ufs::UnderFileSystem> below_;
  ufs::UfsFaults* faults_ = nullptr;
  ufs::UfsMounts mounts_;
  std::unique_ptr<kv::Store> store_;
  meta::MetaOptions meta_options_;
  Options options_;
  uint64_t cache_bytes_ = 64 << 20;
  std::unique_ptr<meta::Namespace> namespace_;
  std::unique_ptr<cache::CacheStore> cache_;
  std::unique_ptr<worker::Filler> filler_;
  std::unique_ptr<DemandedPages> pages_;
  std::unique_ptr<FileSystem> fs_;

 private:
  void Start();
};

}  // namespace tarn::client
