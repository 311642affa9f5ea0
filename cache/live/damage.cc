#include "cache/live/damage.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/log.h"
#include "base/strings.h"
#include "cache/live/verifying.h"

namespace tarn::cache {

Status Damage::CheckFile(Live& live) {
  if (live.record.state == ContentState::kClean) {
    Status good = CheckClean(live);
    if (good.code() != Code::kCorruption) return good;
    LogWarning(good.message(), "; it is fetched again");
    return live.pins > 0 ? Refill(live) : contents_.Erase(live);
  }
  const bool fixed = live.record.state == ContentState::kDirty && live.record.sealed;
  if (!fixed || live.damaged || live.suspect) return OkStatus();
  ASSIGN_OR_RETURN(const FileFacts facts, SettledFacts(live, live.read_fd));
  if (IsSameFile(facts, live.record)) return OkStatus();
  Status good = CheckTouched(live, facts);
  return good.code() == Code::kCorruption ? OkStatus() : good;  // Its reads report it.
}

// kCorruption: no byte of the file can be trusted.
Status Damage::CheckClean(Live& live) {
  const bool filling = live.checked && !live.pages.Complete();
  if (filling || live.map_behind || live.suspect || !live.keys.record) return OkStatus();
  ASSIGN_OR_RETURN(const FileFacts facts, Facts(live.read_fd));
  if (facts.size_bytes != live.record.size_bytes) {
    return Status(Code::kCorruption,
                  Concat(About(live.ino), ": its cache file has ", facts.size_bytes, " of ",
                         live.record.size_bytes, " bytes"));
  }
  live.checked = true;
  if (IsSameFile(facts, live.record)) return OkStatus();
  MutexLock lock(live.fill_mutex);
  if (live.checksums.empty()) {
    return Status(Code::kCorruption, About(live.ino) + ": something else changed its cache file");
  }
  LogInfo(About(live.ino), ": something else touched its cache file; its pages are verified first");
  Suspect(live);
  return OkStatus();
}

Status Damage::VerifyAll(Live& live) {
  const uint64_t size = live.record.size_bytes;
  for (uint64_t page = 0; page * kPageBytes < size; ++page) {
    if (!live.pages.Has(page)) continue;
    Status verified = VerifyPage(live, page);
    if (verified.code() != Code::kCorruption) {
      RETURN_IF_ERROR(verified);
    } else if (live.only_copy) {
      return Note(live, verified.message());
    }
  }
  live.suspect = false;
  return OkStatus();
}

void Damage::Trust(Live& live) {
  if (!live.suspect || live.damaged) return;
  live.suspect = false;
  NoteFile(live);
  Status stored = contents_.StoreRecord(live, kv::Durability::kBuffered);
  if (!stored.ok()) LogWarning("note that ", About(live.ino), " is good: ", stored);
}

Status Damage::Note(Live& live, std::string_view why) {
  const Status damage(
      Code::kCorruption,
      Concat(why, ": the cache file ", live.place->name(), " has of it was changed or damaged by ",
             "something else, and the source lacks these bytes; it is not persisted. Remove or ",
             "truncate the file, or write it again"));
  if (live.damaged.exchange(true)) return damage;
  LogError(damage.message());
  live.record.damaged = true;
  RETURN_IF_ERROR(contents_.StoreRecord(live, kv::Durability::kBuffered));
  return damage;
}

Status Damage::CheckDirty(Live& live) {
  ASSIGN_OR_RETURN(const FileFacts facts, SettledFacts(live, live.read_fd));
  Record& record = live.record;
  const bool as_committed =
      facts.mtime_ns == kSentinelMtimeNs && facts.size_bytes == record.size_bytes;
  const bool as_sealed = !record.sealed || live.suspect || IsSameFile(facts, record);
  if (!as_committed || !as_sealed) RETURN_IF_ERROR(CheckTouched(live, facts));
  if (!live.suspect) return OkStatus();
  // All pages: an upload that sends data alone does not read what became a hole.
  RETURN_IF_ERROR(VerifyAll(live));
  NoteFile(live);
  return OkStatus();
}

// The file of a dirty content that no program writes was touched all the same. Ok: it is good
// again, or its pages are verified as they are read.
Status Damage::CheckTouched(Live& live, const FileFacts& facts) {
  Record& record = live.record;
  if (record.has_bytes) return RestoreBytes(live, Missing::kNo, facts);
  if (facts.size_bytes != record.size_bytes) {
    return Note(live, Concat(About(live.ino), " has ", facts.size_bytes, " of ", record.size_bytes,
                             " bytes"));
  }
  bool known = false;
  {
    MutexLock lock(live.fill_mutex);
    known = record.sealed && !live.checksums.empty();
    if (known) Suspect(live);
  }
  if (!known) return Note(live, About(live.ino) + " was changed without being open");
  RETURN_IF_ERROR(MarkTime(live, live.read_fd, kSentinelMtimeNs));
  return OkStatus();
}

Status Damage::RestoreBytes(Live& live, Missing missing, const FileFacts& facts) {
  Record& record = live.record;
  ASSIGN_OR_RETURN(const std::string bytes, contents_.index().Bytes(live.ino, record));
  Descriptor file;
  if (missing == Missing::kYes) {
    ASSIGN_OR_RETURN(file, live.place->Create(live.file));
  } else {
    ASSIGN_OR_RETURN(file, live.place->Open(live.file, Access::kReadWrite));
  }
  std::string found(std::min<uint64_t>(facts.size_bytes, kInlineBytes + 1), '\0');
  ASSIGN_OR_RETURN(const size_t got,
                   ReadAt(file.get(), 0, std::as_writable_bytes(std::span(found))));
  found.resize(got);
  if (missing == Missing::kYes || found != bytes) {
    RETURN_IF_ERROR(CutFile(file.get(), bytes.size()));
    RETURN_IF_ERROR(WriteAt(file.get(), 0, std::as_bytes(std::span(bytes))));
  }
  return SetMtime(file.get(), kSentinelMtimeNs);
}

}  // namespace tarn::cache
