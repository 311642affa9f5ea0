#pragma once

// A UFS whose source may be missing: it could not be opened at start, or it was unmounted. Before
// Connect and after Disconnect every call answers kIo with the reason. Thread-safe.

#include <memory>

#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

class LateUfs : public UnderFileSystem {
 public:
  // Passes calls to `source` from now on. Call it at most once. `source` must have an
  // AttributeStore if and only if the expected traits said so.
  virtual void Connect(std::unique_ptr<UnderFileSystem> source) = 0;
  // Answers `why` from now on. The source is destroyed when the calls under way and the uploads
  // begun on it are over.
  virtual void Disconnect(Status why) = 0;
  virtual Status State() const = 0;  // OK: connected; otherwise why not.
};

// Traits answers `expected` until a source is connected.
std::unique_ptr<LateUfs> NewLateUfs(const UfsTraits& expected);

}  // namespace tarn::ufs
