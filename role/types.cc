#include "role/types.h"

namespace tarn::role {

const char* PersistStateName(PersistState state) {
  switch (state) {
    case PersistState::kOpen:
      return "OPEN";
    case PersistState::kNotPersisted:
      return "NOT_PERSISTED";
    case PersistState::kPersisting:
      return "PERSISTING";
    case PersistState::kPersisted:
      return "PERSISTED";
    case PersistState::kTransient:
      return "TRANSIENT";
    case PersistState::kLost:
      return "LOST";
    case PersistState::kConflict:
      return "CONFLICT";
  }
  return "UNKNOWN";
}

}  // namespace tarn::role
