#pragma once

// The file system as every face (FUSE, S3, command line) uses it: names and attributes from the
// coordinator, bytes from the live file of each open inode. Thread-safe, blocking. Inodes are named
// by number; paths do not exist here.
//
// Each open inode has at most one live file, shared by all its handles. How the kernel reaches it
// is decided at the first open and kept until the last handle is closed:
//   passthrough  the kernel reads and writes the live file itself (complete contents and new
//   files); direct       every read and write comes here (contents not complete on this node);
//   cached       as direct, with the kernel's page cache (where there is no passthrough).

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "cache/cache_store.h"
#include "client/page_source.h"
#include "role/files.h"
#include "role/maintenance.h"
#include "role/names.h"
#include "role/persist_queue.h"
#include "role/types.h"
#include "role/writers.h"

namespace tarn::client {

using HandleId = Id<struct HandleTag>;

enum class IoMode : uint8_t { kPassthrough, kDirect, kCached };

struct OpenReply {
  HandleId handle;
  IoMode mode = IoMode::kDirect;
  int backing_id = 0;       // kPassthrough: what Backing::Register answered.
  bool keep_cache = false;  // kCached: the kernel's pages of this inode are still right.
};

// The kernel's side of passthrough, provided by the FUSE front end. Thread-safe.
class Backing {
 public:
  virtual ~Backing() = default;
  virtual Result<int> Register(int descriptor) = 0;  // kUnsupported: no passthrough here.
  virtual void Unregister(int backing_id) = 0;
};

struct Options {
  bool sync_on_close = true;  // tarn.write.cache.sync.on.close
  bool read_only = false;
  uint64_t fill_at_open_bytes =
      4 << 20;  // Contents up to this are completed at open, so that they pass through.
  // How long a writer waits for room before ENOSPC, while nothing is persisted that would make
  // some.
  Nanos no_space_wait = std::chrono::seconds(10);
  Nanos orphan_scan_interval = std::chrono::minutes(10);  // Unlinked inodes nobody reported.
};

// All outlive the FileSystem.
struct Dependencies {
  role::Names& names;
  role::Files& files;
  role::Writers& writers;
  role::Maintenance& maintenance;
  role::PersistQueue& queue;
  cache::CacheStore& cache;
  PageSource& pages;
  Clock& clock;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;  // Close first.

  // Null: no passthrough (the default). Set before the first open, and to null after the last
  // handle is gone.
  virtual void SetBacking(Backing* backing) = 0;
  // Called from threads that hold nothing, several at a time, when the kernel's caches of something
  // must go. Requests call it too, before their reply.
  virtual void SetInvalidator(std::function<void(const role::Change&)> invalidator) = 0;
  // Answers whether the kernel holds an inode: not only files are opened, and a directory is also
  // held as a working directory, anything by O_PATH or a file handle. An inode without names lives
  // as long. Without an answerer none is held. Called from a thread that holds nothing.
  virtual void SetKernelHolds(std::function<bool(InodeId)> holds) = 0;
  // The kernel has forgotten an inode, or a part of its lookups of it.
  virtual void KernelForgot(InodeId ino) = 0;
  virtual Result<role::FileInfo> Lookup(const role::Caller&, InodeId parent,
                                        std::string_view name) = 0;
  virtual Result<role::FileInfo> GetAttr(InodeId ino) = 0;
  // kRead: a small file is fetched, for its attributes too. kCheck: the kernel forgets the guesses.
  enum class Next : uint8_t { kNothing, kRead, kCheck };
  // Asks the source, if Attr::guessed; then as GetAttr. kStale: the object is gone.
  virtual Result<role::FileInfo> LearnAttributes(InodeId ino, Next next) = 0;
  // `size_bytes` truncates. Times set on an open file outlive its close.
  virtual Result<role::FileInfo> SetAttr(const role::Caller&, InodeId ino,
                                         const role::AttrChange& change,
                                         std::optional<uint64_t> size_bytes) = 0;
  virtual Result<role::FileInfo> MakeNode(const role::Caller&, InodeId parent,
                                          std::string_view name, const role::CreateSpec& spec) = 0;
  virtual Result<role::FileInfo> Link(const role::Caller&, InodeId ino, InodeId parent,
                                      std::string_view name) = 0;
  virtual Status Unlink(const role::Caller&, InodeId parent, std::string_view name) = 0;
  virtual Status Rmdir(const role::Caller&, InodeId parent, std::string_view name) = 0;
  virtual Status Rename(const role::Caller&, InodeId parent, std::string_view name,
                        InodeId new_parent, std::string_view new_name, role::RenameMode mode) = 0;
  virtual Result<role::Names::Listing> ReadDir(const role::Caller&, InodeId dir, uint64_t cursor,
                                               size_t limit, role::Names::WithAttrs attrs) = 0;
  virtual Result<InodeId> ParentOf(InodeId dir) = 0;
  virtual Result<std::string> ReadLink(InodeId ino) = 0;
  // Also "tarn.state", "tarn.generation", "tarn.ufs.key", "tarn.cached": read-only facts about the
  // file.
  virtual Result<std::string> GetXattr(InodeId ino, std::string_view name) = 0;
  virtual Result<std::vector<std::string>> ListXattrs(InodeId ino) = 0;
  virtual Status SetXattr(const role::Caller&, InodeId ino, std::string_view name,
                          std::string_view value, role::XattrMode mode) = 0;
  virtual Status RemoveXattr(const role::Caller&, InodeId ino, std::string_view name) = 0;
  virtual Result<role::StatFs> GetStatFs() = 0;
  // open(2) flags; O_CREAT and O_EXCL are Create's.
  virtual Result<OpenReply> Open(const role::Caller&, InodeId ino, int flags) = 0;
  struct Created {
    role::FileInfo info;
    OpenReply open;
  };
  virtual Result<Created> Create(const role::Caller&, InodeId parent, std::string_view name,
                                 uint32_t mode, int flags) = 0;
  // O_TMPFILE: a file without a name, in `parent`'s file system; Link may give it one. Otherwise it
  // goes when it is closed, or with this process.
  virtual Result<Created> CreateUnnamed(const role::Caller&, InodeId parent, uint32_t mode,
                                        int flags) = 0;
  virtual Result<size_t> Read(HandleId, uint64_t offset_bytes, std::span<std::byte> out) = 0;
  // Where the bytes are instead of a copy of them: to be read from `descriptor` at the same offset,
  // while the handle is open.
  struct InPlace {
    int descriptor = -1;
    size_t length_bytes = 0;  // Less than was asked for only at the end of the file.
  };
  // kNoSpace: there is no such place, since a page finds no room in the cache. Read gives them.
  virtual Result<InPlace> ReadInPlace(HandleId, uint64_t offset_bytes, size_t length_bytes) = 0;
  // What a write takes off a file. kKeep: nothing, since a mapping wrote. kClearCapabilities: the
  // writer has CAP_FSETID. kClear: setuid, and setgid where the group may execute, go as well.
  // kClearAsOutsider: setgid goes in any case, since the writer is not in the file's group.
  enum class SetId : uint8_t { kKeep, kClearCapabilities, kClear, kClearAsOutsider };
  // The group whose members leave setgid to the file when they write; none for most files.
  virtual std::optional<uint32_t> SetgidGroup(InodeId ino) = 0;
  // What a write of the file takes off it, without a write. The kernel learns of it before this
  // returns.
  virtual Status ClearPrivileges(InodeId ino, SetId setid) = 0;
  virtual Status Write(HandleId, uint64_t offset_bytes, std::span<const std::byte> data,
                       SetId setid) = 0;
  virtual Status Allocate(HandleId, int mode, uint64_t offset_bytes, uint64_t length_bytes,
                          SetId setid) = 0;
  // kRange: the offset is outside the file, or in its last hole where data are looked for.
  virtual Result<uint64_t> Seek(HandleId, int64_t offset_bytes, int whence) = 0;
  virtual Result<size_t> CopyRange(HandleId from, uint64_t from_offset, HandleId to,
                                   uint64_t to_offset, size_t length_bytes, SetId setid) = 0;
  // Commits what was written. Its error is close()'s error. Nothing written: nothing done.
  virtual Status Flush(HandleId) = 0;
  virtual Status Fsync(HandleId) = 0;         // As Flush, and durable whatever the policy.
  virtual Status SyncDirectory(InodeId) = 0;  // Every name change made so far survives a power cut.
  virtual void Release(HandleId) = 0;
  virtual uint64_t OpenHandles() const = 0;
  // Those with handles, or mapped by somebody still.
  virtual std::vector<InodeId> OpenInodes() = 0;
  // Unlinked and not yet forgotten: their ends are still to reach the persist queue.
  virtual uint64_t Forgetting() = 0;
  virtual Status CommitOpen() = 0;  // Commits what is open and changed.
  // Their source is taken away, and their contents go. Writers of bytes that it lacks get EIO.
  virtual Status Discard(std::span<const InodeId> inodes) = 0;
  // Commits every open file, stops background work. Handles are invalid afterwards.
  virtual Status Close() = 0;
};

std::unique_ptr<FileSystem> NewFileSystem(const Dependencies& dependencies, const Options& options);

}  // namespace tarn::client
