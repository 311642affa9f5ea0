#pragma once

// What a write takes off a file: setuid, setgid, capabilities. Internal to client/. Thread-safe.

#include <cstdint>
#include <optional>

#include "client/local/shared.h"
#include "client/set_id.h"

namespace tarn::client {

class Privileges {
 public:
  explicit Privileges(Shared& shared) : shared_(shared) {}

  // Writers look again whether there is anything to take off the file.
  void NoteModeChange(InodeId ino);
  // See Attributes::SetgidGroup.
  std::optional<uint32_t> SetgidGroup(InodeId ino);
  // The kernel learns of it before the write is answered, since it runs a program by the mode that
  // it has.
  Status Clear(host::OpenInode& inode, SetId setid);

 private:
  Shared& shared_;
};

}  // namespace tarn::client
