#pragma once

// Keeps the coordinator's records in line with the UFS and with what a crash left, and reports
// changes that come from outside. meta/ implements it; a remote implementation may stand in.
// Thread-safe, blocking. Each call is one serializable transaction, unless its comment says
// otherwise: after an error nothing has changed. kStale: the inode is unknown.

#include <functional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "role/types.h"

namespace tarn::role {

class Maintenance {
 public:
  virtual ~Maintenance() = default;
  // Lists the directory in the UFS again now, applies the answer, and waits for it.
  virtual Status Revalidate(InodeId dir) = 0;
  // Call when the UFS says that the object which the file is bound to is gone: asks the UFS for
  // this one name and applies the answer. OK also if that changes nothing.
  virtual Status Recheck(InodeId ino) = 0;
  // Asks the UFS for a name now, known or not, and applies the answer.
  virtual Status RecheckName(InodeId dir, std::string_view name) = 0;
  // Returns when the sink has heard of every change made before. Do not call it from a place that
  // the sink may wait for.
  virtual void DeliverChanges() = 0;
  // Asks the UFS for the mode, owner and times that the object keeps, if Attr::guessed says that
  // they are unknown. kStale: the object is gone. After another error the defaults stay.
  virtual Status LearnAttributes(InodeId ino) = 0;
  // Like LearnAttributes, from attributes that came with the bytes, without a request. No effect if
  // nothing is guessed, or if they belong to another version.
  virtual Status TakeAttributes(InodeId ino, const ToldAttributes& told) = 0;
  virtual Result<std::string> PathOf(InodeId ino) = 0;  // kNotFound: it has no name.
  enum class Loss : uint8_t { kPowerCut, kDamage };
  // The content of `ino` at `generation` is lost. After a power cut the file falls back to the
  // bound generation, if the UFS has one. Otherwise the file becomes LOST: older bytes never take
  // the place of acknowledged ones. Returns its state afterwards.
  virtual Result<FileInfo> ContentLost(InodeId ino, Generation generation, Loss loss) = 0;
  // Calls `each` for every orphan that no call to Forget has released, as a crash leaves them.
  virtual Status ListOrphans(const std::function<Status(InodeId)>& each) = 0;
  // Calls `each` for the files among the newest inodes that were created and never committed.
  // Called before any file is open, these are what a crash left of creates that were not answered.
  virtual Status ListNeverCommitted(const std::function<Status(InodeId)>& each) = 0;
  // From now on `sink` hears of changes that are not answers to a session's own call, from a thread
  // that holds no lock. There is one sink. An empty function ends it and waits for calls in flight.
  virtual void SetChangeSink(std::function<void(const Change&)> sink) = 0;
};

}  // namespace tarn::role
