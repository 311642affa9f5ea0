#pragma once

// Asks the UFS for one name and applies the answer. Thread-safe. Never call it inside a
// transaction.

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "meta/store/context.h"
#include "meta/store/records.h"

namespace tarn::meta {

enum class NameAnswer : uint8_t {
  kAbsent,  // The UFS has no such name, and there is none here.
  kThere,   // The answer of the UFS is applied where it differs.
  // The UFS was not asked, because its answer would not count: the name waits to be persisted, its
  // key has a pending delete, or a mount hides it.
  kNotAsked
};
struct LookOptions {
  // Nullopt: MetaOptions::ufs_deadline.
  std::optional<Deadline> deadline;
  // If the source cannot be recognized, an absent name means nothing. kYes: the caller has checked.
  enum class Recognized : uint8_t { kYes, kToBeChecked } recognized = Recognized::kToBeChecked;
  // Whether to report a name that was unknown here to the kernel. Not needed if the kernel itself
  // waits for the answer.
  enum class Appeared : uint8_t { kNotTold, kTold } appeared = Appeared::kNotTold;
};
// kStale: the directory is gone. Another error, such as kUnavailable: the UFS did not answer, or
// its answer could not be applied. Nothing is known then; the name must not count as absent.
Result<NameAnswer> LookAtName(const Context& context, InodeId dir, std::string_view name,
                              const LookOptions& options = {});

// The functions below also serve passes over whole directories.

// Reads the record of a directory before the UFS is asked about its names.
Result<InodeRecord> ReadDirectory(kv::Transaction& txn, InodeId dir);
// kUnavailable: the source cannot be recognized, so its emptiness means nothing.
Status CheckSource(const Context& context, MountId mount, Deadline deadline);
inline Deadline UfsDeadline(const Context& context) {
  return Deadline::After(context.clock, context.options.ufs_deadline);
}
// Tries once to commit an import, and reports its changes. OK if nothing is to be written.
Status CommitImport(const Context& context, kv::Transaction& txn,
                    const std::vector<role::Change>& changes, bool wrote);
inline bool MayApplyAgain(Code code) { return code == Code::kConflict || code == Code::kTooOld; }
inline bool SaysAbsent(Code code) { return code == Code::kNotFound || code == Code::kNotDirectory; }

}  // namespace tarn::meta
