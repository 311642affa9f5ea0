#pragma once

// Gives open inodes their live files, and counts the writers of these. Thread-safe; blocks on the
// local disk and on metadata calls, never on the source.

#include "base/clock.h"
#include "base/status.h"
#include "cache/cache_store.h"
#include "host/back_pressure.h"
#include "host/committer.h"
#include "host/open_table.h"
#include "role/files.h"
#include "role/types.h"
#include "role/writers.h"

namespace tarn::host {

class LiveFiles {
 public:
  // All references outlive it.
  struct Dependencies {
    role::Files& files;
    role::Writers& writers;
    cache::CacheStore& cache;
    BackPressure& room;
    Committer& committer;
    OpenTable& table;
  };
  explicit LiveFiles(const Dependencies& dependencies) : deps_(dependencies) {}

  // The content on disk, or an empty one that pages are filled into. No-op if the inode has it. A
  // file in LOST, whose bytes are nowhere, gets one only for a truncation to zero. kStale: the
  // inode is gone. kIsDirectory; kInvalid: no regular file. kIo: the bytes are nowhere.
  Status Ensure(OpenInode& inode, cache::Truncate next) REQUIRES(inode.mutex);
  // A new live file for an inode that was made just now, with its one writer. kNoSpace.
  Status Stage(OpenInode& inode, const role::Attr& made) REQUIRES(inode.mutex);

  // Adds a writer to the live file, which is there. Announces the inode to the coordinator, unless
  // it is announced. kNoSpace: no room; the announcement has ended if there is no other writer.
  Status AdmitWriter(OpenInode& inode, cache::Truncate truncate) REQUIRES(inode.mutex);
  // The content settles after the last one.
  void RemoveWriter(OpenInode& inode) REQUIRES(inode.mutex);
  // Commits a file that has got its first name; a writer that has it open does so at its close.
  Status CommitNamed(InodeId ino);

 private:
  Status Load(OpenInode& inode, const role::FileInfo& info, cache::Truncate next)
      REQUIRES(inode.mutex);

  const Dependencies deps_;
};

}  // namespace tarn::host
