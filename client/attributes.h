#pragma once

// Attributes of inodes. Thread-safe; blocks. Size and times of a file that is open for writing are
// those of its live file, and Attr::may_change says that the kernel must ask for them each time.

#include <cstdint>
#include <optional>

#include "base/ids.h"
#include "base/status.h"
#include "client/set_id.h"
#include "role/types.h"

namespace tarn::client {

class Attributes {
 public:
  virtual ~Attributes() = default;

  // kStale: the inode is forgotten.
  virtual Result<role::FileInfo> GetAttr(InodeId ino) = 0;
  // What happens to the file next.
  enum class Next : uint8_t {
    kNothing,
    kRead,   // The caller reads it: a small file is fetched, since its attributes come along.
    kCheck,  // The kernel checks an access again: it must forget the guesses that it has cached.
  };
  // Asks the source for attributes that are guesses (Attr::guessed), then returns what GetAttr
  // does. kStale: the object is gone.
  virtual Result<role::FileInfo> LearnAttributes(InodeId ino, Next next) = 0;
  // `size_bytes` truncates, or extends with zeros. A time set while a file is open outlives its
  // commits.
  virtual Result<role::FileInfo> SetAttr(const role::Caller& caller, InodeId ino,
                                         const role::AttrChange& change,
                                         std::optional<uint64_t> size_bytes) = 0;
  // The group whose members leave setgid to the file when they write. Nullopt: its mode is not of
  // that kind, so the writer's groups make no difference.
  virtual std::optional<uint32_t> SetgidGroup(InodeId ino) = 0;
  // Takes off the file what a write would take off. The kernel has dropped the old attributes when
  // this returns.
  virtual Status ClearPrivileges(InodeId ino, SetId setid) = 0;
  virtual Result<role::StatFs> GetStatFs() = 0;
};

}  // namespace tarn::client
