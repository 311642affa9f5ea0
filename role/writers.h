#pragma once

// Which inodes programs have open for writing, as clients announce it to the coordinator. No news
// of the UFS replaces, removes or changes an inode while it is announced. meta/ implements it; a
// remote implementation may stand in. Thread-safe. Announcements are in memory only.

#include "base/status.h"
#include "role/types.h"

namespace tarn::role {

class Writers {
 public:
  virtual ~Writers() = default;
  // Announces the inode until CloseForWrite and returns its state. Asks the UFS first if what is
  // known of the inode is older than the sync interval. kStale: the inode's name belongs to another
  // inode by now, or to none. Look the name up again.
  virtual Result<FileInfo> OpenForWrite(InodeId ino) = 0;
  // Announces an inode that the caller has just made. Never asks the UFS.
  virtual void OpenMade(InodeId ino) = 0;
  // Ends one announcement. Call it once for each.
  virtual void CloseForWrite(InodeId ino) = 0;
};

}  // namespace tarn::role
