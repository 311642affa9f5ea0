#pragma once

// Commits: the bytes of a live file become a generation of its inode. First the cache, then the
// coordinator. Thread-safe; blocks on the local disk and on metadata calls, never on the source.

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/clock.h"
#include "base/ids.h"
#include "base/status.h"
#include "host/open_table.h"
#include "host/settled_log.h"
#include "role/files.h"
#include "role/types.h"
#include "role/writers.h"

namespace tarn::host {

struct CommitOptions {
  bool sync_on_close = true;  // tarn.write.cache.sync.on.close
};

// What a commit makes durable.
enum class Durable {
  kPolicy,  // What CommitOptions say.
  kAlways,  // Its bytes and its attributes.
};

class Committer {
 public:
  // All references outlive it.
  struct Dependencies {
    role::Files& files;
    role::Writers& writers;
    Clock& clock;
    OpenTable& table;
  };
  Committer(const Dependencies& dependencies, const CommitOptions& options);

  // Commits what was written since the last commit, if anything was. A failure leaves it to the
  // next commit. kIo: bytes that were written are lost. kNoSpace.
  Status CommitChanges(OpenInode& inode, Durable durable) REQUIRES(inode.mutex);
  // Call it after the last writer has gone, and after a commit. The content settles, unless a
  // mapping may still write: then the inode lingers, and WatchLingering looks at it again.
  void SettleOrLinger(OpenInode& inode) REQUIRES(inode.mutex);

  // What close(2) of a handle that writes must return.
  Status Flush(OpenInode& inode);
  // What fsync(2) must return: attributes and names are durable too, whatever the options say.
  Status Fsync(OpenInode& inode);
  // Writes dirty pages back before a lock is taken, so that a large commit does not hold up every
  // reader of the attributes. The commit's own sync finds little left, and reports the errors. Call
  // it with a handle that writes, which keeps the descriptor open.
  void SyncAhead(OpenInode& inode);

  // Commits every inode of the table that has changed. Returns the first error, after trying all.
  Status CommitOpen();
  void SettleOpen();  // At the end of the process.
  // Commits and settles the inodes that linger. Calls `on_commit`, with no lock held, for each that
  // a mapping had changed.
  void WatchLingering(const std::function<void(InodeId)>& on_commit);
  // The inodes that settled lately.
  const SettledLog& settled() const { return settled_; }

 private:
  Status TryCommit(OpenInode& inode, Durable durable) REQUIRES(inode.mutex);
  Status CommitNow(OpenInode& inode, int64_t mtime_ns, bool sync) REQUIRES(inode.mutex);
  Status NoteFailure(OpenInode& inode, const role::WriteCommit& commit, Status failure)
      REQUIRES(inode.mutex);

  const Dependencies deps_;
  const CommitOptions options_;
  const role::Caller self_;  // The caller of changes that no request asks for.
  SettledLog settled_;
  std::atomic<uint64_t> lingering_{0};  // How many inodes linger.
};

}  // namespace tarn::host
