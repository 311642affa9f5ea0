#pragma once

// A UFS whose source may be missing: one that could not be opened at start, or that was unmounted.
// Until it is provided, and after it is withheld, every call answers kIo with the reason.
// Thread-safe.

#include <memory>

#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

class LateUfs : public UnderFileSystem {
 public:
  // Calls go to `source` from now on. Once, and with attributes exactly if they were expected.
  virtual void Provide(std::unique_ptr<UnderFileSystem> source) = 0;
  // The source is let go of when the calls under way, and uploads begun on it, are over.
  virtual void Withhold(Status why) = 0;
  virtual Status State() const = 0;  // OK: calls go to a source; otherwise why not.
};

// `expected` is what Traits answers until the source has its own say.
std::unique_ptr<LateUfs> NewLateUfs(const UfsTraits& expected);

}  // namespace tarn::ufs
