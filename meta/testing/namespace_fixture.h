#pragma once

// For the tests of meta/: a namespace over the memory store and a memory UFS, with short names for
// its calls.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kv/memory.h"
#include "meta/namespace.h"
#include "ufs/memory.h"

namespace tarn::meta {

// Advances by a microsecond with each look, and skips each wait.
class TickingClock final : public Clock {
 public:
  MonotonicTime Now() const override { return MonotonicTime(Nanos(Tick())); }
  int64_t WallNs() const override { return kStartNs + Tick() + set_by_; }
  void SetWallBy(Nanos jump) { set_by_ += jump.count(); }  // Like an operator.
  bool SleepFor(Nanos duration, const std::stop_token& stop) override {
    elapsed_ += duration.count();
    return !stop.stop_requested();
  }

 private:
  static constexpr int64_t kStartNs = 1'700'000'000'000'000'000;
  int64_t Tick() const { return elapsed_ += 1000; }
  mutable std::atomic<int64_t> elapsed_{0};
  std::atomic<int64_t> set_by_{0};
};

class NamespaceFixture : public ::testing::Test {
 protected:
  explicit NamespaceFixture(const kv::MemoryFaults& faults = {},
                            ufs::Markers markers = ufs::Markers::kNone,
                            ufs::Keeps keeps = ufs::Keeps::kBytes)
      : store_(kv::NewMemoryStore(clock_, faults)) {
    auto ufs = ufs::NewMemoryUfs(clock_, markers, keeps);
    ufs_ = ufs.get();
    EXPECT_TRUE(mounts_.Add(MountId(1), std::move(ufs)).ok());
    // Outside changes do not matter here, and nothing asks the clock for them.
    options_.sync_interval = Nanos(-1);
    Open();
  }

  void Open() {
    namespace_.reset();
    RootMount root;
    root.uri = "mem://";
    root.identity = "mem";
    auto opened = OpenNamespace(*store_, mounts_, clock_, options_, root);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    namespace_ = *std::move(opened);
  }

  role::Names& names() { return namespace_->GetNames(); }
  role::Files& files() { return namespace_->GetFiles(); }
  role::Writers& writers() { return namespace_->GetWriters(); }
  role::Maintenance& maintenance() { return namespace_->GetMaintenance(); }

  Result<role::FileInfo> TryMake(InodeId parent, std::string_view name, role::FileType type,
                                 uint32_t mode = 0644) {
    role::CreateSpec spec;
    spec.type = type;
    spec.mode = mode;
    if (type == role::FileType::kSymlink) spec.symlink_target = "target";
    return names().Create(caller_, parent, name, spec);
  }
  InodeId Make(InodeId parent, std::string_view name,
               role::FileType type = role::FileType::kRegular) {
    auto made = TryMake(parent, name, type);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    return made.ok() ? made->attr.ino : InodeId();
  }
  InodeId MakeDir(InodeId parent, std::string_view name) {
    return Make(parent, name, role::FileType::kDirectory);
  }
  Code Look(InodeId parent, std::string_view name) {
    return names().Lookup(caller_, parent, name).code();
  }
  InodeId Find(InodeId parent, std::string_view name) {
    auto found = names().Lookup(caller_, parent, name);
    return found.ok() ? found->attr.ino : InodeId();
  }
  role::Attr AttrOf(InodeId ino) {
    auto info = files().GetAttr(ino);
    EXPECT_TRUE(info.ok()) << info.status().ToString();
    return info.ok() ? info->attr : role::Attr{};
  }
  Code Rename(InodeId from, std::string_view name, InodeId to, std::string_view new_name,
              role::RenameMode mode = role::RenameMode::kReplace) {
    return names().Rename(caller_, from, name, to, new_name, mode).code();
  }
  std::vector<std::string> NamesIn(InodeId dir, size_t page = 1000) {
    std::vector<std::string> found;
    uint64_t cursor = 0;
    for (bool end = false; !end;) {
      auto listing = names().ReadDir(caller_, dir, cursor, page, role::Names::WithAttrs::kNo);
      EXPECT_TRUE(listing.ok()) << listing.status().ToString();
      if (!listing.ok()) break;
      for (const role::DirEntry& entry : listing->entries) found.push_back(entry.name);
      if (!listing->entries.empty()) cursor = listing->entries.back().cursor;
      end = listing->end;
    }
    return found;
  }
  // The inode's first commit, or the next.
  Result<role::FileInfo> Commit(InodeId ino, uint64_t size_bytes) {
    role::WriteCommit commit;
    commit.base = AttrOf(ino).generation;
    commit.generation = Generation(commit.base.value + 1);
    commit.size_bytes = size_bytes;
    commit.mtime_ns = clock_.WallNs();
    commit.synced = true;
    return files().CommitWrite(caller_, ino, commit);
  }

  role::Caller caller_{SessionId(1), 0, 1000, 1000};
  TickingClock clock_;
  MetaOptions options_;
  ufs::UfsMounts mounts_;
  ufs::UnderFileSystem* ufs_ = nullptr;
  std::unique_ptr<kv::Store> store_;
  std::unique_ptr<Namespace> namespace_;
};

}  // namespace tarn::meta
