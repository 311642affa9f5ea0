#pragma once

// Opens the sources of UFS mounts with their own options, and checks that they may be mounted.
// Thread-safe.

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "config/properties.h"
#include "node/mount_checks.h"
#include "node/source_options.h"
#include "role/types.h"
#include "ufs/mounts.h"

namespace tarn {

struct SourceMountsOptions {
  Source root;              // The source of the process.
  std::string mount_point;  // Where the kernel shows the namespace.
  std::string state_directory;
  bool read_only = false;  // All mounts are.
  Properties properties;
  // The pause before a source that could not be opened is tried again.
  Nanos retry_interval = std::chrono::seconds(15);
};

struct SourceToOpen {
  MountId mount;
  std::string uri;
  SourceOptions options;
  bool read_only = false;
};

struct OpenedSource {
  Source source;
  std::unique_ptr<ufs::UnderFileSystem> ufs;
  std::string identity;
};

class SourceOpener {
 public:
  // All outlive it.
  SourceOpener(const SourceMountsOptions& options, ufs::UfsMounts& mounts, Clock& clock)
      : options_(options), mounts_(mounts), clock_(clock) {}

  // Fails like OpenSource. kInvalid: the source overlaps with a directory that this process uses
  // itself.
  Result<OpenedSource> Open(const SourceToOpen& wanted, const ufs::CallOptions& call) const;
  // Opens a source of the mount table. kIo: by now the URI leads to another source than was
  // mounted.
  Result<std::unique_ptr<ufs::UnderFileSystem>> OpenAgain(const role::MountInfo& info,
                                                          const ufs::CallOptions& call) const;
  // kInvalid: the source overlaps with one of `table`.
  Status CheckOthers(const OpenedSource& opened, const std::vector<role::MountInfo>& table) const;
  // What the source of a mount can hold, as far as that is known without asking it.
  ufs::UfsTraits ExpectedTraitsOf(const role::MountInfo& info) const;
  // Removes what the source of a mount has left in the state directory.
  void RemoveJournal(MountId mount) const;

 private:
  Status CheckPlace(const Source& source) const;
  Source SourceOf(const role::MountInfo& info) const;

  const SourceMountsOptions& options_;
  ufs::UfsMounts& mounts_;
  Clock& clock_;
};

}  // namespace tarn
