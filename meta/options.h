#pragma once

// Options of a namespace. Values.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/ids.h"

namespace tarn::meta {

struct MetaOptions {
  // 0: every access asks the UFS. Negative: what is known is never asked for again.
  Nanos sync_interval = std::chrono::minutes(1);
  // How long an access waits for the UFS if what is known is older than the sync interval.
  Nanos sync_timeout = std::chrono::seconds(10);
  Nanos persist_delay = std::chrono::seconds(1);  // From a commit to its first upload.
  Nanos retry_interval_max = std::chrono::hours(1);
  Nanos ufs_deadline = std::chrono::seconds(60);  // For each UFS call that a user waits for.
  Nanos operation_deadline = std::chrono::seconds(60);
  // How long a write of unknown outcome may still take effect after its call has ended, in stores
  // where that can happen.
  Nanos settling_time = std::chrono::seconds(30);
  // BootAndMount of the store's directory. Empty: unknown.
  std::string boot;
  bool read_only = false;  // The source cannot be written: every change is kReadOnly.
};

struct RootMount {
  MountId mount{1};
  std::string uri;  // "file:///data", for messages.
  // UnderFileSystem::SourceIdentity. kInvalid if the store was made for another source.
  std::string identity;
  bool adopt = false;  // Take the new identity instead of refusing it.
  // Attributes of the root directory, if the UFS has none.
  uint32_t root_mode = 0755;
  uint32_t root_uid = 0;
  uint32_t root_gid = 0;
};

}  // namespace tarn::meta
