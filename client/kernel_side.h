#pragma once

// What the file system needs from a face that a kernel is behind, and what that face reports. Other
// faces need none of it. Thread-safe.

#include <functional>

#include "base/ids.h"
#include "base/status.h"
#include "role/types.h"

namespace tarn::client {

// Lends live files to the kernel, for passthrough. Provided by the FUSE front end. Thread-safe.
class Backing {
 public:
  virtual ~Backing() = default;
  // Returns the backing id. kUnsupported: no passthrough here.
  virtual Result<int> Register(int descriptor) = 0;
  virtual void Unregister(int backing_id) = 0;
};

class KernelSide {
 public:
  virtual ~KernelSide() = default;

  // Null, which is the default: no passthrough. Set it before the first open, and to null again
  // after the last OpenFile is gone.
  virtual void SetBacking(Backing* backing) = 0;
  // `invalidator` makes the kernel drop what it has cached of the thing that changed. Several
  // threads call it at a time, holding no lock but one that SetInvalidator takes; requests call it
  // before their reply. Empty: none. On return no call of the former one is in flight.
  virtual void SetInvalidator(std::function<void(const role::Change&)> invalidator) = 0;
  // `holds` tells whether the kernel holds an inode. It does so not only for open files: a
  // directory may be a working directory, and any inode may be held by O_PATH or a file handle. An
  // inode without names lives while the kernel holds it. Called by a thread that holds no lock but
  // one that SetKernelHolds takes. Empty: the kernel holds none.
  virtual void SetKernelHolds(std::function<bool(InodeId)> holds) = 0;
  // The kernel has forgotten an inode, or some of its lookups of it.
  virtual void KernelForgot(InodeId ino) = 0;
};

}  // namespace tarn::client
