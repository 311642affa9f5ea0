#pragma once

// FileSystem over a cache store in this process. Internal to client/: its interfaces are contracts.

#include <atomic>
#include <memory>

#include "base/mutex.h"
#include "client/dependencies.h"
#include "client/file_system.h"
#include "client/local/handle.h"
#include "client/local/seen_at_open.h"
#include "host/back_pressure.h"
#include "host/committer.h"
#include "host/live_files.h"
#include "host/open_table.h"
#include "host/pages.h"
#include "host/reaper.h"

namespace tarn::client {

class LocalFileSystem final : public FileSystem,
                              public Names,
                              public Attributes,
                              public Opener,
                              public KernelSide,
                              public Upkeep {
 public:
  LocalFileSystem(const Dependencies& dependencies, const Options& options);
  ~LocalFileSystem() override;

  Names& GetNames() override { return *this; }
  Attributes& GetAttributes() override { return *this; }
  Xattrs& GetXattrs() override { return *xattrs_; }
  Opener& GetOpener() override { return *this; }
  KernelSide& GetKernelSide() override { return *this; }
  Upkeep& GetUpkeep() override { return *this; }

  Result<role::FileInfo> Lookup(const role::Caller&, InodeId, std::string_view) override;
  Result<role::FileInfo> MakeNode(const role::Caller&, InodeId, std::string_view,
                                  const role::CreateSpec&) override;
  Result<role::FileInfo> Link(const role::Caller&, InodeId, InodeId, std::string_view) override;
  Status Unlink(const role::Caller&, InodeId, std::string_view) override;
  Status Rmdir(const role::Caller&, InodeId, std::string_view) override;
  Status Rename(const role::Caller&, InodeId, std::string_view, InodeId, std::string_view,
                role::RenameMode) override;
  Result<role::Names::Listing> ReadDir(const role::Caller&, InodeId, uint64_t, size_t,
                                       role::Names::WithAttrs) override;
  Result<InodeId> ParentOf(InodeId dir) override;
  Result<std::string> ReadLink(InodeId) override;
  Status SyncDirectory(InodeId) override;
  Result<role::FileInfo> GetAttr(InodeId) override;
  Result<role::FileInfo> LearnAttributes(InodeId, Next) override;
  Result<role::FileInfo> SetAttr(const role::Caller&, InodeId, const role::AttrChange&,
                                 std::optional<uint64_t> size_bytes) override;
  std::optional<uint32_t> SetgidGroup(InodeId) override;
  Status ClearPrivileges(InodeId, SetId) override;
  Result<role::StatFs> GetStatFs() override;
  Result<Opened> Open(const role::Caller&, InodeId, int flags) override;
  Result<Created> Create(const role::Caller&, InodeId, std::string_view, uint32_t mode,
                         int flags) override;
  Result<Created> CreateUnnamed(const role::Caller&, InodeId, uint32_t mode, int flags) override;
  void SetBacking(Backing* backing) override { backing_ = backing; }
  void SetInvalidator(std::function<void(const role::Change&)> invalidator) override;
  void SetKernelHolds(std::function<bool(InodeId)> holds) override;
  void KernelForgot(InodeId ino) override;
  uint64_t OpenFiles() const override { return open_files_; }
  std::vector<InodeId> OpenInodes() override;
  uint64_t Forgetting() override { return reaper_->Forgetting(); }
  Status CommitOpen() override;
  Status Discard(std::span<const InodeId> inodes) override;
  Status Close() override;

 private:
  // What a LocalOpenFile does.
  friend class LocalOpenFile;
  Result<size_t> Read(Handle&, uint64_t, std::span<std::byte>);
  Result<OpenFile::InPlace> ReadInPlace(Handle&, uint64_t, size_t);
  Status Write(Handle&, uint64_t, std::span<const std::byte>, SetId);
  Status Allocate(Handle&, int mode, uint64_t, uint64_t, SetId);
  Result<uint64_t> Seek(Handle&, int64_t, int whence);
  Result<size_t> CopyRange(OpenFile& from, uint64_t, Handle& to, uint64_t, size_t, SetId);
  Status Flush(Handle&);
  Status Fsync(Handle&);
  void Release(Handle&);

  // open.cc
  Status EnsureLearnt(const role::Caller& caller, host::OpenInode& inode, Next next);
  Result<Created> OpenExisting(const role::Caller& caller, InodeId parent, std::string_view name,
                               int flags);
  // Opens an inode that was made for this file just now, which is its one writer.
  Result<Created> OpenNew(role::FileInfo info, int flags);
  Status AdmitWriter(host::OpenInode& inode, cache::Truncate truncate) REQUIRES(inode.mutex);
  Status OpenForWriting(host::OpenInode& inode, int flags);
  IoMode ChooseMode(host::OpenInode& inode, int flags) REQUIRES(inode.mutex);
  // After AdmitWriter, if the flags are a writer's; an error removes it.
  Result<Opened> AddHandle(host::Hold& hold, int flags);
  void CloseInode(host::OpenInode& inode) REQUIRES(inode.mutex);
  void CompleteSmall(host::OpenInode& inode);

  // attributes.cc
  // `info` was read after `since`, a moment of the log of settled writers.
  void Overlay(role::FileInfo& info, uint64_t since);
  Status WithUncommitted(const role::Attr& attr,
                         const std::function<Status(host::OpenInode&)>& use);
  void OverlayLive(host::OpenInode& inode, role::FileInfo& info) REQUIRES(inode.mutex);
  Result<role::FileInfo> SetAttributes(const role::Caller& caller, InodeId ino,
                                       const role::AttrChange& change);
  void NoteModeChange(InodeId ino);
  Status Truncate(const role::Caller& caller, InodeId ino, uint64_t size_bytes);
  Status ResizeLive(host::OpenInode& inode, uint64_t size_bytes);
  Status FillBoundary(host::OpenInode& inode, uint64_t size_bytes);

  // data.cc
  Status DeferIfReplaced(host::OpenInode& inode, const Status& error);
  Status ApplySetId(host::OpenInode& inode, SetId setid);
  Result<size_t> CopyThrough(OpenFile& from, uint64_t from_offset, Handle& to, uint64_t to_offset,
                             size_t length_bytes);
  Status FillEdges(host::OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes);

  // background.cc
  void RunSweeper(const std::stop_token& stop);
  void OnChange(const role::Change& change);
  // The kernel asks for the inode's attributes again.
  void InvalidateAttributes(InodeId ino);

  void StopThreads();  // And joins them. Idempotent.

  const Dependencies deps_;
  const Options options_;
  const role::Caller self_;  // The caller of changes that no request asks for.
  std::atomic<Backing*> backing_{nullptr};
  std::atomic<uint64_t> open_files_{0};
  host::OpenTable table_;
  host::Committer committer_;
  host::BackPressure room_;
  host::LiveFiles live_files_;
  host::Pages pages_;
  const std::unique_ptr<host::Reaper> reaper_;
  // Held shared while the invalidator runs, with no other lock held. The invalidator may wait for
  // requests, which call it as well, so it must not call SetInvalidator.
  SharedMutex invalidator_mutex_;
  std::function<void(const role::Change&)> invalidator_ GUARDED_BY(invalidator_mutex_);
  SeenAtOpen seen_;  // For KeptPages::kIfUnchanged.
  const std::unique_ptr<Xattrs> xattrs_;
  struct Sweeper;
  std::unique_ptr<Sweeper> sweeper_;  // Last: its thread uses all of the above.
};

}  // namespace tarn::client
