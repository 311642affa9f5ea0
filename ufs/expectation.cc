#include "ufs/expectation.h"

#include "base/strings.h"

namespace tarn::ufs {
namespace {

constexpr int kTries = 5;

// Some file systems round times down to steps of 100 ns, 1 us, 1 s or 2 s.
bool IsTime(int64_t there_ns, int64_t wanted_ns) {
  if (there_ns == wanted_ns) return true;
  for (const int64_t step_ns : {100LL, 1000LL, 1'000'000'000LL, 2'000'000'000LL}) {
    if (there_ns == wanted_ns - wanted_ns % step_ns) return true;
  }
  return false;
}

Precondition IfStill(const ObjectInfo& there) {
  return {Precondition::Kind::kEtag, there.etag.empty() ? there.identity : there.etag};
}

Precondition ConditionOf(const Expectation& expected) {
  if (expected.version.empty()) return {Precondition::Kind::kAbsent, ""};
  return {Precondition::Kind::kEtag, expected.version};
}

bool IsExpected(const UnderFileSystem& ufs, const ObjectInfo& there, const Expectation& expected) {
  if (IsVersion(there, expected.version)) return true;
  for (const AttemptMark& mark : expected.marks) {
    if (IsMadeBy(ufs, there, mark, expected.version) || IsVersion(there, mark.id) ||
        IsRetimed(there, expected.version, mark.mtime_ns)) {
      return true;
    }
  }
  return false;
}

// A local etag or identity begins with the number of its inode; a local file begins with a letter.
std::string_view InodeIn(std::string_view version) {
  if (version.starts_with('f')) version.remove_prefix(1);
  return version.substr(0, version.find('-'));
}

bool IsOfFile(const ObjectInfo& there, std::string_view version) {
  return !version.empty() && !there.file.empty() && InodeIn(there.file) == InodeIn(version);
}

// After such a failure the change may have been made.
bool MayBeMade(Code code) {
  return code == Code::kStale || code == Code::kNotFound || code == Code::kMaybeCommitted ||
         code == Code::kDeadlineExceeded;
}

}  // namespace

Precondition IfIs(std::string_view version) {
  if (version.empty()) return {};
  return {Precondition::Kind::kEtag, std::string(version)};
}

bool IsMadeBy(const UnderFileSystem& ufs, const ObjectInfo& there, const AttemptMark& attempt,
              std::string_view base) {
  if (ufs.Traits().object_metadata) {
    const auto id = there.metadata.find(kAttemptName);
    return id != there.metadata.end() && id->second == attempt.id;
  }
  const bool known = !attempt.file.empty();
  if (known ? there.file != attempt.file : IsOfFile(there, base)) return false;
  const bool file = there.type == ObjectType::kFile && there.size_bytes == attempt.size_bytes;
  const bool symlink = there.type == ObjectType::kSymlink;
  return ufs.Traits().attributes && (file || symlink) && IsTime(there.mtime_ns, attempt.mtime_ns);
}

bool IsVersion(const ObjectInfo& there, std::string_view version) {
  return !version.empty() &&
         (there.etag == version || there.identity == version || there.file == version);
}

bool IsRetimed(const ObjectInfo& there, std::string_view identity, int64_t mtime_ns) {
  const std::string time = Concat("-", there.mtime_ns);
  if (!there.identity.ends_with(time) || !IsTime(there.mtime_ns, mtime_ns)) return false;
  const std::string rest = there.identity.substr(0, there.identity.size() - time.size()) + "-";
  return identity.starts_with(rest);
}

Result<std::optional<ObjectInfo>> Look(UnderFileSystem& ufs, std::string_view key,
                                       const CallOptions& call) {
  Result<ObjectInfo> info = ufs.Stat(key, call);
  if (info.ok()) return std::optional<ObjectInfo>(*std::move(info));
  if (!IsAbsent(info.code())) return info.status();
  RETURN_IF_ERROR(ufs.SourceIdentity(call).status());
  return std::optional<ObjectInfo>();
}

Attempted ChangeAsExpected(UnderFileSystem& ufs, std::string_view key, const Expectation& expected,
                           const Change& change, const NewCall& call) {
  Attempted attempted;
  Precondition target = ConditionOf(expected);
  std::optional<ObjectInfo> replacing;
  for (int i = 0; i < kTries; ++i) {
    attempted.made = change(target);
    attempted.replaced = attempted.made.ok() ? replacing : std::nullopt;
    const Code code = attempted.made.code();
    if (!MayBeMade(code) && code != Code::kIsDirectory) return attempted;
    Result<std::optional<ObjectInfo>> there = Look(ufs, key, call());
    if (!there.ok()) {
      if (code == Code::kStale) attempted.made = there.status();
      return attempted;
    }
    const bool before = *there && IsVersion(**there, expected.version);
    // A refusal is exact, unless an earlier request of this call was made and its answer lost. The
    // metadata tell.
    const bool asked = code != Code::kStale || ufs.Traits().object_metadata;
    const bool own = *there && asked && !before && expected.own &&
                     IsMadeBy(ufs, **there, *expected.own, expected.version);
    if (own) {
      attempted.made = **there;
      attempted.replaced = replacing;
      return attempted;
    }
    if (code != Code::kStale && code != Code::kIsDirectory) return attempted;
    const bool yields = expected.against == Expectation::Against::kYields;
    replacing.reset();
    if (!*there) {
      attempted.yielded = yields && !expected.version.empty();
      target = {Precondition::Kind::kAbsent, ""};
    } else {
      const bool known = IsExpected(ufs, **there, expected);
      const bool directory = (*there)->type == ObjectType::kDirectory;
      attempted.yielded = directory || (yields && !known);
      target = IfStill(**there);
      if (!known) replacing = **there;
    }
    if (attempted.yielded) {
      attempted.theirs = std::move(replacing);
      attempted.made = Status(Code::kStale, Concat(key, ": another writer has changed it"));
      return attempted;
    }
  }
  attempted.made = Status(Code::kBusy, Concat(key, ": other writers change it all the time"));
  return attempted;
}

Status DeleteAsExpected(UnderFileSystem& ufs, std::string_view key, const Expectation& expected,
                        const NewCall& call) {
  DeleteRequest request{std::string(key), ConditionOf(expected)};
  bool looked = false;
  for (int i = 0; i < kTries; ++i) {
    if (looked || !expected.version.empty()) {
      Status deleted = ufs.Delete(std::span(&request, 1), call()).front();
      if (deleted.code() != Code::kStale) return deleted;
    }
    ASSIGN_OR_RETURN(const std::optional<ObjectInfo> there, Look(ufs, key, call()));
    if (!there) return OkStatus();
    looked = true;
    if (!IsExpected(ufs, *there, expected)) {
      return Status(Code::kStale, Concat("delete ", key, ": it is another writer's"));
    }
    request.precondition = IfStill(*there);
  }
  return Status(Code::kBusy, Concat("delete ", key, ": other writers change it all the time"));
}

}  // namespace tarn::ufs
