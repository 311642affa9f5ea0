#pragma once

// Files that a directory of the cache keeps empty after they were removed, for the next ones to be
// made of: on ext4 and XFS a rename is several times as fast as making an inode, and ext4 looks for
// one past every inode freed in the last minute. Thread-safe, blocking.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "cache/files/open_file.h"

namespace tarn::cache {

class SpareFiles {
 public:
  static constexpr size_t kMost = 4096;

  // `directory` outlives this; its subdirectory `spare` is made when it is first needed. What is
  // there from an earlier run is taken over. On other file systems nothing is ever kept.
  explicit SpareFiles(int directory);

  // True: `name` is no more, and its bytes are freed. False: it is as it was, because there are
  // enough spares, or it may be in use, or it could not be done.
  bool Keep(const char* name);
  // An empty file with this name, as if just made, O_RDWR. Invalid: there is no spare, or it could
  // not be done; the name is not there then.
  Descriptor Take(const char* name);

  size_t size() const;

 private:
  void Adopt();
  bool MakeSubdirectory();
  // The file by a path below `directory_`.
  bool Empty(const std::string& path) const;

  const int directory_;
  const bool worthwhile_;
  mutable Mutex mutex_;  // Held over no I/O, but for the making of the subdirectory.
  bool made_ GUARDED_BY(mutex_) = false;
  uint64_t next_ GUARDED_BY(mutex_) = 0;
  std::vector<uint64_t> spares_ GUARDED_BY(mutex_);
};

}  // namespace tarn::cache
