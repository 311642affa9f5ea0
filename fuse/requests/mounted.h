#pragma once

#include <fuse_lowlevel.h>

#include <functional>

#include "base/clock.h"
#include "base/log_limit.h"
#include "client/file_system.h"
#include "fuse/front_end.h"
#include "fuse/kernel/callers.h"
#include "fuse/kernel/executed_files.h"
#include "fuse/kernel/handle_table.h"
#include "fuse/loop/interrupts.h"
#include "fuse/requests/open_directory.h"

namespace tarn::fuse {

// What the handlers of all requests share: the user data of the session.
struct Mounted {
  client::FileSystem& file_system;
  Clock& clock;
  MountOptions options;
  std::function<void(fuse_conn_info*)> negotiate;  // Called by INIT.
  // Known from INIT on: overlayfs cannot use an inode that the kernel found by a file handle.
  bool handles_fail_overlayfs = false;
  LogLimit failures{};
  LogLimit refusals{};
  HandleTable<client::OpenFile> files{};
  HandleTable<OpenDirectory> directories{};
  Interrupts interrupts{clock};
  ExecutedFiles executed{options.mount_point, options.generation};
  Callers callers{};
};

inline Mounted& MountedOf(fuse_req_t req) { return *static_cast<Mounted*>(fuse_req_userdata(req)); }

}  // namespace tarn::fuse
