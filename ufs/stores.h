#pragma once

// The under file systems. Only main/ and tests name them.

#include <memory>
#include <string>

#include "base/clock.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

// An object store in memory: flat keys, no attributes, conditional writes exact. For tests.
enum class Markers { kNone, kWritten };
// kAttributes: objects keep mode, owner and mtime as those of S3 do, which a listing does not tell,
// and the ETag is of the bytes alone.
enum class Keeps { kBytes, kAttributes };
std::unique_ptr<UnderFileSystem> NewMemoryUfs(const Clock& clock, Markers markers = Markers::kNone,
                                              Keeps keeps = Keeps::kBytes);

// A local directory. `root` must exist and be a directory (kNotFound, kNotDirectory). Uploads in
// progress are files named ".tarn-upload.*" in the target's directory; they are never listed as
// entries. All access is by descriptor below the root: no symlink inside it is ever followed.
Result<std::unique_ptr<UnderFileSystem>> OpenLocalUfs(const std::string& root);
UfsTraits LocalTraits();  // Of every one.

// What goes wrong, and how often; changed while running. Thread-safe.
class UfsFaults {
 public:
  virtual ~UfsFaults() = default;
  // The n-th call from now (1 is the next) answers `status`; with `after_effect` the change was
  // made all the same.
  enum class When { kBeforeEffect, kAfterEffect };
  virtual void FailNth(int n, Status status, When when) = 0;
  virtual void FailAll(Status status) = 0;  // Until Heal: the store is dead.
  virtual void DelayEach(Nanos delay) = 0;
  virtual void ShortenReads(size_t max_bytes) = 0;
  virtual void Heal() = 0;
  virtual int Calls() const = 0;  // Made so far.
};

struct FaultyUfs {
  std::unique_ptr<UnderFileSystem> ufs;  // Wraps `base`, which must outlive it.
  UfsFaults* faults;                     // Owned by ufs.
};
FaultyUfs NewFaultyUfs(UnderFileSystem& base, Clock& clock);

}  // namespace tarn::ufs
