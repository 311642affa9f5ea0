#pragma once

// What the process does with open files at large: count, commit, take away, close. Thread-safe;
// blocks.

#include <cstdint>
#include <span>
#include <vector>

#include "base/ids.h"
#include "base/status.h"

namespace tarn::client {

class Upkeep {
 public:
  virtual ~Upkeep() = default;

  virtual uint64_t OpenFiles() const = 0;  // How many OpenFiles exist.
  // Inodes that an OpenFile, or a mapping that outlived it, still uses.
  virtual std::vector<InodeId> OpenInodes() = 0;
  // How many unlinked inodes are not forgotten yet: their deletes are not in the persist queue.
  virtual uint64_t Forgetting() = 0;
  // Commits every open file that has changed. Returns the first error, after trying all.
  virtual Status CommitOpen() = 0;
  // Erases the contents of inodes whose source is taken away. Where a program has written bytes
  // that the source lacks, its further writes, fsync and close fail with kIo.
  virtual Status Discard(std::span<const InodeId> inodes) = 0;
  // Commits every open file and stops the background threads. Files that are still open can be
  // used, flushed and released until the FileSystem is destroyed.
  virtual Status Close() = 0;
};

}  // namespace tarn::client
