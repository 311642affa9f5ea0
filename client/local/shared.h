#pragma once

// What the parts of a LocalFileSystem share. Internal to client/. Thread-safe.

#include <memory>

#include "client/dependencies.h"
#include "client/local/invalidator.h"
#include "client/local/overlay.h"
#include "host/back_pressure.h"
#include "host/committer.h"
#include "host/live_files.h"
#include "host/open_table.h"
#include "host/pages.h"
#include "host/reaper.h"

namespace tarn::client {

struct Shared {
  Shared(const Dependencies& dependencies, const Options& mount_options);

  const Dependencies deps;
  const Options options;
  const role::Caller self;  // The caller of changes that no request asks for.
  Invalidator invalidator;
  host::OpenTable table;
  host::Committer committer;
  host::BackPressure room;
  host::LiveFiles live_files;
  host::Pages pages;
  const std::unique_ptr<host::Reaper> reaper;
  Overlay overlay;

 private:
  // Called when the last hold is gone. Unpins the live file, and forgets an inode without names.
  void CloseInode(host::OpenInode& inode) REQUIRES(inode.mutex);
};

}  // namespace tarn::client
