#include "meta/ops/operations.h"

namespace tarn::meta::ops {
Result<std::string> PathOf(const Env& env, InodeId ino) {
  return ReadValue<std::string>(
      env, [&](Operation& operation) { return PathTo(operation.txn, ino, operation.reads); });
}

}  // namespace tarn::meta::ops
