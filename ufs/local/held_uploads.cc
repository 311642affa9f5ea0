#include "ufs/local/held_uploads.h"

#include <cstdio>

#include "ufs/local/local_paths.h"

namespace tarn::ufs {

std::string HeldUploads::NewName() {
  MutexLock lock(mutex_);
  char digits[17];
  snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(random_.Next()));
  return std::string(kUploadPrefix) + digits;
}

void HeldUploads::Hold(const std::string& upload_id) {
  MutexLock lock(mutex_);
  held_.insert(upload_id);
}

void HeldUploads::LetGo(const std::string& upload_id) {
  MutexLock lock(mutex_);
  held_.erase(upload_id);
}

bool HeldUploads::IsHeld(const std::string& upload_id) {
  MutexLock lock(mutex_);
  return held_.contains(upload_id);
}

}  // namespace tarn::ufs
