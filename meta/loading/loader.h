#pragma once

// Imports names from the UFS into the namespace, on demand. Thread-safe; it calls the UFS, so never
// call it inside a transaction.

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
  // Call it if the name is unknown here and `dir` is not complete. Asks the UFS and imports the
  // name. OK also if the UFS has no such name: the caller reads the dentry again. A negative answer
  // is remembered for the sync interval. kUnavailable: the UFS cannot be asked.
  virtual Status LoadName(InodeId dir, std::string_view name) = 0;
  // Makes `dir` complete; a second caller waits for the first.
  virtual Status LoadAll(InodeId dir) = 0;
  // Lists `dir` if it is not complete. Returns kSome as soon as more names are imported than
  // `progress` counts (an empty one counts none), and updates `progress`. Imported names appear in
  // cursor order. kAll: no more names come.
  struct Progress {
    uint64_t listing = 0;
    uint64_t pages = 0;
  };
  enum class Loaded { kSome, kAll };
  virtual Result<Loaded> LoadMore(InodeId dir, Progress& progress) = 0;
  // Call it before returning all names of `dir`. Lists `dir` first if the last listing is older
  // than the sync interval; concurrent callers share one listing. An incomplete directory is left
  // to LoadMore. If the UFS does not answer within MetaOptions::sync_timeout, logs that and returns
  // OK: the known names are then used. Cheap if nothing is due (no transaction). With interval 0
  // the UFS is always asked, and its error is returned.
  virtual Status Touch(InodeId dir) = 0;
  // Call it before returning one name. Asks the UFS first if the known answer is older than the
  // sync interval. If the UFS does not answer within MetaOptions::sync_timeout, logs that and
  // returns OK; with interval 0 returns the error. An unknown name in an incomplete directory is
  // left to LoadName.
  virtual Status TouchName(InodeId dir, std::string_view name) = 0;
  // How long the known answer for the name may be returned, and cached by the kernel, before
  // TouchName must ask again; zero: not at all.
  virtual Nanos FreshFor(InodeId dir, std::string_view name) const = 0;
  // Asks the UFS for a name now, known or not, and applies the answer.
  virtual Status LookAgain(InodeId dir, std::string_view name) = 0;
  // Lists `dir` again now and applies the changes of other clients.
  virtual Status Revalidate(InodeId dir) = 0;
  // Call it when a name was made here: a remembered negative answer is wrong.
  virtual void NameCreated(InodeId dir, std::string_view name) = 0;
  // Call it when a directory was made here: all its names are known.
  virtual void DirectoryMade(InodeId dir) = 0;
};

std::unique_ptr<Loader> NewLoader(const Context& context);

}  // namespace tarn::meta
