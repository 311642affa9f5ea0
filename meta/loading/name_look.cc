#include "meta/loading/name_look.h"

#include <memory>
#include <string>

#include "base/current_request.h"
#include "base/strings.h"
#include "meta/ledger/occupants.h"
#include "meta/ledger/paths.h"
#include "meta/loading/listing_pass.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

constexpr int kQuestions = 20;
constexpr Nanos kWhileDisturbed = std::chrono::milliseconds(10);

using Answer = std::optional<NameAnswer>;  // Nullopt: ask again.

// Whether the name is a mount point, which hides the object of the UFS under that name, or its
// absence.
Result<bool> IsMountPoint(kv::Transaction& txn, const DentryRecord& dentry) {
  if (dentry.type != role::FileType::kDirectory) return false;
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, dentry.ino, kv::Reads::kSerializable));
  return IsMountRoot(inode);
}

// Lists a directory that the UFS no longer has, so that each of its absent names is removed on its
// own.
Status EmptyDirectory(const Context& context, InodeId dir, std::string_view name) {
  std::unique_ptr<kv::Transaction> txn = context.store.Begin();
  ASSIGN_OR_RETURN(std::optional<DentryRecord> dentry,
                   GetDentry(*txn, dir, name, kv::Reads::kSnapshot));
  txn.reset();
  if (!dentry || dentry->type != role::FileType::kDirectory) return OkStatus();
  return ApplyListing(context, dentry->ino);
}

class NameLook {
 public:
  NameLook(const Context& context, InodeId dir, std::string_view name, const LookOptions& options)
      : context_(context),
        dir_(dir),
        name_(name),
        options_(options),
        end_(Deadline::After(context.clock, context.options.operation_deadline)) {}

  Result<NameAnswer> Run() {
    for (int i = 0; i < kQuestions; ++i) {
      Result<Answer> answer = Ask();
      if (!answer.ok() && !kv::MayRunAgain(answer.code())) return answer.status();
      if (answer.ok() && *answer) return **answer;
      if (end_.PassedBy(context_.clock.Now())) break;
      if (!emptied_) context_.clock.SleepFor(kWhileDisturbed, {});
    }
    return Status(Code::kUnavailable,
                  Concat("look at '", name_, "' in the source: it changes here all the time"));
  }

 private:
  // The state here before the UFS is asked.
  struct Question {
    bool counts = false;  // Whether the answer matters.
    MountId mount;
    std::string key;
    bool known = false;
    bool directory = false;
  };

  Result<Question> Read() {
    const std::unique_ptr<kv::Transaction> txn = context_.store.Begin();
    Question question;
    ASSIGN_OR_RETURN(const InodeRecord dir, ReadDirectory(*txn, dir_));
    if (!dir.bound) return question;
    question.mount = dir.mount;
    question.key = JoinKey(dir.key, name_);
    ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                     GetDentry(*txn, dir_, name_, kv::Reads::kSerializable));
    if (!dentry) {
      ASSIGN_OR_RETURN(question.counts, MayImport(*txn, dir, question.key));
      return question;
    }
    ASSIGN_OR_RETURN(const InodeRecord inode,
                     ReadInode(*txn, dentry->ino, kv::Reads::kSerializable));
    ASSIGN_OR_RETURN(question.counts, IsSettled(*txn, inode, dir, name_));
    question.known = true;
    question.directory = dentry->type == role::FileType::kDirectory;
    return question;
  }

  Result<Answer> Ask() {
    const std::unique_ptr<KeyChanges::Look> look = context_.key_changes.Begin();
    ASSIGN_OR_RETURN(const Question question, Read());
    if (!question.counts) return Answer(NameAnswer::kNotAsked);
    ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context_.mounts.Get(question.mount));
    const ufs::CallOptions call{options_.deadline.value_or(UfsDeadline(context_)), StopOfRequest()};
    const Result<ufs::ObjectInfo> info = ufs->Stat(question.key, call);
    if (!info.ok() && !SaysAbsent(info.code())) return info.status();
    if (!info.ok() && !question.known) return Answer(NameAnswer::kAbsent);
    if (!info.ok() && options_.recognized == LookOptions::Recognized::kToBeChecked) {
      RETURN_IF_ERROR(CheckSource(context_, question.mount, call.deadline));
    }
    const bool is_directory = info.ok() && info->type == ufs::ObjectType::kDirectory;
    if (question.directory && !is_directory && !emptied_) {
      RETURN_IF_ERROR(EmptyDirectory(context_, dir_, name_));
      emptied_ = true;
      return Answer();
    }
    return Apply(*look, question, info, call.stop);
  }

  Result<Answer> Apply(const KeyChanges::Look& look, const Question& question,
                       const Result<ufs::ObjectInfo>& info, const std::stop_token& stop) {
    Answer answer;
    std::optional<Imported> last;
    const std::string what = Concat("import '", name_, "' from the source");
    const ChangeOptions options{.what = what, .stop = stop};
    const auto body = [&](ChangeRun& run, Imported& imported) -> Status {
      ASSIGN_OR_RETURN(answer, ApplyOnce(run.txn, question, info, imported));
      if (answer != NameAnswer::kThere) run.Discard();
      return OkStatus();
    };
    RETURN_IF_ERROR(CommitImport(context_, dir_, look, options, last, body));
    return answer;
  }

  // Only kThere is to be committed.
  Result<Answer> ApplyOnce(kv::Transaction& txn, const Question& question,
                           const Result<ufs::ObjectInfo>& info, Imported& imported) {
    ASSIGN_OR_RETURN(const InodeRecord dir, ReadDirectory(txn, dir_));
    const bool moved =
        !dir.bound || dir.mount != question.mount || JoinKey(dir.key, name_) != question.key;
    if (moved) return Answer();
    ASSIGN_OR_RETURN(const std::optional<DentryRecord> dentry,
                     GetDentry(txn, dir_, name_, kv::Reads::kSerializable));
    if (dentry) {
      ASSIGN_OR_RETURN(const bool mount_point, IsMountPoint(txn, *dentry));
      if (mount_point) return Answer(NameAnswer::kNotAsked);
    }
    if (info.ok()) {
      RETURN_IF_ERROR(ApplyFound(context_, txn, dir, name_, *info, imported));
    } else {
      RETURN_IF_ERROR(ApplyAbsent(context_, txn, dir, name_, imported));
    }
    if (!imported.disturbed.empty()) return Answer();
    if (!question.known && options_.appeared == LookOptions::Appeared::kNotTold) {
      imported.changes.clear();
    }
    return Answer(NameAnswer::kThere);
  }

  const Context& context_;
  const InodeId dir_;
  const std::string_view name_;
  const LookOptions& options_;
  const Deadline end_;
  bool emptied_ = false;  // The directory that has the name here was listed again.
};

}  // namespace

Result<InodeRecord> ReadDirectory(kv::Transaction& txn, InodeId dir) {
  ASSIGN_OR_RETURN(InodeRecord inode, ReadInode(txn, dir, kv::Reads::kSerializable));
  if (inode.type != role::FileType::kDirectory) return Status(Code::kNotDirectory, "list");
  return inode;
}

Status CheckSource(const Context& context, MountId mount, Deadline deadline) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, context.mounts.Get(mount));
  return ufs->SourceIdentity({deadline, StopOfRequest()}).status();
}

Status CommitImport(const Context& context, InodeId dir, const KeyChanges::Look& look,
                    ChangeOptions options, std::optional<Imported>& imported,
                    const std::function<Status(ChangeRun&, Imported&)>& body) {
  std::optional<MutexLock> turn;
  const auto release = [&] {
    turn.reset();
    imported.reset();
  };
  options.before_wait = release;
  return CommitChange(context, options, [&](ChangeRun& run) -> Status {
    release();
    imported.emplace(look, context.writers);
    turn.emplace(context.ids.ImportTurn(dir));
    RETURN_IF_ERROR(body(run, *imported));
    for (const role::Change& change : imported->changes) run.Report(change);
    if (!imported->wrote) run.Discard();
    return OkStatus();
  });
}

Result<NameAnswer> LookAtName(const Context& context, InodeId dir, std::string_view name,
                              const LookOptions& options) {
  return NameLook(context, dir, name, options).Run();
}

}  // namespace tarn::meta
