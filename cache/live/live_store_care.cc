// Damage: whether a cache file is what the index says, and what becomes of it if it is not. The
// kernel shows changes made through the file system (inode number, size, time of change); checksums
// show the others. Neither covers a content while it is written.

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/checksum.h"
#include "base/log.h"
#include "base/priority.h"
#include "base/strings.h"
#include "cache/live/live_handle.h"
#include "cache/live/live_store.h"

namespace tarn::cache {
namespace {

constexpr size_t kMostToSeal = 1 << 16;
// A content rests so long before it is sealed: most are persisted, or removed, before that.
constexpr Nanos kRest = std::chrono::seconds(5);
constexpr Nanos kLook = std::chrono::milliseconds(250);

std::string About(const Live& live) { return Concat("content of inode ", live.ino.value); }

bool IsSame(const FileFacts& facts, const Record& record) {
  return facts.inode == record.file_inode && facts.ctime_ns == record.file_ctime_ns;
}

// The content is in use, so its file stays, and all pages are fetched again.
Status Refill(Live& live) REQUIRES(live.mutex) {
  MutexLock lock(live.fill_mutex);
  const uint64_t size = live.record.size_bytes;
  ASSIGN_OR_RETURN(const Descriptor file, OpenForFilling(live));
  if (ftruncate(file.get(), static_cast<off_t>(size)) != 0) {
    return ErrnoStatus(errno, "mend the cache file of " + About(live));
  }
  live.pages.Reset(size, PageMap::Fill::kAbsent);
  live.checksums.assign((size + kPageBytes - 1) / kPageBytes, 0);
  live.map_behind = true;
  return OkStatus();
}

}  // namespace

void LiveStore::NoteFile(Live& live) {
  live.record.file_inode = 0;
  if (!OpenForReading(live).ok()) return;  // It is compared with nothing, and so not believed.
  const Result<FileFacts> facts = Facts(live.read_fd);
  if (!facts.ok()) return;
  live.record.file_inode = facts->inode;
  live.record.file_ctime_ns = facts->ctime_ns;
}

// When it is opened. A clean content that is not good does not exist afterwards, or has no pages.
Status LiveStore::CheckFile(Live& live) {
  if (live.record.state == ContentState::kClean) {
    Status good = CheckClean(live);
    if (good.code() != Code::kCorruption) return good;
    LogWarning(good.message(), "; it is fetched again");
    return live.pins > 0 ? Refill(live) : EraseLocked(live);
  }
  const bool fixed = live.record.state == ContentState::kDirty && live.record.sealed;
  if (!fixed || live.damaged || live.suspect) return OkStatus();
  ASSIGN_OR_RETURN(const FileFacts facts, SettledFacts(live, live.read_fd));
  if (IsSame(facts, live.record)) return OkStatus();
  Status good = Touched(live, facts);
  return good.code() == Code::kCorruption ? OkStatus() : good;  // Its reads tell.
}

// kCorruption: nothing of the file can be believed.
Status LiveStore::CheckClean(Live& live) {
  const bool filling = live.checked && !live.pages.Complete();
  if (filling || live.map_behind || live.suspect || !live.keys.record) return OkStatus();
  ASSIGN_OR_RETURN(const FileFacts facts, Facts(live.read_fd));
  if (facts.size_bytes != live.record.size_bytes) {
    return Status(Code::kCorruption, Concat(About(live), ": its cache file has ", facts.size_bytes,
                                            " of ", live.record.size_bytes, " bytes"));
  }
  live.checked = true;
  if (IsSame(facts, live.record)) return OkStatus();
  MutexLock lock(live.fill_mutex);
  if (live.checksums.empty()) {
    return Status(Code::kCorruption, About(live) + ": something else changed its cache file");
  }
  LogInfo(About(live), ": something else touched its cache file; its pages are verified first");
  Suspect(live);
  return OkStatus();
}

// Every page is verified before it is used, and none passes by the daemon.
void LiveStore::Suspect(Live& live) {
  live.verified.Reset(live.record.size_bytes, PageMap::Fill::kAbsent);
  live.suspect = true;
  live.verify = true;
}

// With the mutex held: before a writer makes pages impossible to verify.
Status LiveStore::VerifyAll(Live& live) {
  const uint64_t size = live.record.size_bytes;
  for (uint64_t page = 0; page * kPageBytes < size; ++page) {
    if (!live.pages.Has(page)) continue;
    Status verified = VerifyPage(live, page);
    if (verified.code() != Code::kCorruption) {
      RETURN_IF_ERROR(verified);
    } else if (live.only_copy) {
      return NoteDamage(live, verified.message());
    }
  }
  live.suspect = false;
  return OkStatus();
}

// All of it is verified.
void LiveStore::Trust(Live& live) {
  if (!live.suspect || live.damaged) return;
  live.suspect = false;
  NoteFile(live);
  Status stored = StoreRecord(live, kv::Durability::kBuffered);
  if (!stored.ok()) LogWarning("note that ", About(live), " is good: ", stored);
}

// With the mutex held. The UFS lacks these bytes, so they stay as they are until the file is
// removed, truncated to nothing or written by its next version.
Status LiveStore::NoteDamage(Live& live, std::string_view why) {
  const Status damage(
      Code::kCorruption,
      Concat(why, ": the cache file ", live.place->name(), " has of it was changed or damaged by ",
             "something else, and the source lacks these bytes; it is not persisted. Remove or ",
             "truncate the file, or write it again"));
  if (live.damaged.exchange(true)) return damage;
  LogError(damage.message());
  live.record.damaged = true;
  RETURN_IF_ERROR(StoreRecord(live, kv::Durability::kBuffered));
  return damage;
}

// Of a content that nobody writes, on its way to the UFS.
Status LiveStore::CheckDirty(Live& live) {
  ASSIGN_OR_RETURN(const FileFacts facts, SettledFacts(live, live.read_fd));
  Record& record = live.record;
  const bool as_committed =
      facts.mtime_ns == kSentinelMtimeNs && facts.size_bytes == record.size_bytes;
  const bool as_sealed = !record.sealed || live.suspect || IsSame(facts, record);
  if (!as_committed || !as_sealed) RETURN_IF_ERROR(Touched(live, facts));
  if (!live.suspect) return OkStatus();
  // All of it: what became a hole is not read by an upload that sends data alone.
  RETURN_IF_ERROR(VerifyAll(live));
  NoteFile(live);
  return OkStatus();
}

// A dirty content that nobody writes, whose file was touched all the same. Ok: it is good again, or
// pages are verified as they are read.
Status LiveStore::Touched(Live& live, const FileFacts& facts) {
  Record& record = live.record;
  if (record.has_bytes) return RestoreBytes(live, false, facts);
  if (facts.size_bytes != record.size_bytes) {
    return NoteDamage(
        live, Concat(About(live), " has ", facts.size_bytes, " of ", record.size_bytes, " bytes"));
  }
  bool known = false;
  {
    MutexLock lock(live.fill_mutex);
    known = record.sealed && !live.checksums.empty();
    if (known) Suspect(live);
  }
  if (!known) return NoteDamage(live, About(live) + " was changed without being open");
  RETURN_IF_ERROR(MarkTime(live, live.read_fd, kSentinelMtimeNs));
  return OkStatus();
}

// The file may change from now on.
void LiveStore::Unseal(Live& live) {
  live.record.sealed = false;
  live.record.checksums.clear();
  MutexLock lock(live.fill_mutex);
  live.verify = false;
  live.checksums.clear();
}

// From now on a change of the file without BeginWriting is damage, also after a crash.
void LiveStore::QueueSeal(InodeId ino) {
  MutexLock lock(care_mutex_);
  if (seals_.size() >= kMostToSeal) return;
  if (unsealed_.insert(ino).second) seals_.emplace_back(clock_.Now(), ino);
}

void LiveStore::UnqueueSeal(InodeId ino) {
  MutexLock lock(care_mutex_);
  unsealed_.erase(ino);
}

Status LiveStore::Seal(InodeId ino) {
  ASSIGN_OR_RETURN(const ContentInfo info,
                   With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS {
                     const bool open = !live->exists || live->record.sealed || live->damaged;
                     ContentInfo found = InfoOf(ino, live->record);
                     if (open) found.state = ContentState::kStaging;
                     return Result<ContentInfo>(found);
                   }));
  if (info.state != ContentState::kDirty) return OkStatus();
  Result<std::unique_ptr<FrozenContent>> frozen =
      Freeze({ino, info.generation}, Freezing::kExclusive);
  if (!frozen.ok()) return OkStatus();  // Its next commit, or its persisting, deals with it.
  return SealFrozen(**frozen);
}

void LiveStore::SealDue(MonotonicTime until) {
  for (;;) {
    InodeId ino;
    {
      MutexLock lock(care_mutex_);
      if (seals_.empty() || seals_.front().first > until) return;
      ino = seals_.front().second;
      seals_.pop_front();
      if (unsealed_.erase(ino) == 0) continue;
    }
    Status sealed = Seal(ino);
    if (!sealed.ok()) LogWarning("seal the content of inode ", ino.value, ": ", sealed);
  }
}

void LiveStore::RunCare(const std::stop_token& stop) {
  GiveWay();
  MonotonicTime next_scrub = clock_.Now() + scrub_.period;
  while (clock_.SleepFor(kLook, stop)) {
    TakeOverDue(stop);
    SealDue(clock_.Now() - kRest);
    if (scrub_.bytes_per_second == 0 || clock_.Now() < next_scrub) continue;
    Scrub(stop);
    next_scrub = clock_.Now() + scrub_.period;
  }
}

// One content after the other, in the order of the index.
void LiveStore::Scrub(const std::stop_token& stop) {
  uint64_t bad = 0;
  Status read = index_.EachRecord([&](InodeId ino, const Result<Record>& record) {
    if (stop.stop_requested()) return Status(Code::kCancelled, "scrub the cache");
    if (!record.ok() || record->checksums.empty()) return OkStatus();
    bad += ScrubOne(ino, stop);
    return OkStatus();
  });
  if (bad > 0) LogError("scrub of the cache: ", bad, " pages did not match their checksums");
  if (!read.ok() && read.code() != Code::kCancelled) LogWarning("scrub the cache: ", read);
}

uint64_t LiveStore::ScrubOne(InodeId ino, const std::stop_token& stop) {
  std::unique_ptr<LiveFile> pin;
  LivePtr shared;
  Status opened = With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS -> Status {
    const bool fixed = live->exists && !live->damaged &&
                       (live->record.state == ContentState::kClean || live->record.sealed);
    if (!fixed) return OkStatus();
    RETURN_IF_ERROR(OpenForReading(*live));
    shared = live;
    pin = Pin(live);
    return OkStatus();
  });
  if (!opened.ok() || !pin) return 0;
  uint64_t bad = 0;
  const uint64_t pages = (shared->size_bytes + kPageBytes - 1) / kPageBytes;
  for (uint64_t page = 0; page < pages; ++page) {
    if (!shared->pages.Has(page)) continue;
    const Nanos cost(kPageBytes * 1'000'000'000 / scrub_.bytes_per_second);
    if (!clock_.SleepFor(cost, stop)) break;
    Status checked = CheckPage(*shared, page);
    if (checked.code() != Code::kCorruption) continue;
    ++bad;
    MutexLock lock(shared->mutex);
    if (shared->only_copy) {
      (void)NoteDamage(*shared, checked.message());  // Which logs it.
    } else {
      LogError(checked.message(), "; it is fetched again");
      Status stored = StoreRecord(*shared, kv::Durability::kBuffered);
      if (!stored.ok()) LogWarning("scrub: ", stored);
    }
  }
  return bad;
}

}  // namespace tarn::cache
