#pragma once

// The inodes that are open for writing. News of the UFS must not replace or remove a file under its
// writer: acknowledged bytes would be lost with the inode. Thread-safe. In memory only: after a
// restart no file is open.

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::meta {

class OpenWriters {
 public:
  // Waits for a commit that is about to replace the inode. Each Begin needs one End.
  void Begin(InodeId ino);
  void End(InodeId ino);

  // The inodes that one transaction is about to replace, remove or change. Lives until it has
  // committed.
  class Claims {
   public:
    explicit Claims(OpenWriters& writers) : writers_(writers) {}
    ~Claims() { Release(); }
    Claims(const Claims&) = delete;
    Claims& operator=(const Claims&) = delete;
    bool Take(InodeId ino);  // False: it is open for writing, and must stay as it is.
    void Release();

   private:
    OpenWriters& writers_;
    std::vector<InodeId> taken_;
  };

 private:
  struct State {
    int writers = 0;
    int claims = 0;
  };
  void Forget(InodeId ino) REQUIRES(mutex_);

  Mutex mutex_;  // Held over no I/O.
  CondVar released_;
  std::unordered_map<InodeId, State> states_ GUARDED_BY(mutex_);
};

}  // namespace tarn::meta
