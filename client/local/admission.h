#pragma once

// What a file passes before it gets a handle. Internal to client/. Thread-safe.

#include "client/attributes.h"
#include "client/local/shared.h"

namespace tarn::client {

class Admission {
 public:
  explicit Admission(Shared& shared) : shared_(shared) {}

  // The kernel let the caller pass by defaults where the source may keep something narrower: that
  // is learnt before a handle exists. The kernel takes kStale for "look the name up again", and
  // then checks by what is known; root passes in any case.
  Status EnsureLearnt(const role::Caller& caller, host::OpenInode& inode, Attributes::Next next);
  // Small contents are completed before the mode is chosen, so that they pass through. A failure is
  // met again by the reads that need the pages, and reported there.
  void CompleteSmall(host::OpenInode& inode);
  // Like host::LiveFiles::AdmitWriter. kReadOnly: of this mount, or of the source.
  Status AdmitWriter(host::OpenInode& inode, cache::Truncate truncate) REQUIRES(inode.mutex);
  // Announces the inode, then admits a writer. `flags` are those of open(2).
  Status OpenForWriting(host::OpenInode& inode, int flags);

 private:
  Shared& shared_;
};

}  // namespace tarn::client
