#include "cache/handle/committing.h"

#include <string>

#include "base/checksum.h"

namespace tarn::cache {

Status Committing::SetModifiedTime(Live& live, int64_t mtime_ns) {
  MutexLock lock(live.mutex);
  // In another state the content is never committed again.
  if (live.record.state != ContentState::kStaging) return OkStatus();
  ASSIGN_OR_RETURN(const Changed now, CheckChanged(live));
  if (!now.changed) return OkStatus();
  const int fd = live.write_fd >= 0 ? live.write_fd : live.read_fd;
  RETURN_IF_ERROR(MarkTime(live, fd, mtime_ns == kSentinelMtimeNs ? mtime_ns + 1 : mtime_ns));
  ASSIGN_OR_RETURN(const FileFacts facts, SettledFacts(live, fd));
  live.given_time = {facts.mtime_ns, mtime_ns};
  return OkStatus();
}

Result<ContentInfo> Committing::Commit(Live& live, Generation generation, Syncing syncing) {
  MutexLock lock(live.mutex);
  if (live.erased) return Status(Code::kStale, About(live.ino) + " was erased");
  if (live.record.state != ContentState::kStaging) {
    return Status(Code::kInvalid, "commit: " + About(live.ino) + " is not open for writing");
  }
  if (generation <= live.record.generation) {
    return Status(Code::kStale, "commit: " + About(live.ino) + " has a later generation");
  }
  return CommitLocked(live, generation, syncing);
}

Result<ContentInfo> Committing::CommitLocked(Live& live, Generation generation, Syncing syncing) {
  if (live.write_fd < 0) RETURN_IF_ERROR(OpenForReading(live));
  const int fd = live.write_fd >= 0 ? live.write_fd : live.read_fd;
  ASSIGN_OR_RETURN(const FileFacts before, SettledFacts(live, fd));
  // The next check must see a write from here on and, until this commit stands, also the changes
  // that it commits.
  live.assume_changed = true;
  RETURN_IF_ERROR(MarkTime(live, fd, kSentinelMtimeNs));
  ASSIGN_OR_RETURN(const FileFacts after, Facts(fd));
  charges_.Recharge(live, after.allocated_bytes);
  Record saved = live.record;
  Record& record = live.record;
  record.prior_generation = saved.generation;
  record.prior_size_bytes = saved.size_bytes;
  record.prior_synced = saved.synced && !saved.cut;
  record.generation = generation;
  record.size_bytes = after.size_bytes;
  record.cut = false;
  // A commit that fails keeps the time too: the file has forgotten it.
  saved.mtime_ns = record.mtime_ns = live.TimeOf(before);
  live.given_time.reset();
  record.synced = syncing == Syncing::kSynced || after.size_bytes == 0 || IsOnlySyncedCopy(saved);
  record.has_bytes = record.synced && after.size_bytes <= kInlineBytes && live.pages.Complete();
  record.checksums.clear();
  std::string bytes;
  Status status;
  if (record.has_bytes) {
    bytes.resize(after.size_bytes);
    Result<size_t> got = ReadAt(fd, 0, std::as_writable_bytes(std::span(bytes)));
    status = got.status();
    if (got.ok()) bytes.resize(*got);  // Shorter if cut meanwhile, which the next check sees.
    record.size_bytes = bytes.size();
    record.bytes_checksum = Checksum(bytes);
  } else if (record.synced) {
    status = SyncBytes(live);
  }
  if (status.ok()) status = contents_.StoreRecord(live, kv::Durability::kBuffered, bytes);
  if (!status.ok()) {
    record = std::move(saved);
    return status;
  }
  live.fresh = false;
  live.assume_changed = false;
  live.size_bytes = record.size_bytes;
  {
    MutexLock fill_lock(live.fill_mutex);
    live.unwritten.clear();  // They are of the bytes before this commit.
  }
  ContentInfo info = InfoOf(live.ino, record);
  info.complete = live.pages.Complete();
  return info;
}

Status Committing::Uncommit(Live& live) {
  MutexLock lock(live.mutex);
  Record& record = live.record;
  // The bytes in the index are those of the commit that is taken back.
  if (record.has_bytes) RETURN_IF_ERROR(SyncBytes(live));
  record.has_bytes = false;
  record.generation = record.prior_generation;
  record.size_bytes = record.prior_size_bytes;
  record.synced = record.prior_synced;
  record.prior_generation = {};
  record.cut = true;  // Perhaps.
  live.fresh = !record.generation;
  live.assume_changed = true;
  return contents_.StoreRecord(live, kv::Durability::kBuffered);
}

}  // namespace tarn::cache
