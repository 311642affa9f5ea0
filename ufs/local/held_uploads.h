#pragma once

// The reserved names that this process uses now. A file of another reserved name is a leftover of a
// dead process. Thread-safe.

#include <set>
#include <string>

#include "base/mutex.h"
#include "base/random.h"

namespace tarn::ufs {

class HeldUploads {
 public:
  explicit HeldUploads(uint64_t seed) : random_(seed) {}

  std::string NewName();  // A reserved name that no file has, in all probability.
  void Hold(const std::string& upload_id);
  void LetGo(const std::string& upload_id);
  bool IsHeld(const std::string& upload_id);

 private:
  Mutex mutex_;  // A leaf.
  Random random_ GUARDED_BY(mutex_);
  std::set<std::string> held_ GUARDED_BY(mutex_);
};

}  // namespace tarn::ufs
