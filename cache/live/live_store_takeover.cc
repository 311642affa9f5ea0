// Writers that outlive the daemon: descriptors and mappings of a mount that died still reach the
// file of a content. It gets another file, with the same bytes, and they keep the old one.

#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "base/strings.h"
#include "cache/live/live_store.h"

namespace tarn::cache {
namespace {

// Copied before the mount is there; what is larger waits for the background.
constexpr uint64_t kAtOnceBytes = 4 << 20;
constexpr uint64_t kAllAtOnceBytes = 64 << 20;

std::string About(InodeId ino) { return Concat("content of inode ", ino.value); }

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

// Of a content that recovery keeps.
Status LiveStore::CloseToOldWriters(Live& live) {
  ASSIGN_OR_RETURN(const Descriptor file, live.place->Open(live.file, Access::kRead));
  ASSIGN_OR_RETURN(const bool alone, NobodyWrites(file.get()));
  if (alone || live.suspect) return OkStatus();
  Status fenced = live.place->Fence(file.get(), Fenced::kYes);
  if (!fenced.ok()) LogDebug("fence a cache file: ", fenced);
  const uint64_t bytes = live.record.allocated_bytes;
  const bool at_once = bytes <= kAtOnceBytes && copied_at_start_ + bytes <= kAllAtOnceBytes;
  LogWarning(About(live.ino), ": a program has it open through a mount that died; ",
             at_once ? "" : "it cannot be opened until it is copied, and ",
             "what that program writes from now on is lost");
  if (!at_once) {
    MutexLock lock(care_mutex_);
    takeovers_.insert(live.ino);
    has_takeovers_ = true;
    return OkStatus();
  }
  copied_at_start_ += bytes;
  return TakeOver(live, file.get(), {});
}

// Nothing of the old file is given up before the index names the new one durably.
Status LiveStore::TakeOver(Live& live, int old_file, const std::stop_token& stop) {
  Record& record = live.record;
  const FileId before = live.file;
  RETURN_IF_ERROR(MakeRoom(live.place_index, record.allocated_bytes));
  FileId after = before;
  after.value = next_file_id_++;
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
  Status stored = StoreRecord(live, kv::Durability::kDurable);
  if (!stored.ok()) {
    record.file_id = before.value;
    return give_up(stored);
  }
  live.file = after;
  if (record.sealed) Unseal(live);
  QueueSeal(live.ino);
  live.CloseForReading();
  RETURN_IF_ERROR(live.place->Remove(before));
  // Nameless now, it takes no more writes where that can be had: its writers learn it.
  Status fenced = live.place->Fence(old_file, Fenced::kYes);
  if (!fenced.ok()) LogDebug("fence a cache file: ", fenced);
  return OkStatus();
}

bool LiveStore::AwaitsTakeOver(InodeId ino) {
  if (!has_takeovers_) return false;
  MutexLock lock(care_mutex_);
  return takeovers_.contains(ino);
}

// One that finds no room, or fails, is tried again later.
void LiveStore::TakeOverDue(const std::stop_token& stop) {
  if (!has_takeovers_) return;
  std::vector<InodeId> due;
  {
    MutexLock lock(care_mutex_);
    due.assign(takeovers_.begin(), takeovers_.end());
  }
  for (const InodeId ino : due) {
    Status taken = With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS -> Status {
      if (!live->exists || live->record.state == ContentState::kClean) return OkStatus();
      ASSIGN_OR_RETURN(const Descriptor file, live->place->Open(live->file, Access::kRead));
      ASSIGN_OR_RETURN(const bool alone, NobodyWrites(file.get()));
      if (alone) return live->place->Fence(file.get(), Fenced::kNo);
      return TakeOver(*live, file.get(), stop);
    });
    if (stop.stop_requested()) return;
    if (!taken.ok() && taken.code() != Code::kUnsupported) {
      LogWarning("take ", About(ino), " from the writers of a mount that died: ", taken);
      continue;
    }
    MutexLock lock(care_mutex_);
    takeovers_.erase(ino);
    has_takeovers_ = !takeovers_.empty();
  }
}

}  // namespace tarn::cache
