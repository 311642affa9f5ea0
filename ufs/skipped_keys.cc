#include "ufs/skipped_keys.h"

#include <functional>

#include "base/log.h"

namespace tarn::ufs {

void SkippedKeys::Note(std::string_view uri, std::string_view why) {
  size_t count = 0;
  {
    const size_t hash = std::hash<std::string_view>()(uri);
    MutexLock lock(mutex_);
    if (seen_.contains(hash)) return;
    if (seen_.size() == kMaxCounted) {
      or_more_ = true;
      return;
    }
    seen_.insert(hash);
    count = seen_.size();
  }
  if (count <= kMaxLogged) LogWarning("not shown: ", uri, ": ", why);
  if (count == kMaxLogged + 1) {
    LogWarning("not shown: more than ", kMaxLogged, " keys, the next is ", uri,
               ": further ones are counted (tarn ufs list) and not named here");
  }
}

SkippedKeys::Count SkippedKeys::Get() const {
  MutexLock lock(mutex_);
  return {seen_.size(), or_more_};
}

}  // namespace tarn::ufs
