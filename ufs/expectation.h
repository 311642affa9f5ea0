#pragma once

// Changes of the source that spare other writers. Tarn may replace or delete a version that it
// knows, or one that an attempt of its own has made. It changes an object of another writer only
// where the caller says so, under the precondition that it is still the version that was seen.
// Functions without a state; they block on the store.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/attempt_mark.h"
#include "base/status.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs {

inline constexpr char kAttemptName[] = "tarn-attempt";  // In the metadata of objects.

// `base`: the version that the attempt was to replace; empty: none. An object with the file of
// `base` is no upload of the attempt, even if size and time match.
bool IsMadeBy(const UnderFileSystem& ufs, const ObjectInfo& there, const AttemptMark& attempt,
              std::string_view base);
// Whether `there` is `version`, which is an etag, an identity or a file.
bool IsVersion(const ObjectInfo& there, std::string_view version);
// Whether `there` is the object of `identity`, with its mtime set to `mtime_ns` since.
bool IsRetimed(const ObjectInfo& there, std::string_view identity, int64_t mtime_ns);
// The precondition that `version` is there; empty: no precondition.
Precondition IfIs(std::string_view version);
inline bool IsAbsent(Code code) { return code == Code::kNotFound || code == Code::kNotDirectory; }

// Stat; nullopt: the key is absent. Absence counts only if the source can be recognized, otherwise
// kUnavailable.
Result<std::optional<ObjectInfo>> Look(UnderFileSystem& ufs, std::string_view key,
                                       const CallOptions& call);

// What may be at a key that Tarn changes.
struct Expectation {
  std::string version;             // Empty: nothing is there.
  std::vector<AttemptMark> marks;  // An object that one of these has made is expected too.
  // The attempt of this change: it tells its own object if an answer is lost.
  std::optional<AttemptMark> own;
  // kWins: the change replaces another writer's object. kYields: that object stays, and a version
  // that another writer removed stays away.
  enum class Against : uint8_t { kWins, kYields } against = Against::kYields;
};
// What may be at the key of an action of the persist queue.
template <typename Action>
Expectation ExpectationOf(const Action& action) {
  const auto against = action.yields ? Expectation::Against::kYields : Expectation::Against::kWins;
  return {action.target_etag, action.marks, std::nullopt, against};
}

// The outcome of a change.
struct Attempted {
  Result<ObjectInfo> made = Status(Code::kInvalid, "not tried");
  // The object of another writer that the change has replaced.
  std::optional<ObjectInfo> replaced;
  // kStale: nothing was changed. `theirs` is at the key, or nothing is.
  bool yielded = false;
  std::optional<ObjectInfo> theirs;
};
using Change = std::function<Result<ObjectInfo>(const Precondition& target)>;
using NewCall = std::function<CallOptions()>;  // Makes options with a deadline of their own.

// Makes the change under the precondition that the expectation gives. If the precondition fails or
// the answer is lost, it looks at what is there and decides.
Attempted ChangeAsExpected(UnderFileSystem& ufs, std::string_view key, const Expectation& expected,
                           const Change& change, const NewCall& call);
// Deletes the file at the key. Absent is OK. kStale: another writer's object is there.
Status DeleteAsExpected(UnderFileSystem& ufs, std::string_view key, const Expectation& expected,
                        const NewCall& call);

}  // namespace tarn::ufs
