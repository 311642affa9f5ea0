#include "node/sources/unmounter.h"

#include "base/log.h"
#include "base/strings.h"
#include "node/sources/mount_path.h"

namespace tarn {
namespace {

constexpr size_t kSubjects = 10;  // Named in a refusal.
constexpr size_t kMostNamedBytes = 2000;
constexpr int kReapTries = 20;
constexpr int kReleaseTries = 10;
constexpr Nanos kReapWait = std::chrono::milliseconds(100);

std::string Named(const role::Unpersisted& waiting) {
  std::string named;
  size_t count = 0;
  for (const std::string& subject : waiting.subjects) {
    if (named.size() + subject.size() > kMostNamedBytes) break;
    named += (count++ == 0 ? "" : ", ") + subject;
  }
  if (count < waiting.entries) {
    named += Concat(count == 0 ? "" : " and ", waiting.entries - count,
                    count == 0 ? " of them" : " more");
  }
  return named;
}

Status OpenFilesStatus(const role::MountInfo& info, uint64_t open) {
  return Status(Code::kBusy, Concat("cannot unmount ", info.path, ": ", open,
                                    open == 1 ? " file below it is" : " files below it are",
                                    " open; close them, or take them away from their "
                                    "programs with --force"));
}

Status UnpersistedStatus(const role::MountInfo& info, const role::UfsUnmountRequest& request,
                         const role::Unpersisted& waiting) {
  const std::string changes = Concat(waiting.entries, waiting.entries == 1 ? " change" : " changes",
                                     " below it (", Named(waiting), ")");
  if (request.force) {
    return Status(Code::kBusy, Concat("cannot unmount ", info.path, ": ", changes,
                                      " would be lost forever, because they are not in ", info.uri,
                                      " yet; add --discard to lose them"));
  }
  return Status(Code::kBusy, Concat("cannot unmount ", info.path, ": ", changes,
                                    waiting.entries == 1 ? " is" : " are", " not in ", info.uri,
                                    " yet; `tarn async-persist wait` waits for that"));
}

}  // namespace

Result<role::MountInfo> Unmounter::FindMount(const std::string& path) {
  ASSIGN_OR_RETURN(std::vector<role::MountInfo> all, table_.List());
  const std::string plain = MountPath(path);
  if (plain == "/") {
    return Status(Code::kInvalid,
                  "\"/\" is the source of the mount itself; `tarn unmount` ends that");
  }
  for (role::MountInfo& info : all) {
    if (info.path == plain && !info.unmounting) return std::move(info);
  }
  return Status(Code::kNotFound, Concat("no source is mounted on ", plain,
                                        "; `tarn ufs list` shows those that are"));
}

// The kernel reports a close after the program has its answer.
Result<uint64_t> Unmounter::WaitForReleases(MountId mount) {
  for (int i = 0;; ++i) {
    ASSIGN_OR_RETURN(const uint64_t open, table_.CountIn(mount, upkeep_.OpenInodes()));
    if (open == 0 || i == kReleaseTries) return open;
    clock_.SleepFor(kReapWait, std::stop_token());
  }
}

// Files that were just unlinked are still to be forgotten, which queues their deletions.
Result<role::Unpersisted> Unmounter::WaitForReaper(MountId mount) {
  for (int i = 0;; ++i) {
    ASSIGN_OR_RETURN(role::Unpersisted waiting, table_.Waiting(mount, kSubjects));
    if (waiting.unlinked == 0 || i == kReapTries) return waiting;
    clock_.SleepFor(kReapWait, std::stop_token());
  }
}

Status Unmounter::CheckIdle(const role::MountInfo& info, const role::UfsUnmountRequest& request) {
  ASSIGN_OR_RETURN(const uint64_t open, WaitForReleases(info.mount));
  if (open > 0 && !request.force) return OpenFilesStatus(info, open);
  // Without a commit, written bytes would not be counted below.
  if (open > 0 && !request.discard) RETURN_IF_ERROR(upkeep_.CommitOpen());
  ASSIGN_OR_RETURN(role::Unpersisted waiting, WaitForReaper(info.mount));
  waiting.entries += open > 0 ? 0 : waiting.unlinked;
  if (waiting.entries == 0 || (request.force && request.discard)) return OkStatus();
  return UnpersistedStatus(info, request, waiting);
}

Status Unmounter::Forget(MountId mount) {
  const Status forgotten = table_.Forget(
      mount, [this](std::span<const InodeId> inodes) { return upkeep_.Discard(inodes); });
  RETURN_IF_ERROR(forgotten);
  slots_.Remove(mount);
  opener_.RemoveJournal(mount);
  return OkStatus();
}

Status Unmounter::Unmount(const role::UfsUnmountRequest& request) {
  if (request.discard && !request.force) {
    return Status(Code::kInvalid, "--discard goes with --force only");
  }
  ASSIGN_OR_RETURN(const role::MountInfo info, FindMount(request.path));
  // Checks once while programs may change files, so that a refusal disturbs none, and once when
  // nothing can change any more.
  RETURN_IF_ERROR(CheckIdle(info, request));
  table_.StopChanges(info.mount);
  Status status = CheckIdle(info, request);
  if (status.ok()) status = table_.Detach(info.mount);
  if (!status.ok()) {
    table_.AllowChanges(info);
    return status;
  }
  LogInfo("unmounted ", info.uri, " from ", info.path);
  slots_.Disconnect(info.mount, Status(Code::kIo, Concat(info.uri, " was unmounted")));
  status = Forget(info.mount);
  if (status.ok()) return OkStatus();
  return Status(status.code(),
                Concat(info.path, " is unmounted, but its inodes are not all forgotten yet (",
                       status.message(), "); that is tried again"));
}

}  // namespace tarn
