#pragma once

// Does one Action of the persist queue on the UFS. Thread-safe.

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "base/clock.h"
#include "cache/cache_store.h"
#include "role/persist_queue.h"
#include "ufs/expectation.h"
#include "ufs/mounts.h"
#include "worker/filler.h"

namespace tarn::worker {

struct Done {
  role::Outcome outcome;
  // kUpload: the content that was sent. Mark it clean once the upload is settled.
  std::unique_ptr<cache::FrozenContent> content;
};

class ActionRunner {
 public:
  // Both as in role::PersistQueue. IsWanted is asked before each part.
  using IsWanted = std::function<bool(const role::Action&)>;
  using NoteFile = std::function<Status(const role::Action&, const std::string& file)>;
  ActionRunner(cache::CacheStore& cache, Filler& filler, ufs::UfsMounts& mounts, Clock& clock,
               Nanos ufs_timeout, IsWanted is_wanted, NoteFile note_file)
      : cache_(cache),
        filler_(filler),
        mounts_(mounts),
        clock_(clock),
        ufs_timeout_(ufs_timeout),
        is_wanted_(std::move(is_wanted)),
        note_file_(std::move(note_file)) {}

  // Does the action. Errors are in the outcome. Its changes are durable in the UFS after
  // UnderFileSystem::Sync.
  Done Run(const role::Action& action, const std::stop_token& stop);

 private:
  struct Call;  // The UFS, its traits, and options for each call.
  Result<std::unique_ptr<cache::FrozenContent>> Freeze(const role::Action& action);
  Status CheckBase(const role::Action& action, const std::string& key, const Status& why,
                   Call& call, Done* done);
  static Result<ufs::ObjectInfo> Take(const role::Action& action, ufs::Attempted attempted,
                                      Done* done);
  Status NotSent(const role::Action& action, const cache::FrozenContent& content, const Status& why,
                 Call& call, Done* done);
  static Status NowhereStatus(const role::Action& action, Done* done);
  Result<ufs::ObjectInfo> Upload(const role::Action& action, cache::FrozenContent& content,
                                 const ufs::Precondition& target, AttemptMark& own, Call& call,
                                 Done* done);
  Status Note(const role::Action& action, const ufs::Upload& upload, AttemptMark& own);
  Status Send(const role::Action& action, cache::FrozenContent& content, ufs::Upload& upload,
              Call& call);
  Result<std::optional<ufs::ObjectInfo>> FindMade(const role::Action& action,
                                                  const cache::FrozenContent& content, Call& call);
  Result<ufs::ObjectInfo> UploadContent(const role::Action& action, Call& call, Done* done);
  using Copying = std::function<Result<ufs::ObjectInfo>(const ufs::MoveOptions&)>;
  Result<ufs::ObjectInfo> CopyOrMove(const role::Action& action, Call& call, const Copying& copy,
                                     Done* done);
  Result<ufs::ObjectInfo> Move(const role::Action& action, Call& call, Done* done);
  Result<ufs::ObjectInfo> UploadInstead(const role::Action& action, Call& call, const Status& why,
                                        Done* done);
  Status Localize(const role::Action& action, Call& call, Done* done);
  Result<ufs::ObjectInfo> MakeMarker(const role::Action& action, Call& call);
  Result<ufs::ObjectInfo> MakeDirectory(const role::Action& action, Call& call, Done* done);
  Result<ufs::ObjectInfo> MakeSymlink(const role::Action& action, Call& call, Done* done);
  Result<ufs::ObjectInfo> Link(const role::Action& action, Call& call, Done* done);
  Result<ufs::ObjectInfo> SetAttributes(const role::Action& action, Call& call, Done* done);
  Status Delete(const role::Action& action, Call& call);
  Status RemoveDirectory(const role::Action& action, Call& call);
  static Status MoveMarkers(const role::Action& action, Call& call);
  Status Dispatch(const role::Action& action, Call& call, Done* done);

  cache::CacheStore& cache_;
  Filler& filler_;
  ufs::UfsMounts& mounts_;
  Clock& clock_;
  const Nanos ufs_timeout_;
  const IsWanted is_wanted_;
  const NoteFile note_file_;
};

}  // namespace tarn::worker
