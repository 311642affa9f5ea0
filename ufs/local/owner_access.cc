#include "ufs/local/owner_access.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/log.h"
#include "base/strings.h"
#include "ufs/local/local_paths.h"

namespace tarn::ufs {
namespace {

// Uses /proc because fchmod refuses descriptors of O_PATH.
int Chmod(int object, uint32_t mode) {
  return chmod(Concat("/proc/self/fd/", object).c_str(), mode) == 0 ? 0 : errno;
}

}  // namespace

OwnerAccess::OwnerAccess() : user_(geteuid()) {}

OwnerAccess::Grant::Grant(OwnerAccess& table, int object, uint32_t bits)
    : table_(table), object_(object) {
  if (table_.user_ == 0) return;
  MutexLock lock(table_.mutex_);
  const Result<struct statx> st = StatDescriptor(object);
  if (!st.ok() || st.value().stx_uid != table_.user_ || S_ISLNK(st.value().stx_mode)) return;
  id_ = {DeviceOf(*st), st.value().stx_ino};
  const uint32_t mode = st.value().stx_mode & 07777;
  auto lent = table_.lent_.find(id_);
  if (lent == table_.lent_.end() && (mode & bits) == bits) return;
  // If chmod fails, the change itself fails and reports why.
  if (Chmod(object, mode | bits) != 0) return;
  if (lent == table_.lent_.end()) lent = table_.lent_.emplace(id_, Lent{0, mode}).first;
  ++lent->second.grants;
  granted_ = true;
}

OwnerAccess::Grant::~Grant() {
  if (!granted_) return;
  MutexLock lock(table_.mutex_);
  auto lent = table_.lent_.find(id_);
  if (--lent->second.grants > 0) return;
  const int error = Chmod(object_, lent->second.mode);
  if (error != 0) LogWarning(ErrnoStatus(error, "give a read-only mode back"));
  table_.lent_.erase(lent);
}

Status OwnerAccess::SetMode(int object, uint32_t mode) {
  ASSIGN_OR_RETURN(struct statx st, StatDescriptor(object));
  MutexLock lock(mutex_);
  auto lent = lent_.find({DeviceOf(st), st.stx_ino});
  if (lent != lent_.end()) {
    lent->second.mode = mode;
    return OkStatus();
  }
  const int error = Chmod(object, mode);
  return error == 0 ? OkStatus() : ErrnoStatus(error, "set mode");
}

}  // namespace tarn::ufs
