#pragma once

// For the tests of client/: the file system over the real namespace, cache and filler, all in
// memory, with a clock that tests move, and short names for its calls.

#include <fcntl.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "client/dependencies.h"
#include "client/file_system.h"
#include "client/testing/fake_backing.h"
#include "client/testing/request_clock.h"
#include "host/page_reader.h"
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

// The worker's pages without read-ahead: only pages that a test reads are present.
class DemandedPages final : public host::PageReader {
 public:
  explicit DemandedPages(worker::Filler& filler) : filler_(filler) {}
  Status Fill(cache::LivePages& file, const role::Binding& binding, uint64_t offset_bytes,
              uint64_t length_bytes) override {
    if (vanishing_ > 0) {
      --vanishing_;
      return OkStatus();
    }
    return filler_.Fill(file, binding, offset_bytes, length_bytes);
  }
  Status FillWhole(cache::LivePages& file, const role::Binding& binding) override {
    return filler_.FillWhole(file, binding);
  }
  Status ReadThrough(const role::Binding& binding, uint64_t offset_bytes,
                     std::span<std::byte> out) override {
    return filler_.ReadThrough(binding, offset_bytes, out);
  }
  Status CheckReadable(const role::Binding& binding) override {
    return filler_.CheckReadable(binding);
  }
  void NoteRead(const ContentId&, const role::Binding&, uint64_t, uint64_t,
                host::ReadHistory&) override {}

  // The next `times` calls of Fill return without pages, as if these vanished at once.
  void Vanish(int times) { vanishing_ = times; }

 private:
  worker::Filler& filler_;
  int vanishing_ = 0;
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
      EXPECT_TRUE(upkeep().Close().ok());
    }
  }

  // The first call makes it, with the options of that moment.
  FileSystem& fs() {
    if (!fs_) Start();
    return *fs_;
  }
  Names& names() { return fs().GetNames(); }
  Attributes& attributes() { return fs().GetAttributes(); }
  Xattrs& xattrs() { return fs().GetXattrs(); }
  Opener& opener() { return fs().GetOpener(); }
  KernelSide& kernel() { return fs().GetKernelSide(); }
  Upkeep& upkeep() { return fs().GetUpkeep(); }
  role::Files& files() { return namespace_->GetFiles(); }
  virtual role::Files& FilesOfClient() { return files(); }
  role::PersistQueue& queue() { return namespace_->GetPersistQueue(); }

  // A file of the source, made by another client.
  InodeId Outside(const std::string& name, std::string_view text) {
    worker::PutObject(*below_, name, text);
    return Find(name);
  }
  InodeId Find(const std::string& name) {
    auto found = names().Lookup(caller_, kRootInode, name);
    EXPECT_TRUE(found.ok()) << found.status().ToString();
    return found.ok() ? found->attr.ino : InodeId();
  }
  Created Create(const std::string& name) {
    auto made = opener().Create(caller_, kRootInode, name, 0644, O_RDWR | O_EXCL);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return *std::move(made);
  }
  Opened Open(InodeId ino, int flags) {
    auto opened = opener().Open(caller_, ino, flags);
    EXPECT_TRUE(opened.ok()) << opened.status().ToString();
    return *std::move(opened);
  }
  // Created, written, closed.
  InodeId Put(const std::string& name, std::string_view text) {
    Created made = Create(name);
    Write(*made.open.file, 0, text);
    EXPECT_TRUE(made.open.file->Flush().ok());
    return made.info.attr.ino;
  }
  void Write(OpenFile& file, uint64_t offset, std::string_view text) {
    Status written = file.Write(offset, Bytes(text), SetId::kKeep);
    EXPECT_TRUE(written.ok()) << written.ToString();
  }
  Result<std::string> TryRead(OpenFile& file, uint64_t offset, size_t length) {
    std::string text(length, '\0');
    ASSIGN_OR_RETURN(size_t got, file.Read(offset, std::as_writable_bytes(std::span(text))));
    text.resize(got);
    return text;
  }
  std::string Read(OpenFile& file, uint64_t offset, size_t length) {
    auto text = TryRead(file, offset, length);
    return text.ok() ? *std::move(text) : text.status().ToString();
  }
  std::string Contents(InodeId ino) {
    const Opened opened = Open(ino, O_RDONLY);
    return Read(*opened.file, 0, AttrOf(ino).size_bytes + 1);
  }
  role::Attr AttrOf(InodeId ino) {
    auto info = attributes().GetAttr(ino);
    EXPECT_TRUE(info.ok()) << info.status().ToString();
    return info.ok() ? info->attr : role::Attr{};
  }
  // The committed attributes, without those of the live file.
  role::Attr CommittedOf(InodeId ino) { return files().GetAttr(ino)->attr; }
  bool Forgotten(InodeId ino) {
    return files().GetAttr(ino).code() == Code::kStale && !cache_->Find(ino);
  }
  Nanos Since(MonotonicTime begin) const { return clock_.Now() - begin; }

  // Waits up to a minute for `is_so`, and moves the clock by `step` between looks.
  bool Eventually(const std::function<bool()>& is_so, Nanos step = std::chrono::milliseconds(20)) {
    for (int i = 0; i < 60'000 && !is_so(); ++i) {
      clock_.Advance(step);
      SystemClock().SleepFor(std::chrono::milliseconds(1), {});
    }
    return is_so();
  }
  bool AllForgotten() {
    return Eventually([&] { return upkeep().Forgetting() == 0; });
  }
  // Does what the queue has due, like a worker.
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
