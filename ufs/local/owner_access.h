#pragma once

// Lends the owner missing permission bits on its own files and directories for the length of one
// change. A tree copied with read-only directories must be filled in any order. Root needs no bits.
// Thread-safe.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <utility>

#include "base/mutex.h"
#include "base/status.h"

namespace tarn::ufs {

// The bits that let an owner change the names in a directory.
inline constexpr uint32_t kChangeNames = 0300;

class OwnerAccess {
 public:
  // While it lives the owner has `bits` on `object`, a descriptor that may be one of O_PATH.
  class Grant {
   public:
    Grant(OwnerAccess& table, int object, uint32_t bits);
    ~Grant();
    Grant(const Grant&) = delete;
    Grant& operator=(const Grant&) = delete;

   private:
    OwnerAccess& table_;
    const int object_;
    std::pair<uint64_t, uint64_t> id_;
    bool granted_ = false;
  };

  OwnerAccess();
  // Sets the mode of `object`. It counts once all grants on the object have ended.
  Status SetMode(int object, uint32_t mode);

 private:
  struct Lent {
    int grants = 0;
    uint32_t mode = 0;  // That the object gets when the last grant ends.
  };
  const uid_t user_;
  Mutex mutex_;  // A leaf; held during chmod, which makes a grant atomic.
  std::map<std::pair<uint64_t, uint64_t>, Lent> lent_ GUARDED_BY(mutex_);  // By device and inode.
};

}  // namespace tarn::ufs
