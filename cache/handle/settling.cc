#include "cache/handle/settling.h"

#include <thread>

namespace tarn::cache {
namespace {

// The first part of the wait gives the processor away; the rest, on a busy machine, sleeps.
constexpr Nanos kLettingGo = std::chrono::microseconds(300);
constexpr Nanos kLettingGoSlowly = std::chrono::milliseconds(20);
constexpr Nanos kBetweenLooks = std::chrono::microseconds(200);

Result<bool> IsLetGo(Live& live) {
  MutexLock lock(live.fill_mutex);
  live.fill_fd.Reset();  // It is opened again when another page comes.
  return IsUnwritten(live.read_fd);
}

}  // namespace

Result<bool> Settling::IsQuiet(Live& live) {
  if (live.writers > 0) return false;
  RETURN_IF_ERROR(OpenForReading(live));
  RETURN_IF_ERROR(live.MakeReadOnly());
  ASSIGN_OR_RETURN(bool quiet, IsLetGo(live));
  // The kernel reports the last close a moment before it lets go of the file.
  Clock& clock = parts_.machine;
  const MonotonicTime begun = clock.Now();
  for (Nanos waited{}; !quiet && !live.mapped_after_close && waited < kLettingGoSlowly;
       waited = clock.Now() - begun) {
    if (waited < kLettingGo) {
      std::this_thread::yield();
    } else {
      clock.SleepFor(kBetweenLooks, {});
    }
    ASSIGN_OR_RETURN(quiet, IsLetGo(live));
  }
  live.mapped_after_close = !quiet;
  return quiet;
}

Status Settling::Settle(Live& live) {
  if (live.erased) return Status(Code::kStale, About(live.ino) + " was erased");
  if (live.record.state != ContentState::kStaging) return OkStatus();
  ASSIGN_OR_RETURN(const bool quiet, IsQuiet(live));
  if (!quiet) {
    if (live.writers == 0) RETURN_IF_ERROR(CarryInFile(live));
    return Status(Code::kBusy, About(live.ino) + " may still be written");
  }
  ASSIGN_OR_RETURN(const Changed now, CheckChanged(live));
  if (now.changed) return Status(Code::kBusy, About(live.ino) + " has changes to commit");
  if (Committed(live.record)) {
    live.record.state = ContentState::kDirty;
    live.record.prior_generation = {};
    live.only_copy = true;
    live.staging = false;
    parts_.seals.Add(live.ino);
    return OkStatus();  // The index says kDirty since the commit.
  }
  {
    MutexLock lock(live.fill_mutex);
    live.checksums = std::move(live.unwritten);
    live.unwritten.clear();
  }
  return BecomeClean(live);
}

// A mapping outlived its descriptors. The bytes move from the log to the file. The sync makes the
// kernel notice the next store into the mapping, which a dirty page would hide.
Status Settling::CarryInFile(Live& live) {
  if (!live.record.has_bytes && live.record.synced) return OkStatus();
  RETURN_IF_ERROR(SyncBytes(live));
  live.record.has_bytes = false;
  live.record.synced = Committed(live.record);
  return parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
}

Status Settling::BecomeClean(Live& live) {
  Record& record = live.record;
  const Record saved = record;
  record.state = ContentState::kClean;
  record.prior_generation = {};
  // Bytes that were safe in the log alone are not known to be on the disk.
  if (record.has_bytes) live.unsynced_pages = true;
  record.has_bytes = false;
  record.sealed = false;
  record.cut = false;
  live.checked = true;
  live.suspect = false;
  Status stored = parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
  if (!stored.ok()) {
    record = saved;
    return stored;
  }
  live.only_copy = false;
  live.staging = false;
  parts_.seals.Remove(live.ino);
  parts_.charges.ChargeClean(live);
  return OkStatus();
}

}  // namespace tarn::cache
