#include "meta/ops/operations.h"

namespace tarn::meta::ops {
Result<std::string> PathOf(const Env& env, InodeId ino) {
  return ReadValue<std::string>(
      env, [&](Attempt& attempt) { return PathTo(attempt.txn, ino, attempt.reads); });
}

}  // namespace tarn::meta::ops
