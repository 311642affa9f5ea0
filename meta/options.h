#pragma once

// The options of a namespace. Values.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/ids.h"

namespace tarn::meta {

struct MetaOptions {
  // 0: each access asks the UFS. Negative: what is known is never asked for again.
  Nanos sync_interval = std::chrono::minutes(1);
  // How long an access waits for the UFS if what is known is older than the interval.
  Nanos sync_timeout = std::chrono::seconds(10);
  Nanos persist_delay = std::chrono::seconds(1);  // From a commit to its first upload.
  Nanos retry_interval_max = std::chrono::hours(1);
  Nanos ufs_deadline = std::chrono::seconds(60);  // For each UFS call that a user waits for.
  Nanos operation_deadline = std::chrono::seconds(60);
  // How long a write of unknown outcome may still take effect, in stores where that is possible
  // after the call has ended.
  Nanos settling_time = std::chrono::seconds(30);
  // BootAndMount of the directory of the store; empty: unknown.
  std::string boot;
  bool read_only = false;  // The source cannot be written: every change returns kReadOnly.
};

struct RootMount {
  MountId mount{1};
  std::string uri;  // For the user, such as "file:///data".
  // UnderFileSystem::SourceIdentity. Opening returns kInvalid if the store was made for another
  // one.
  std::string identity;
  bool adopt = false;         // Record the new identity instead of returning kInvalid.
  uint32_t root_mode = 0755;  // Mode of the root directory if the UFS has no attributes.
  uint32_t root_uid = 0;
  uint32_t root_gid = 0;
};

}  // namespace tarn::meta
