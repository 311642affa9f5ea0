#pragma once

// Which inodes are open for writing. A change found in the UFS must not replace or remove a file
// that a writer has open: bytes acknowledged to the writer would be lost with the inode.
// Thread-safe. In memory only: after a restart no file is open.

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"

namespace tarn::meta {

class OpenWriters {
 public:
  // Pairs with End. Waits for a commit that is about to replace the inode.
  void Begin(InodeId ino);
  void End(InodeId ino);

  // The inodes that one transaction replaces, removes or changes. Hold it until the commit.
  class Claims {
   public:
    explicit Claims(OpenWriters& writers) : writers_(writers) {}
    ~Claims() { Release(); }
    Claims(const Claims&) = delete;
    Claims& operator=(const Claims&) = delete;
    // False: a writer has `ino` open, so the transaction must not change it.
    bool Take(InodeId ino);
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

  Mutex mutex_;  // A leaf; held over no I/O.
  CondVar released_;
  std::unordered_map<InodeId, State> states_ GUARDED_BY(mutex_);
};

}  // namespace tarn::meta
