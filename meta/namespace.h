#pragma once

// The embedded coordinator: the interfaces of role/ over one kv::Store. Thread-safe.

#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "kv/store.h"
#include "meta/options.h"
#include "role/files.h"
#include "role/maintenance.h"
#include "role/mount_table.h"
#include "role/names.h"
#include "role/persist_queue.h"
#include "role/writers.h"
#include "ufs/mounts.h"

namespace tarn::meta {

class Namespace {
 public:
  virtual ~Namespace() = default;  // Stops background work.
  // When the store was made. Tells it from an earlier store of the same source.
  virtual Result<int64_t> MadeNs() = 0;
  virtual role::Names& GetNames() = 0;
  virtual role::Files& GetFiles() = 0;
  virtual role::Writers& GetWriters() = 0;
  virtual role::Maintenance& GetMaintenance() = 0;
  virtual role::PersistQueue& GetPersistQueue() = 0;
  virtual role::MountTable& GetMountTable() = 0;
};

// Opens or creates the namespace in `store`. All references outlive it.
Result<std::unique_ptr<Namespace>> OpenNamespace(kv::Store& store, ufs::UfsMounts& mounts,
                                                 Clock& clock, const MetaOptions& options,
                                                 const RootMount& root);

}  // namespace tarn::meta
