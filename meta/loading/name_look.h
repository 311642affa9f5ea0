#pragma once

// Asks the UFS for one name and applies the answer. Thread-safe; never call it inside a
// transaction.

#include <functional>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "meta/loading/import.h"
#include "meta/store/change.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

enum class NameAnswer : uint8_t {
  kAbsent,  // The UFS was asked and lacks the name; the name does not exist here either.
  kThere,   // The UFS was asked, and a difference in its answer is applied.
  // The answer of the UFS would not count: the name waits to be persisted or deleted in the UFS, or
  // a mount hides it.
  kNotAsked
};
struct LookOptions {
  // For the question; nullopt: MetaOptions::ufs_deadline.
  std::optional<Deadline> deadline;
  // An absent name means nothing if the source is not recognized. kYes: the caller has checked that
  // it is.
  enum class Recognized : uint8_t { kYes, kToBeChecked } recognized = Recognized::kToBeChecked;
  // Whether a name that was unknown here is reported to the kernel. That is not needed if the
  // kernel waits for the answer.
  enum class Appeared : uint8_t { kNotTold, kTold } appeared = Appeared::kNotTold;
};
// kUnavailable and others: the UFS could not be asked, or its answer could not be applied; the name
// may exist. kStale: the directory is gone.
Result<NameAnswer> LookAtName(const Context& context, InodeId dir, std::string_view name,
                              const LookOptions& options = {});

// The following functions also serve passes over whole directories.

// Reads a directory before the UFS is asked for its names.
Result<InodeRecord> ReadDirectory(kv::Transaction& txn, InodeId dir);
// kUnavailable: the source is not recognized, so that an absent name means nothing.
Status CheckSource(const Context& context, MountId mount, Deadline deadline);
inline Deadline UfsDeadline(const Context& context) {
  return Deadline::After(context.clock, context.options.ufs_deadline);
}
// Imports names of `dir` in one change: `body` applies answers of the UFS, for which each run has
// an `imported` of its own. Commits if an answer wrote something, and reports the changes. The
// claims of the last run last until the caller releases them.
Status CommitImport(const Context& context, InodeId dir, const KeyChanges::Look& look,
                    ChangeOptions options, std::optional<Imported>& imported,
                    const std::function<Status(ChangeRun&, Imported&)>& body);
inline bool SaysAbsent(Code code) { return code == Code::kNotFound || code == Code::kNotDirectory; }

}  // namespace tarn::meta
