#include "meta/ops/learn.h"

#include <memory>
#include <optional>
#include <utility>

#include "base/current_request.h"
#include "base/strings.h"
#include "meta/loading/import.h"
#include "meta/loading/name_look.h"

namespace tarn::meta {
namespace {

constexpr int kTries = 20;
constexpr Nanos kWhileMoved = std::chrono::milliseconds(50);

ufs::ObjectType TypeOf(const InodeRecord& inode) {
  return inode.type == role::FileType::kDirectory ? ufs::ObjectType::kDirectory
                                                  : ufs::ObjectType::kFile;
}

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
  const std::unique_ptr<kv::Transaction> txn = context.store.Begin();
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*txn, ino, kv::Reads::kSerializable));
  if (!inode.guessed) return Outcome::kLearnt;  // A change made here meanwhile prevails.
  const bool same =
      inode.bound == asked.bound && inode.key == asked.key && inode.etag == asked.etag;
  if (!same) return Outcome::kAgain;
  // A directory without a marker keeps the defaults.
  TakeTold(*txn, std::move(inode), there.value_or(ufs::ObjectInfo()));
  const Status committed = txn->Commit(kv::Durability::kBuffered).status();
  if (kv::MayRunAgain(committed.code())) return Outcome::kAgain;
  // No client caches guesses, so no change is reported.
  RETURN_IF_ERROR(committed);
  return Outcome::kLearnt;
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
  const std::unique_ptr<kv::Transaction> txn = env.context.store.Begin();
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(*txn, ino, kv::Reads::kSerializable));
  if (!inode.guessed || !inode.bound || inode.etag != told.etag) return OkStatus();
  ufs::ObjectInfo info;
  info.etag = told.etag;
  info.mtime_ns = told.mtime_ns;
  info.mode_kept = told.mode.has_value();
  info.uid_kept = told.uid.has_value();
  info.gid_kept = told.gid.has_value();
  info.mode = told.mode.value_or(0);
  info.uid = told.uid.value_or(0);
  info.gid = told.gid.value_or(0);
  TakeTold(*txn, std::move(inode), info);
  return txn->Commit(kv::Durability::kBuffered).status();
}

Status LearnBeforeStep(const Env& env, InodeId ino) {
  return Learn(env, ino, IfGone::kKeepGuesses).status();
}

}  // namespace tarn::meta
