#include "client/local/shared.h"

namespace tarn::client {

Shared::Shared(const Dependencies& dependencies, const Options& mount_options)
    : deps(dependencies),
      options(mount_options),
      self{.session = SessionId(1)},
      table([this](host::OpenInode& inode) NO_THREAD_SAFETY_ANALYSIS { CloseInode(inode); }),
      committer({deps.files, deps.writers, deps.clock, table}, {options.sync_on_close}),
      room(deps.cache, deps.queue, deps.clock, options.no_space_wait),
      live_files({deps.files, deps.writers, deps.cache, room, committer, table}),
      pages({deps.files, deps.maintenance, deps.cache, deps.pages, room, deps.clock}),
      reaper(host::NewReaper({deps.files, deps.maintenance, deps.cache, deps.clock, table})),
      overlay({deps.files, deps.cache, deps.clock, table, committer, live_files}) {}

void Shared::CloseInode(host::OpenInode& inode) {
  inode.EndAnnounced(deps.writers);
  inode.live.reset();
  if (inode.unlinked) reaper->Queue(inode.ino, 0);
}

}  // namespace tarn::client
