#pragma once

// Changes in directories and files whose owner has taken his own rights away: a tree copied with
// read-only directories must still be filled, in whatever order. Root needs none of this; others
// get the missing bits of their own objects for as long as a change lasts. Thread-safe. Internal to
// ufs/.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <utility>

#include "base/mutex.h"
#include "base/status.h"

namespace tarn::ufs {

class OwnerAccess {
 public:
  // While it lives the owner has the rights asked for.
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
  // Of what the O_PATH descriptor `object` is; outlasts the grants that are out.
  Status SetMode(int object, uint32_t mode);

 private:
  struct Lent {
    int grants = 0;
    uint32_t mode = 0;  // To be when the last grant ends.
  };
  const uid_t user_;
  Mutex mutex_;
  std::map<std::pair<uint64_t, uint64_t>, Lent> lent_ GUARDED_BY(mutex_);  // By device and inode.
};

}  // namespace tarn::ufs
