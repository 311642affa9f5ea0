#include "cache/live/takeovers.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "cache/live/verifying.h"

namespace tarn::cache {
namespace {

constexpr uint64_t kAtOnceBytes = 4 << 20;      // For one file.
constexpr uint64_t kAllAtOnceBytes = 64 << 20;  // For all files together.

// Holes stay holes.
Status CopyBytes(int from, int to, uint64_t size_bytes, const std::stop_token& stop) {
  constexpr size_t kStep = 16 << 20;
  if (ftruncate(to, static_cast<off_t>(size_bytes)) != 0) {
    return ErrnoStatus(errno, "copy a cache file");
  }
  const auto size = static_cast<off_t>(size_bytes);
  for (off_t at = 0; at < size;) {
    if (stop.stop_requested()) return Status(Code::kCancelled, "copy a cache file");
    at = lseek(from, at, SEEK_DATA);
    if (at < 0 && errno == ENXIO) break;
    const off_t hole = at < 0 ? -1 : lseek(from, at, SEEK_HOLE);
    if (hole < 0) return ErrnoStatus(errno, "copy a cache file");
    off_t out = at;
    const off_t end = std::min(hole, size);
    while (at < end) {
      const auto length = std::min(kStep, static_cast<size_t>(end - at));
      const ssize_t copied = copy_file_range(from, &at, to, &out, length, 0);
      if (copied < 0 && errno == EINTR) continue;
      if (copied < 0) return ErrnoStatus(errno, "copy a cache file");
      if (copied == 0) return OkStatus();  // Cut meanwhile.
    }
  }
  return OkStatus();
}

}  // namespace

Status TakeOvers::CloseToOldWriters(Live& live) {
  ASSIGN_OR_RETURN(const Descriptor file, live.place->Open(live.file, Access::kRead));
  ASSIGN_OR_RETURN(const bool alone, IsUnwritten(file.get()));
  if (alone || live.suspect) return OkStatus();
  Status fenced = live.place->Fence(file.get(), Fenced::kYes);
  if (!fenced.ok()) LogDebug("fence a cache file: ", fenced);
  const uint64_t bytes = live.record.allocated_bytes;
  const bool at_once = bytes <= kAtOnceBytes && copied_at_start_ + bytes <= kAllAtOnceBytes;
  LogWarning(About(live.ino), ": a program has it open through a mount that died; ",
             at_once ? "" : "it cannot be opened until it is copied, and ",
             "what that program writes from now on is lost");
  if (!at_once) {
    MutexLock lock(mutex_);
    awaited_.insert(live.ino);
    any_awaited_ = true;
    return OkStatus();
  }
  copied_at_start_ += bytes;
  return TakeOver(live, file.get(), {});
}

// Nothing of the old file is given up before the index names the new one durably.
Status TakeOvers::TakeOver(Live& live, int old_file, const std::stop_token& stop) {
  Record& record = live.record;
  const FileId before = live.file;
  RETURN_IF_ERROR(parts_.evictor.MakeRoom(live.place_index, record.allocated_bytes));
  FileId after = before;
  after.value = parts_.run.NextFileId();
  ASSIGN_OR_RETURN(const Descriptor made, live.place->Create(after));
  const auto give_up = [&](const Status& status) {
    Status removed = live.place->Remove(after);
    if (!removed.ok()) LogWarning("remove the copy of ", About(live.ino), ": ", removed);
    return status;
  };
  Status copied = CopyBytes(old_file, made.get(), record.size_bytes, stop);
  if (copied.ok()) copied = SetMtime(made.get(), kSentinelMtimeNs);
  if (copied.ok()) copied = SyncData(made.get());
  if (copied.ok()) copied = live.place->SyncName(after);
  if (!copied.ok()) return give_up(copied);
  record.file_id = after.value;
  Status stored = parts_.contents.StoreRecord(live, kv::Durability::kDurable);
  if (!stored.ok()) {
    record.file_id = before.value;
    return give_up(stored);
  }
  live.file = after;
  if (record.sealed) Unseal(live);
  parts_.seals.Add(live.ino);
  live.CloseForReading();
  RETURN_IF_ERROR(live.place->Remove(before));
  // The old file has no name now. Where the file system can, it takes no more writes, so that its
  // writers get an error.
  Status fenced = live.place->Fence(old_file, Fenced::kYes);
  if (!fenced.ok()) LogDebug("fence a cache file: ", fenced);
  return OkStatus();
}

bool TakeOvers::Awaits(InodeId ino) {
  if (!any_awaited_) return false;
  MutexLock lock(mutex_);
  return awaited_.contains(ino);
}

void TakeOvers::TakeOverDue(const std::stop_token& stop) {
  if (!any_awaited_) return;
  std::vector<InodeId> due;
  {
    MutexLock lock(mutex_);
    due.assign(awaited_.begin(), awaited_.end());
  }
  for (const InodeId ino : due) {
    Status taken =
        parts_.contents.With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS -> Status {
          if (!live->exists || live->record.state == ContentState::kClean) return OkStatus();
          ASSIGN_OR_RETURN(const Descriptor file, live->place->Open(live->file, Access::kRead));
          ASSIGN_OR_RETURN(const bool alone, IsUnwritten(file.get()));
          if (alone) return live->place->Fence(file.get(), Fenced::kNo);
          return TakeOver(*live, file.get(), stop);
        });
    if (stop.stop_requested()) return;
    if (!taken.ok() && taken.code() != Code::kUnsupported) {
      LogWarning("take ", About(ino), " from the writers of a mount that died: ", taken);
      continue;
    }
    MutexLock lock(mutex_);
    awaited_.erase(ino);
    any_awaited_ = !awaited_.empty();
  }
}

}  // namespace tarn::cache
