#pragma once

// Opens and creates files. Thread-safe; blocks.

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/ids.h"
#include "base/status.h"
#include "client/open_file.h"
#include "role/types.h"

namespace tarn::client {

// How the kernel reaches the bytes of an open inode. The first open decides, and the mode stays
// until the last OpenFile of the inode is gone: the kernel refuses a cached open of an inode that
// passes through.
enum class IoMode : uint8_t {
  // The kernel reads and writes the live file itself: for complete contents and new files.
  kPassthrough,
  // Each read and write comes to the OpenFile: for contents that this machine lacks pages of.
  kDirect,
  // Reads and writes come to the OpenFile, and the kernel keeps pages: where the mount has no
  // passthrough.
  kCached,
};

struct Opened {
  std::unique_ptr<OpenFile> file;
  IoMode mode = IoMode::kDirect;
  int backing_id = 0;       // kPassthrough: the number that Backing::Register returned.
  bool keep_cache = false;  // kCached: the kernel's pages of this inode are still right.
};

struct Created {
  role::FileInfo info;
  Opened open;
};

// `flags` are those of open(2).
class Opener {
 public:
  virtual ~Opener() = default;

  // Ignores O_CREAT and O_EXCL. O_TRUNC truncates. kStale: look the name up again, since it belongs
  // to another inode by now, or since the kernel checked the access by guesses (Attr::guessed).
  // kIsDirectory; kInvalid: no regular file. kReadOnly. kNoSpace: a writer finds no room in the
  // cache. kTooManyFiles. kIo: the bytes are neither here nor in the source.
  virtual Result<Opened> Open(const role::Caller& caller, InodeId ino, int flags) = 0;
  // Makes the file, or opens the one that is there: kExists with O_EXCL. After a failure the name
  // does not exist.
  virtual Result<Created> Create(const role::Caller& caller, InodeId parent, std::string_view name,
                                 uint32_t mode, int flags) = 0;
  // O_TMPFILE: a file without a name, in the mount of `parent`. Names::Link may give it one.
  // Otherwise it is removed when the last OpenFile of it is gone, or at the next start.
  virtual Result<Created> CreateUnnamed(const role::Caller& caller, InodeId parent, uint32_t mode,
                                        int flags) = 0;
};

}  // namespace tarn::client
