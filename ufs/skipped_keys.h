#pragma once

// The keys of one mount's source that are not shown, because no file can have their names: told of
// in the log and counted, each once, within bounds whatever the source holds. Thread-safe.

#include <cstdint>
#include <string_view>
#include <unordered_set>

#include "base/mutex.h"

namespace tarn::ufs {

class SkippedKeys {
 public:
  static constexpr size_t kMaxLogged = 100;
  static constexpr size_t kMaxCounted = 1 << 16;

  // `uri`: the key as people know it. The first kMaxLogged keys have a line each, and a last line
  // says that there are more.
  void Note(std::string_view uri, std::string_view why);

  struct Count {
    uint64_t keys = 0;
    bool or_more = false;  // There were others after kMaxCounted.
  };
  Count Get() const;

 private:
  mutable Mutex mutex_;
  std::unordered_set<size_t> seen_ GUARDED_BY(mutex_);  // Hashes, of kMaxCounted keys at most.
  bool or_more_ GUARDED_BY(mutex_) = false;
};

}  // namespace tarn::ufs
