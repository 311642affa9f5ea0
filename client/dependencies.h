#pragma once

// What a FileSystem is made of.

#include <cstdint>

#include "base/clock.h"
#include "cache/cache_store.h"
#include "host/page_reader.h"
#include "role/files.h"
#include "role/maintenance.h"
#include "role/names.h"
#include "role/persist_queue.h"
#include "role/writers.h"

namespace tarn::client {

// Which pages of files that do not pass through the kernel keeps (IoMode).
enum class KeptPages : uint8_t {
  kAll,          // The mode is kCached where there is no passthrough at all.
  kNone,         // The mode is always kDirect, if there is no passthrough.
  kIfUnchanged,  // Like kAll, but the first open after a change of size or time drops the pages.
};

struct Options {
  bool sync_on_close = true;  // tarn.write.cache.sync.on.close
  bool read_only = false;
  KeptPages pages = KeptPages::kAll;
  // Contents up to this size are completed at their open, so that they pass through.
  uint64_t fill_at_open_bytes = 4 << 20;
  // How long a writer waits for room before ENOSPC, while nothing is persisted that would make
  // room.
  Nanos no_space_wait = std::chrono::seconds(10);
  // How often to look for unlinked inodes that were never reported.
  Nanos orphan_scan_interval = std::chrono::minutes(10);
};

// All outlive the FileSystem.
struct Dependencies {
  role::Names& names;
  role::Files& files;
  role::Writers& writers;
  role::Maintenance& maintenance;
  role::PersistQueue& queue;
  cache::CacheStore& cache;
  host::PageReader& pages;
  Clock& clock;
};

}  // namespace tarn::client
