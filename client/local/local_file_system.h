#pragma once

// FileSystem over a cache store in this process. Internal to client/: see file_system.h for the
// contract.

#include <atomic>
#include <deque>
#include <memory>

#include "base/mutex.h"
#include "client/file_system.h"
#include "client/local/handle.h"
#include "client/local/held_by_kernel.h"
#include "client/local/open_table.h"
#include "client/local/settled_log.h"

namespace tarn::client {

inline constexpr uint64_t kWholeFile = UINT64_MAX;

class LocalFileSystem final : public FileSystem {
 public:
  LocalFileSystem(const Dependencies& dependencies, const Options& options);
  ~LocalFileSystem() override;

  void SetBacking(Backing* backing) override { backing_ = backing; }
  void SetInvalidator(std::function<void(const role::Change&)> invalidator) override;

  void SetKernelHolds(std::function<bool(InodeId)> holds) override {
    held_.SetAsker(std::move(holds));
  }
  void KernelForgot(InodeId ino) override {
    if (held_.Forgot(ino)) QueueReap(ino);
  }

  Result<role::FileInfo> Lookup(const role::Caller&, InodeId, std::string_view) override;
  Result<role::FileInfo> GetAttr(InodeId) override;
  Result<role::FileInfo> LearnAttributes(InodeId, Next) override;
  Result<role::FileInfo> SetAttr(const role::Caller&, InodeId, const role::AttrChange&,
                                 std::optional<uint64_t> size_bytes) override;
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
  Result<std::string> GetXattr(InodeId, std::string_view) override;
  Result<std::vector<std::string>> ListXattrs(InodeId) override;
  Status SetXattr(const role::Caller&, InodeId, std::string_view, std::string_view,
                  role::XattrMode) override;
  Status RemoveXattr(const role::Caller&, InodeId, std::string_view) override;
  Result<role::StatFs> GetStatFs() override;

  Result<OpenReply> Open(const role::Caller&, InodeId, int flags) override;
  Result<Created> Create(const role::Caller&, InodeId, std::string_view, uint32_t mode,
                         int flags) override;
  Result<Created> CreateUnnamed(const role::Caller&, InodeId, uint32_t mode, int flags) override;
  Result<size_t> Read(HandleId, uint64_t, std::span<std::byte>) override;
  Result<InPlace> ReadInPlace(HandleId, uint64_t, size_t) override;
  Status Write(HandleId, uint64_t, std::span<const std::byte>, SetId) override;
  std::optional<uint32_t> SetgidGroup(InodeId) override;
  Status ClearPrivileges(InodeId, SetId) override;
  Status Allocate(HandleId, int mode, uint64_t, uint64_t, SetId) override;
  Result<uint64_t> Seek(HandleId, int64_t, int whence) override;
  Result<size_t> CopyRange(HandleId, uint64_t, HandleId, uint64_t, size_t, SetId) override;
  Status Flush(HandleId) override;
  Status Fsync(HandleId) override;
  Status SyncDirectory(InodeId) override;
  void Release(HandleId) override;
  uint64_t OpenHandles() const override { return open_handles_; }
  std::vector<InodeId> OpenInodes() override;
  uint64_t Forgetting() override;
  Status CommitOpen() override;
  Status Discard(std::span<const InodeId> inodes) override;
  Status Close() override;

 private:
  enum class Durable { kPolicy, kAlways };

  // open.cc
  Status EnsureLive(OpenInode& inode) REQUIRES(inode.mutex);
  Status EnsureLearnt(const role::Caller& caller, OpenInode& inode, Next next);
  Status LoadLive(OpenInode& inode, const role::FileInfo& info) REQUIRES(inode.mutex);
  Result<Created> OpenExisting(const role::Caller& caller, InodeId parent, std::string_view name,
                               int flags);
  // A handle for an inode that was made for it just now; it is the inode's one writer.
  Result<Created> OpenNew(role::FileInfo info, int flags);
  Status TruncateForReader(const role::Caller& caller, InodeId ino);
  Status AdmitWriter(OpenInode& inode, cache::CacheStore::Truncate truncate) REQUIRES(inode.mutex);
  void RemoveWriter(OpenInode& inode) REQUIRES(inode.mutex);
  Status OpenForWriting(OpenInode& inode, int flags);
  static Status CheckDescriptor(OpenInode& inode, int flags) REQUIRES(inode.mutex);
  IoMode ChooseMode(OpenInode& inode, int flags) REQUIRES(inode.mutex);
  // After AdmitWriter, if the flags are a writer's; an error removes it.
  Result<OpenReply> AddHandle(Hold& hold, int flags);
  void CloseInode(OpenInode& inode) REQUIRES(inode.mutex);
  void CompleteSmall(OpenInode& inode);
  Status WithBackPressure(const std::function<Status()>& attempt);
  static Handle& Of(HandleId handle) { return *reinterpret_cast<Handle*>(handle.value); }

  // attributes.cc
  // Attributes that were read after `since`, a moment of settled_.
  void Overlay(role::FileInfo& info, uint64_t since);
  Status WithUncommitted(const role::Attr& attr, const std::function<Status(OpenInode&)>& use);
  void OverlayLive(OpenInode& inode, role::FileInfo& info) REQUIRES(inode.mutex);
  Result<role::FileInfo> SetAttributes(const role::Caller& caller, InodeId ino,
                                       const role::AttrChange& change);
  void NoteModeChange(InodeId ino);
  Status Truncate(const role::Caller& caller, InodeId ino, uint64_t size_bytes);
  Status ResizeLive(OpenInode& inode, uint64_t size_bytes);
  Status FillBoundary(OpenInode& inode, uint64_t size_bytes);

  // commit.cc
  Status CommitChanges(OpenInode& inode, Durable durable) REQUIRES(inode.mutex);
  Status TryCommit(OpenInode& inode, Durable durable) REQUIRES(inode.mutex);
  Status CommitNow(OpenInode& inode, int64_t mtime_ns, bool sync) REQUIRES(inode.mutex);
  static void SyncAhead(Handle& handle);
  void SettleOrLinger(OpenInode& inode) REQUIRES(inode.mutex);
  // A file without a name got its first one: its bytes are committed, at the latest when they are
  // closed.
  Status CommitNamed(InodeId ino);

  // data.cc
  Status DeferIfReplaced(OpenInode& inode, const Status& error);
  Status ApplySetId(OpenInode& inode, SetId setid);
  Result<size_t> CopyThrough(HandleId from, uint64_t from_offset, HandleId to, uint64_t to_offset,
                             size_t length_bytes);
  Status FillEdges(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes);

  // pages.cc
  static Status WithPages(const std::function<Status()>& change,
                          const std::function<Status()>& fetch);
  // kIo for what is out of reach.
  static Status Unreachable(const Status& status);
  // Runs `read` until the object is where it was looked for.
  using ReadSource = std::function<Status(cache::LiveFile&, const role::Binding&)>;
  Status WithBinding(OpenInode& inode, const ReadSource& read);
  // Pages of an inode that the caller holds, with its live file. `length_bytes` kWholeFile: all.
  using ReadFile = std::function<Result<size_t>(cache::LiveFile&)>;
  Result<size_t> ReadPages(HandleId id, uint64_t offset_bytes, uint64_t length_bytes,
                           const ReadFile& read);
  Status FetchPages(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes);
  Status FillPages(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes);
  Status CheckBase(OpenInode& inode);
  Result<size_t> ReadThrough(HandleId id, uint64_t offset_bytes, std::span<std::byte> out);
  Status ReadBase(Handle& handle, uint64_t offset_bytes, std::span<std::byte> out);
  enum class Rebound {
    kSame,
    kElsewhere,  // There is a newer one to try.
    kChanging,   // There will be.
  };
  Rebound RefreshBinding(OpenInode& inode, const role::Binding& failed);

  // background.cc
  // In the background: forgets the inode unless it is open. `size_bytes`: what that may free.
  void QueueReap(InodeId ino, uint64_t size_bytes = 0);
  // The same for an inode that has just lost its last name, as its open handles learn at once.
  void Reap(InodeId ino, uint64_t size_bytes = 0);
  bool AwaitPause(const std::stop_token& stop);  // False: stopped.
  void QueueOrphans();
  // True: its content is gone, and it is to be forgotten.
  bool ReapContent(InodeId ino);
  void ReapNow(const std::deque<InodeId>& batch);
  void RunReaper(const std::stop_token& stop);
  void RunSweeper(const std::stop_token& stop);
  void StopThreads();  // And joins them. Idempotent.
  void WatchLingering();
  void OnChange(const role::Change& change);
  // The kernel asks for the inode's attributes again.
  void InvalidateAttributes(InodeId ino);

  const Dependencies deps_;
  const Options options_;
  const role::Caller self_;  // For what no request asks for.
  std::atomic<Backing*> backing_{nullptr};
  std::atomic<uint64_t> open_handles_{0};
  MemoryBudget passing_budget_;
  OpenTable table_;
  SettledLog settled_;
  // Held shared while the invalidator runs, which may wait for requests that call it as well. It
  // must not call back into set.
  SharedMutex invalidator_mutex_;
  std::function<void(const role::Change&)> invalidator_ GUARDED_BY(invalidator_mutex_);
  HeldByKernel held_;
  Mutex reap_mutex_;
  CondVar reap_ready_;
  std::deque<InodeId> reap_ GUARDED_BY(reap_mutex_);
  uint64_t reap_bytes_ GUARDED_BY(reap_mutex_) = 0;
  size_t reaping_ GUARDED_BY(reap_mutex_) = 0;  // Taken from there.
  std::atomic<uint64_t> lingering_{0};
  struct Threads;
  std::unique_ptr<Threads> threads_;  // Ended, and joined, first.
};

}  // namespace tarn::client
