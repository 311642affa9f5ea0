// Writers, and commits of what they wrote.

#include <unistd.h>

#include <cerrno>
#include <thread>

#include "base/checksum.h"
#include "base/log.h"
#include "base/strings.h"
#include "cache/live/live_handle.h"
#include "cache/live/live_store.h"

namespace tarn::cache {
namespace {

// The first part of the wait gives the processor away; the rest, on a busy machine, sleeps.
constexpr Nanos kLettingGo = std::chrono::microseconds(300);
constexpr Nanos kLettingGoSlowly = std::chrono::milliseconds(20);
constexpr Nanos kBetweenLooks = std::chrono::microseconds(200);

Live& Of(LiveFile& file) { return *static_cast<LiveHandle&>(file).live(); }

// A writer was promised these bytes, and no other place has them. What is written over them in the
// same file is synced as well, or a power cut would leave neither.
bool IsOnlySyncedCopy(const Record& record) { return Committed(record) && record.synced; }

std::string About(const Live& live) { return "content of inode " + std::to_string(live.ino.value); }

}  // namespace

// The UFS has the generation that is about to be changed: the index says so before a byte can be.
Status LiveStore::BecomeStaging(Live& live, Truncate truncate) {
  Record& record = live.record;
  if (live.suspect && truncate == Truncate::kNo) RETURN_IF_ERROR(VerifyAll(live));
  if (record.state == ContentState::kClean) {
    if (!space_.PinnedRoom(record.allocated_bytes)) {
      return Status(Code::kNoSpace, "write: the cache is full of unpersisted contents");
    }
    record.state = ContentState::kStaging;
    record.base_in_ufs = true;
    record.base_generation = record.generation;
    record.cut = truncate == Truncate::kToZero;
    record.checksums.clear();
    Status stored = StoreRecord(live, kv::Durability::kDurable);
    if (!stored.ok()) {
      record.state = ContentState::kClean;
      return stored;
    }
    ChargePinned(live);
    MutexLock lock(live.fill_mutex);
    live.verify = false;
    live.unwritten = std::move(live.checksums);
    live.checksums.clear();
  } else if (record.sealed || record.damaged) {
    record.damaged = false;
    Unseal(live);
    RETURN_IF_ERROR(StoreRecord(live, kv::Durability::kBuffered));
  }
  live.suspect = false;
  live.damaged = false;
  record.state = ContentState::kStaging;
  live.staging = true;
  return OkStatus();
}

Status LiveStore::BeginWriting(LiveFile& file, Truncate truncate) {
  Live& live = Of(file);
  MutexLock lock(live.mutex);
  if (live.erased) return Status(Code::kStale, About(live) + " was erased");
  if (live.damaged && truncate == Truncate::kNo) {
    return Status(Code::kIo, Concat("open the ", About(live), " for writing: its cache file was ",
                                    "changed by something else; truncate it or remove it"));
  }
  if (live.writers == 0) {
    const bool clean = live.record.state == ContentState::kClean;
    Result<Descriptor> opened = live.place->Open(live.file, Access::kReadWrite);
    if (opened.code() == Code::kNotFound) {
      return Status(Code::kIo, About(live) + ": its cache file was removed");
    }
    ASSIGN_OR_RETURN(Descriptor fd, std::move(opened));
    if (clean) RETURN_IF_ERROR(MarkTime(live, fd.get(), kSentinelMtimeNs));
    Status staging = BecomeStaging(live, truncate);
    if (!staging.ok() && clean && live.checked && !live.suspect) NoteFile(live);
    RETURN_IF_ERROR(staging);
    live.OpenForWriting(std::move(fd));
  }
  ++live.writers;
  if (truncate == Truncate::kNo) return OkStatus();
  Status cut = ResizeLocked(live, 0);
  if (!cut.ok() && --live.writers == 0) live.CloseForWriting();
  return cut;
}

void LiveStore::EndWriting(LiveFile& file) {
  Live& live = Of(file);
  MutexLock lock(live.mutex);
  CHECK(live.writers > 0);
  if (--live.writers == 0) {
    // What reads it from now on must not find it gone with this descriptor.
    Status opened = OpenForReading(live);
    if (!opened.ok()) LogError("end writing: ", opened);
    live.CloseForWriting();
  }
}

Status LiveStore::ResizeLocked(Live& live, uint64_t size_bytes) {
  const int fd = live.write_fd;
  if (fd < 0) return Status(Code::kInvalid, "resize: not open for writing");
  const bool complete = live.pages.Complete();
  // Recovery takes a file that is too short for damaged unless it knows of this. What only the file
  // has is not cut before that is on the disk: the cut itself may be there at any moment.
  if (size_bytes < live.record.size_bytes && !live.record.cut) {
    const bool durably = IsOnlySyncedCopy(live.record) && !live.record.has_bytes;
    live.record.cut = true;
    Status noted =
        StoreRecord(live, durably ? kv::Durability::kDurable : kv::Durability::kBuffered);
    if (!noted.ok()) live.record.cut = false;
    RETURN_IF_ERROR(noted);
  }
  {
    MutexLock lock(live.fill_mutex);
    const uint64_t tail = size_bytes % kPageBytes;
    if (tail != 0 && size_bytes < live.pages.limit_bytes() &&
        !live.pages.Has(size_bytes / kPageBytes)) {
      return Status(Code::kNotFound, "resize: the page that is cut is absent");
    }
    if (ftruncate(fd, static_cast<off_t>(size_bytes)) != 0) {
      return ErrnoStatus(errno, "resize " + About(live));
    }
    live.pages.Cut(size_bytes);
  }
  ASSIGN_OR_RETURN(const FileFacts facts, Facts(fd));
  Recharge(live, facts.allocated_bytes);
  return complete ? OkStatus() : StoreRecord(live, kv::Durability::kBuffered);
}

Result<CacheStore::Changed> LiveStore::CheckLocked(Live& live) {
  Changed now;
  if (live.record.state != ContentState::kStaging) {
    now.size_bytes = live.record.size_bytes;
    now.allocated_bytes = live.record.allocated_bytes;
    now.mtime_ns = live.record.mtime_ns;
    return now;
  }
  if (live.write_fd < 0) RETURN_IF_ERROR(OpenForReading(live));
  ASSIGN_OR_RETURN(const FileFacts facts,
                   SettledFacts(live, live.write_fd >= 0 ? live.write_fd : live.read_fd));
  const bool touched = facts.mtime_ns != kSentinelMtimeNs;
  now.changed =
      live.fresh || live.unnoticed || touched || facts.size_bytes != live.record.size_bytes;
  now.size_bytes = facts.size_bytes;
  now.allocated_bytes = facts.allocated_bytes;
  now.mtime_ns = live.TimeOf(facts);
  return now;
}

Result<CacheStore::Changed> LiveStore::CheckChanged(LiveFile& file) {
  Live& live = Of(file);
  MutexLock lock(live.mutex);
  return CheckLocked(live);
}

Status LiveStore::SetModifiedTime(LiveFile& file, int64_t mtime_ns) {
  Live& live = Of(file);
  MutexLock lock(live.mutex);
  if (live.record.state != ContentState::kStaging)
    return OkStatus();  // It is never committed again.
  ASSIGN_OR_RETURN(const Changed now, CheckLocked(live));
  if (!now.changed) return OkStatus();
  const int fd = live.write_fd >= 0 ? live.write_fd : live.read_fd;
  RETURN_IF_ERROR(MarkTime(live, fd, mtime_ns == kSentinelMtimeNs ? mtime_ns + 1 : mtime_ns));
  ASSIGN_OR_RETURN(const FileFacts facts, SettledFacts(live, fd));
  live.given_time = {facts.mtime_ns, mtime_ns};
  return OkStatus();
}

Status LiveStore::SyncBytes(Live& live) {
  if (live.write_fd < 0) RETURN_IF_ERROR(OpenForReading(live));
  RETURN_IF_ERROR(SyncData(live.write_fd >= 0 ? live.write_fd : live.read_fd));
  if (!live.name_synced) RETURN_IF_ERROR(live.place->SyncName(live.file));
  live.name_synced = true;
  return OkStatus();
}

Result<ContentInfo> LiveStore::Commit(LiveFile& file, Generation generation, Syncing syncing) {
  Live& live = Of(file);
  MutexLock lock(live.mutex);
  if (live.erased) return Status(Code::kStale, About(live) + " was erased");
  if (live.record.state != ContentState::kStaging) {
    return Status(Code::kInvalid, "commit: " + About(live) + " is not open for writing");
  }
  if (generation <= live.record.generation) {
    return Status(Code::kStale, "commit: " + About(live) + " has a later generation");
  }
  return CommitLocked(live, generation, syncing);
}

Result<ContentInfo> LiveStore::CommitLocked(Live& live, Generation generation, Syncing syncing) {
  if (live.write_fd < 0) RETURN_IF_ERROR(OpenForReading(live));
  const int fd = live.write_fd >= 0 ? live.write_fd : live.read_fd;
  ASSIGN_OR_RETURN(const FileFacts before, SettledFacts(live, fd));
  // A write from here on is seen by the next check; until this commit stands, so is this one.
  live.unnoticed = true;
  RETURN_IF_ERROR(MarkTime(live, fd, kSentinelMtimeNs));
  ASSIGN_OR_RETURN(const FileFacts after, Facts(fd));
  Recharge(live, after.allocated_bytes);
  Record saved = live.record;
  Record& record = live.record;
  record.prior_generation = saved.generation;
  record.prior_size_bytes = saved.size_bytes;
  record.prior_synced = saved.synced && !saved.cut;
  record.generation = generation;
  record.size_bytes = after.size_bytes;
  record.cut = false;
  // Also where the commit fails: the file has forgotten it.
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
    if (got.ok()) bytes.resize(*got);  // Cut meanwhile, which the next check sees.
    record.size_bytes = bytes.size();
    record.bytes_checksum = Checksum(bytes);
  } else if (record.synced) {
    status = SyncBytes(live);
  }
  if (status.ok()) status = StoreRecord(live, kv::Durability::kBuffered, bytes);
  if (!status.ok()) {
    record = std::move(saved);
    return status;
  }
  live.fresh = false;
  live.unnoticed = false;
  live.size_bytes = record.size_bytes;
  ContentInfo info = InfoOf(live.ino, record);
  info.complete = live.pages.Complete();
  return info;
}

Status LiveStore::Uncommit(LiveFile& file) {
  Live& live = Of(file);
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
  live.unnoticed = true;
  return StoreRecord(live, kv::Durability::kBuffered);
}

Result<bool> LiveStore::Quiet(Live& live) {
  if (live.writers > 0) return false;
  RETURN_IF_ERROR(OpenForReading(live));
  RETURN_IF_ERROR(live.MakeReadOnly());
  ASSIGN_OR_RETURN(bool quiet, IsLetGo(live));
  // The kernel tells of the last close a moment before it lets go of the file.
  const MonotonicTime begun = SystemClock().Now();
  for (Nanos waited{}; !quiet && !live.outlived && waited < kLettingGoSlowly;
       waited = SystemClock().Now() - begun) {
    if (waited < kLettingGo) {
      std::this_thread::yield();
    } else {
      SystemClock().SleepFor(kBetweenLooks, {});
    }
    ASSIGN_OR_RETURN(quiet, IsLetGo(live));
  }
  live.outlived = !quiet;
  return quiet;
}

Result<bool> LiveStore::IsLetGo(Live& live) {
  MutexLock lock(live.fill_mutex);
  live.fill_fd.Reset();  // It is opened again when another page comes.
  return NobodyWrites(live.read_fd);
}

Status LiveStore::Settle(LiveFile& file) {
  Live& live = Of(file);
  MutexLock lock(live.mutex);
  return SettleLocked(live);
}

Status LiveStore::SettleLocked(Live& live) {
  if (live.erased) return Status(Code::kStale, About(live) + " was erased");
  if (live.record.state != ContentState::kStaging) return OkStatus();
  ASSIGN_OR_RETURN(const bool quiet, Quiet(live));
  if (!quiet) {
    if (live.writers == 0) RETURN_IF_ERROR(CarryInFile(live));
    return Status(Code::kBusy, About(live) + " may still be written");
  }
  ASSIGN_OR_RETURN(const Changed now, CheckLocked(live));
  if (now.changed) return Status(Code::kBusy, About(live) + " has changes to commit");
  if (Committed(live.record)) {
    live.record.state = ContentState::kDirty;
    live.record.prior_generation = {};
    live.only_copy = true;
    live.staging = false;
    QueueSeal(live.ino);
    return OkStatus();  // The index says so since the commit.
  }
  {
    MutexLock lock(live.fill_mutex);
    live.checksums = std::move(live.unwritten);
    live.unwritten.clear();
  }
  return BecomeClean(live);
}

// A mapping outlived its descriptors. The bytes move from the log to the file, and the sync makes
// the kernel notice the next store into the mapping, which a dirty page would hide.
Status LiveStore::CarryInFile(Live& live) {
  if (!live.record.has_bytes && live.record.synced) return OkStatus();
  RETURN_IF_ERROR(SyncBytes(live));
  live.record.has_bytes = false;
  live.record.synced = Committed(live.record);
  return StoreRecord(live, kv::Durability::kBuffered);
}

}  // namespace tarn::cache
