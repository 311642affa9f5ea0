#pragma once

// The keys of one mount's source that are not shown because no file can have their names. Each is
// logged and counted once, up to fixed limits. Thread-safe.

#include <cstdint>
#include <string_view>
#include <unordered_set>

#include "base/mutex.h"

namespace tarn::ufs {

class SkippedKeys {
 public:
  static constexpr size_t kMaxLogged = 100;
  static constexpr size_t kMaxCounted = 1 << 16;

  // `uri`: the key as users know it. Each of the first kMaxLogged keys gets a line in the log; a
  // last line says that there are more.
  void Note(std::string_view uri, std::string_view why);

  struct Count {
    uint64_t keys = 0;
    bool or_more = false;  // There were more keys after kMaxCounted.
  };
  Count Get() const;

 private:
  mutable Mutex mutex_;                                 // A leaf.
  std::unordered_set<size_t> seen_ GUARDED_BY(mutex_);  // Hashes of at most kMaxCounted keys.
  bool or_more_ GUARDED_BY(mutex_) = false;
};

}  // namespace tarn::ufs
