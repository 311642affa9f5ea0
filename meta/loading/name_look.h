#pragma once

// Asks the UFS for one name and applies what it says. Thread-safe, and never inside a transaction.

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

enum class NameAnswer : uint8_t {
  kAbsent,   // The UFS was asked and has no such name, and there is none here.
  kThere,    // The UFS was asked; what it said is applied where it differs.
  kNotAsked  // Whatever the UFS says counts for nothing: the name is still to be persisted, or to
             // be deleted there, or hidden by a mount.
};
struct LookOptions {
  // Of the question; MetaOptions::ufs_deadline if there is none.
  std::optional<Deadline> deadline;
  // Absence means nothing where the source cannot be recognized. kYes: the caller has checked.
  enum class Recognized : uint8_t { kYes, kToBeChecked } recognized = Recognized::kToBeChecked;
  // Whether the kernel hears that a name has appeared that was unknown here. It need not if it is
  // the kernel that waits for it.
  enum class Appeared : uint8_t { kNotTold, kTold } appeared = Appeared::kNotTold;
};
// kUnavailable and others: the UFS could not be asked, or its answer could not be applied. Nothing
// is known then, least of all that the name is absent. kStale: no such directory any more.
Result<NameAnswer> LookAtName(const Context& context, InodeId dir, std::string_view name,
                              const LookOptions& options = {});

// The rest is shared with passes over whole directories.

// What is read of a directory before the UFS is asked about its names.
Result<InodeRecord> ReadDirectory(kv::Transaction& txn, InodeId dir);
// kUnavailable: the source cannot be recognized, so that its emptiness means nothing.
Status CheckSource(const Context& context, MountId mount, Deadline deadline);
inline Deadline UfsDeadline(const Context& context) {
  return Deadline::After(context.clock, context.options.ufs_deadline);
}
// One try to commit what was imported, and to report it. OK if nothing is to be written.
Status CommitImport(const Context& context, kv::Transaction& txn,
                    const std::vector<role::Change>& changes, bool wrote);
inline bool MayApplyAgain(Code code) { return code == Code::kConflict || code == Code::kTooOld; }
inline bool SaysAbsent(Code code) { return code == Code::kNotFound || code == Code::kNotDirectory; }

}  // namespace tarn::meta
