#pragma once

// Brings names of the UFS into the namespace, on demand. Thread-safe; calls the UFS, so never
// inside a transaction.

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

class Loader {
 public:
  virtual ~Loader() = default;
  // A dentry (dir, name) is unknown here and `dir` is not complete: asks the UFS and imports what
  // is there, in a transaction. OK also when nothing is there: the caller reads the dentry again.
  // Negative answers are remembered for the sync interval. kUnavailable: the UFS cannot be asked.
  virtual Status LoadName(InodeId dir, std::string_view name) = 0;
  // Makes `dir` complete; a second caller waits for the first.
  virtual Status LoadAll(InodeId dir) = 0;
  // The same for who can use names as they come: begins to list `dir` if it is not complete, and
  // returns kSome when more of its names were imported than `progress` tells of (at first: any),
  // which then tells of them. Imported names become visible in the order of their cursors. kAll:
  // nothing more comes.
  struct Progress {
    uint64_t listing = 0;
    uint64_t pages = 0;
  };
  enum class Loaded { kSome, kAll };
  virtual Result<Loaded> LoadMore(InodeId dir, Progress& progress) = 0;
  // All names of `dir` are about to be told: lists it first if what is known of them is older than
  // the sync interval, once for all that wait. A directory that is not complete is left to
  // LoadMore. When the UFS does not answer within MetaOptions::sync_timeout that is logged, and OK:
  // then what is known counts. Cheap when nothing is due (no transaction). With interval 0 the UFS
  // is always asked, and its error is returned.
  virtual Status Touch(InodeId dir) = 0;
  // Asks in the same way for one name. A name not known here, in a directory that is not complete,
  // is left to LoadName.
  virtual Status TouchName(InodeId dir, std::string_view name) = 0;
  // How long what is known of the name may be told, and kept by the kernel, before TouchName has to
  // ask again; zero: no longer.
  virtual Nanos FreshFor(InodeId dir, std::string_view name) const = 0;
  // Asks the UFS for a name now, known or not, and applies the answer.
  virtual Status LookAgain(InodeId dir, std::string_view name) = 0;
  // Lists `dir` again now and applies what changed outside.
  virtual Status Revalidate(InodeId dir) = 0;
  // A name was made here, so that a remembered negative answer is wrong.
  virtual void NameCreated(InodeId dir, std::string_view name) = 0;
  // The directory was made here: all its names are known.
  virtual void DirectoryMade(InodeId dir) = 0;
};

std::unique_ptr<Loader> NewLoader(const Context& context);

}  // namespace tarn::meta
