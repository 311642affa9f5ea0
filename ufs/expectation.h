#pragma once

// Whose an object is that is found where Tarn changes something. A version that Tarn knows, or that
// an attempt of its own has made, may be replaced or deleted; an object of another writer only
// where that is said, and with the precondition that it is still the one that was seen. Functions
// without a state; they block on the store.

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

// `base`: the version that the attempt was to replace; empty: none. Its file is no upload, whatever
// its size and time.
bool IsMadeBy(const UnderFileSystem& ufs, const ObjectInfo& there, const AttemptMark& attempt,
              std::string_view base);
// `version`: an etag, an identity or a file.
bool IsVersion(const ObjectInfo& there, std::string_view version);
// The object of that identity after its mtime was set.
bool IsRetimed(const ObjectInfo& there, std::string_view identity, int64_t mtime_ns);
// Empty: no precondition.
Precondition IfIs(std::string_view version);
inline bool IsAbsent(Code code) { return code == Code::kNotFound || code == Code::kNotDirectory; }

// Stat, but absence counts only where the source can be recognized: else kUnavailable.
Result<std::optional<ObjectInfo>> Look(UnderFileSystem& ufs, std::string_view key,
                                       const CallOptions& call);

// What Tarn may have at a key that it changes.
struct Expectation {
  std::string version;             // Empty: nothing is there.
  std::vector<AttemptMark> marks;  // Or what one of these has made.
  std::optional<AttemptMark> own;  // What the change itself makes, if its answer is lost.
  // kWins: another writer's object is replaced. kYields: it stays, and so it does where Tarn's
  // version was removed.
  enum class Against : uint8_t { kWins, kYields } against = Against::kYields;
};
// What Tarn may have at the key of an action of the persist queue.
template <typename Action>
Expectation ExpectationOf(const Action& action) {
  const auto against = action.yields ? Expectation::Against::kYields : Expectation::Against::kWins;
  return {action.target_etag, action.marks, std::nullopt, against};
}

// What came of a change.
struct Attempted {
  Result<ObjectInfo> made = Status(Code::kInvalid, "not tried");
  // Another writer's object that the change has replaced.
  std::optional<ObjectInfo> replaced;
  // kStale: nothing was changed, since `theirs` is at the key, or nothing is.
  bool yielded = false;
  std::optional<ObjectInfo> theirs;
};
using Change = std::function<Result<ObjectInfo>(const Precondition& target)>;
using NewCall = std::function<CallOptions()>;  // With a deadline of its own.

// Makes the change under the precondition that the expectation gives. Where that fails, or the
// answer is lost, looks at what is there and decides.
Attempted ChangeAsExpected(UnderFileSystem& ufs, std::string_view key, const Expectation& expected,
                           const Change& change, const NewCall& call);
// Deletes the file at the key. OK also if it is gone. kStale: another writer's object is there.
Status DeleteAsExpected(UnderFileSystem& ufs, std::string_view key, const Expectation& expected,
                        const NewCall& call);

}  // namespace tarn::ufs
