#pragma once

// Brings names of the UFS into the namespace, on demand. Thread-safe; calls the UFS, so never
// inside a transaction.

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/status.h"
#include "meta/context.h"
#include "meta/records.h"

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
  // The sync interval of `dir` (complete or not) or of a file in it may have passed: revalidates in
  // the background, one at a time per directory. With interval 0 waits for it. Cheap when nothing
  // is due (no transaction).
  virtual Status Touch(InodeId dir) = 0;
  // The same where only what the UFS has under one name matters: with interval 0 it is asked for
  // that name alone.
  virtual Status TouchName(InodeId dir, std::string_view name) = 0;
  // Asks the UFS for a name now, known or not, and applies the answer.
  virtual Status LookAgain(InodeId dir, std::string_view name) = 0;
  // Lists `dir` again now and applies what changed outside.
  virtual Status Revalidate(InodeId dir) = 0;
  // A name was made here, so that a remembered negative answer is wrong.
  virtual void NameCreated(InodeId dir, std::string_view name) = 0;
};

std::unique_ptr<Loader> NewLoader(const Context& context);

}  // namespace tarn::meta
