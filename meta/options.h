#pragma once

// What the opener of a namespace decides. Values.

#include <chrono>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/ids.h"

namespace tarn::meta {

struct MetaOptions {
  // 0: each look asks the UFS; negative: never again once known.
  Nanos sync_interval = std::chrono::minutes(1);
  // How long an access waits for the UFS when what is known is older than that.
  Nanos sync_timeout = std::chrono::seconds(10);
  Nanos persist_delay = std::chrono::seconds(1);  // From a commit to its first upload.
  Nanos retry_interval_max = std::chrono::hours(1);
  Nanos ufs_deadline = std::chrono::seconds(60);  // Of each UFS call made for a waiting user.
  Nanos operation_deadline = std::chrono::seconds(60);
  // How long a write of unknown outcome may still take effect, in stores where it can after its
  // call has ended.
  Nanos settling_time = std::chrono::seconds(30);
  // BootAndMount of the store's directory; empty: it is not known.
  std::string boot;
  bool read_only = false;  // The source cannot be written: every change is kReadOnly.
};

struct RootMount {
  MountId mount{1};
  std::string uri;       // For people: "file:///data".
  std::string identity;  // UnderFileSystem::SourceIdentity; refused (kInvalid) if the store was
                         // made for another one.
  bool adopt = false;    // Take the new identity instead of refusing.
  uint32_t root_mode = 0755;  // Of the root directory where the UFS has no attributes.
  uint32_t root_uid = 0;
  uint32_t root_gid = 0;
};

}  // namespace tarn::meta
