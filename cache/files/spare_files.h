#pragma once

// A pool of removed cache files, kept empty in a subdirectory and renamed when a new file is
// needed. On ext4 and XFS a rename is several times as fast as making an inode; to make one, ext4
// looks past every inode freed in the last minute. Thread-safe, blocking.

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

  // `directory` outlives this; its subdirectory `spare` is made when it is first needed. Spares of
  // an earlier run are taken over. On other file systems no file is ever kept.
  explicit SpareFiles(int directory);

  // True: `name` is gone, and its bytes are freed. False: it is as it was, because there are enough
  // spares, or a program may use it, or a call failed.
  bool Keep(const char* name);
  // An empty file with this name, as if just made, O_RDWR. Invalid: there is no spare, or a call
  // failed; no file has the name then.
  Descriptor Take(const char* name);

  size_t size() const;

 private:
  void Adopt();
  bool MakeSubdirectory();
  // Empties the file at `path`, which is below `directory_`. False: it may be in use.
  bool Empty(const std::string& path) const;

  const int directory_;
  const bool worthwhile_;
  mutable Mutex mutex_;  // A leaf. Held over no I/O except making the subdirectory.
  bool made_ GUARDED_BY(mutex_) = false;
  uint64_t next_ GUARDED_BY(mutex_) = 0;
  std::vector<uint64_t> spares_ GUARDED_BY(mutex_);
};

}  // namespace tarn::cache
