#include "meta/ops/learn.h"

#include <optional>
#include <utility>

#include "base/current_request.h"
#include "base/strings.h"
#include "meta/loading/import.h"
#include "meta/loading/name_look.h"
#include "meta/store/change.h"

namespace tarn::meta {
namespace {

constexpr int kTries = 20;
constexpr Nanos kWhileMoved = std::chrono::milliseconds(50);

ufs::ObjectType TypeOf(const InodeRecord& inode) {
  return inode.type == role::FileType::kDirectory ? ufs::ObjectType::kDirectory
                                                  : ufs::ObjectType::kFile;
}

ChangeOptions NotingOnce() { return {.what = "note the attributes of an object", .max_runs = 1}; }

// Nullopt: there is no object.
Result<std::optional<ufs::ObjectInfo>> Ask(const Context& context, const InodeRecord& inode) {
  std::optional<ufs::ObjectInfo> nothing;
  if (!inode.bound) return nothing;
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(inode.mount));
  Result<ufs::ObjectInfo> info =
      ufs->StatObject(inode.key, TypeOf(inode), {UfsDeadline(context), StopOfRequest()});
  if (info.ok()) return std::optional<ufs::ObjectInfo>(*std::move(info));
  return SaysAbsent(info.code()) ? Result<std::optional<ufs::ObjectInfo>>(nothing) : info.status();
}

enum class IfGone { kTell, kKeepGuesses };
enum class Outcome {
  kKnown,
  kLearnt,
  kGone,
  kMoving,  // A step of the persist queue may be moving the object.
  kAgain
};

// Replaces the guesses by the answer for `asked`. No client caches guesses, so no change is
// reported. After a lost race the UFS is asked again.
Result<Outcome> NoteAnswer(const Context& context, const InodeRecord& asked,
                           const ufs::ObjectInfo& there) {
  Outcome outcome = Outcome::kLearnt;
  const Status noted = CommitChange(context, NotingOnce(), [&](ChangeRun& run) -> Status {
    ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(run.txn, asked.ino, kv::Reads::kSerializable));
    const bool same =
        inode.bound == asked.bound && inode.key == asked.key && inode.etag == asked.etag;
    if (inode.guessed && same) {
      TakeTold(run.txn, std::move(inode), there);
      return OkStatus();
    }
    // A change made here meanwhile prevails.
    outcome = inode.guessed ? Outcome::kAgain : Outcome::kLearnt;
    run.Discard();
    return OkStatus();
  });
  if (kv::MayRunAgain(noted.code())) return Outcome::kAgain;
  RETURN_IF_ERROR(noted);
  return outcome;
}

// No transaction stays open while the UFS is asked.
Result<Outcome> TryLearn(const Context& context, InodeId ino, IfGone if_gone) {
  ASSIGN_OR_RETURN(const InodeRecord asked,
                   ReadInode(*context.store.Begin(), ino, kv::Reads::kSnapshot));
  if (!asked.guessed) return Outcome::kKnown;
  ASSIGN_OR_RETURN(const std::optional<ufs::ObjectInfo> there, Ask(context, asked));
  const bool missed = !there && asked.bound && asked.type != role::FileType::kDirectory;
  if (missed && if_gone == IfGone::kTell) {
    return asked.attempt.empty() ? Outcome::kGone : Outcome::kMoving;
  }
  // A directory without a marker keeps the defaults.
  return NoteAnswer(context, asked, there.value_or(ufs::ObjectInfo()));
}

Status Gone(InodeId ino) {
  return Status(Code::kStale,
                Concat("ask for the attributes of inode ", ino.value, ": its object is gone"));
}

// Tarn may have moved the object, or another client may have removed it: a look at the name tells
// which.
Status LookAtNameOf(const Env& env, InodeId ino) {
  ASSIGN_OR_RETURN(const InodeRecord inode, ReadValue<InodeRecord>(env, [&](Operation& operation) {
                     return operation.Inode(ino);
                   }));
  if (inode.nlink == 0) return Gone(ino);
  return env.loader.LookAgain(inode.parent, inode.name);
}

Result<Asked> Learn(const Env& env, InodeId ino, IfGone if_gone) {
  bool looked = false;
  for (int i = 0; i < kTries; ++i) {
    ASSIGN_OR_RETURN(const Outcome outcome, TryLearn(env.context, ino, if_gone));
    if (outcome == Outcome::kKnown) return i == 0 ? Asked::kNo : Asked::kYes;
    if (outcome == Outcome::kLearnt) return Asked::kYes;
    if (outcome == Outcome::kMoving) env.context.clock.SleepFor(kWhileMoved, StopOfRequest());
    if (outcome != Outcome::kGone) continue;
    if (looked) return Gone(ino);
    RETURN_IF_ERROR(LookAtNameOf(env, ino));
    looked = true;
  }
  return Status(Code::kUnavailable,
                Concat("ask for the attributes of inode ", ino.value, ": it changes all the time"));
}

}  // namespace

Result<Asked> LearnAttributes(const Env& env, InodeId ino) {
  return Learn(env, ino, IfGone::kTell);
}

// After a conflict the guesses stay. The UFS is asked when they matter.
Status TakeAttributes(const Env& env, InodeId ino, const role::ToldAttributes& told) {
  ufs::ObjectInfo info;
  info.etag = told.etag;
  info.mtime_ns = told.mtime_ns;
  info.mode_kept = told.mode.has_value();
  info.uid_kept = told.uid.has_value();
  info.gid_kept = told.gid.has_value();
  info.mode = told.mode.value_or(0);
  info.uid = told.uid.value_or(0);
  info.gid = told.gid.value_or(0);
  return CommitChange(env.context, NotingOnce(), [&](ChangeRun& run) -> Status {
    ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(run.txn, ino, kv::Reads::kSerializable));
    if (!inode.guessed || !inode.bound || inode.etag != told.etag) {
      run.Discard();
      return OkStatus();
    }
    TakeTold(run.txn, std::move(inode), info);
    return OkStatus();
  });
}

Status LearnBeforeStep(const Env& env, InodeId ino) {
  return Learn(env, ino, IfGone::kKeepGuesses).status();
}

}  // namespace tarn::meta
