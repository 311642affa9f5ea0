#pragma once

// The file system as every face (FUSE, S3, command line) uses it: names and attributes from the
// coordinator, bytes from the live file of each open inode. Thread-safe; blocks. Inodes are named
// by number; paths do not exist here. Each open inode has at most one live file, which all its
// OpenFiles share.

#include <memory>

#include "client/attributes.h"
#include "client/kernel_side.h"
#include "client/names.h"
#include "client/opener.h"
#include "client/upkeep.h"
#include "client/xattrs.h"

namespace tarn::client {

struct Dependencies;
struct Options;

// The parts live as long as it does.
class FileSystem {
 public:
  virtual ~FileSystem() = default;  // Close first. No OpenFile is left.

  virtual Names& GetNames() = 0;
  virtual Attributes& GetAttributes() = 0;
  virtual Xattrs& GetXattrs() = 0;
  virtual Opener& GetOpener() = 0;
  virtual KernelSide& GetKernelSide() = 0;
  virtual Upkeep& GetUpkeep() = 0;
};

// See client/dependencies.h.
std::unique_ptr<FileSystem> NewFileSystem(const Dependencies& dependencies, const Options& options);

}  // namespace tarn::client
