#pragma once

// Brings names of the UFS into the namespace, on demand. Thread-safe. Calls the UFS: never call it
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
  // For a name that is unknown here, in a directory that is not complete: asks the UFS and imports
  // what it has. OK also if it has nothing. The caller reads the dentry again. A negative answer is
  // remembered for the sync interval. kUnavailable: the UFS does not answer.
  virtual Status LoadName(InodeId dir, std::string_view name) = 0;
  // Makes `dir` complete; a second caller waits for the first.
  virtual Status LoadAll(InodeId dir) = 0;
  // Like LoadAll, but returns kSome as soon as names beyond `progress` are imported (at first: any
  // names), and updates `progress`. Imported names become visible in the order of their cursors.
  // kAll: `dir` is complete.
  struct Progress {
    uint64_t listing = 0;
    uint64_t pages = 0;
  };
  enum class Loaded { kSome, kAll };
  virtual Result<Loaded> LoadMore(InodeId dir, Progress& progress) = 0;
  // Call before answering all names of `dir`. Lists it first if what is known is older than the
  // sync interval, once for all callers that wait. Leaves a directory that is not complete to
  // LoadMore. If the UFS does not answer within MetaOptions::sync_timeout, logs it and returns OK:
  // the known names count. Cheap when nothing is due (no transaction). With interval 0 it always
  // asks the UFS, and returns its error.
  virtual Status Touch(InodeId dir) = 0;
  // Like Touch, for one name. Leaves a name that is unknown here, in a directory that is not
  // complete, to LoadName.
  virtual Status TouchName(InodeId dir, std::string_view name) = 0;
  // How long the name may be answered, and cached by the kernel, before TouchName must ask again.
  // Zero: not at all.
  virtual Nanos FreshFor(InodeId dir, std::string_view name) const = 0;
  // Asks the UFS for a name now, known or not, and applies the answer.
  virtual Status LookAgain(InodeId dir, std::string_view name) = 0;
  // Lists `dir` again now and applies the changes of other clients.
  virtual Status Revalidate(InodeId dir) = 0;
  // A name was made here: drops a remembered negative answer.
  virtual void NameCreated(InodeId dir, std::string_view name) = 0;
  // A directory was made here: all its names are known.
  virtual void DirectoryMade(InodeId dir) = 0;
};

std::unique_ptr<Loader> NewLoader(const Context& context);

}  // namespace tarn::meta
