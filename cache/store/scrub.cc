#include "cache/store/scrub.h"

#include <memory>
#include <optional>

#include "base/log.h"
#include "cache/live/pin.h"
#include "cache/live/verifying.h"

namespace tarn::cache {

void Scrub::Run(const std::stop_token& stop) {
  uint64_t bad = 0;
  Status read = parts_.contents.index().EachRecord([&](InodeId ino, const Result<Record>& record) {
    if (stop.stop_requested()) return Status(Code::kCancelled, "scrub the cache");
    if (!record.ok() || record->checksums.empty()) return OkStatus();
    bad += ScrubOne(ino, stop);
    return OkStatus();
  });
  if (bad > 0) LogError("scrub of the cache: ", bad, " pages did not match their checksums");
  if (!read.ok() && read.code() != Code::kCancelled) LogWarning("scrub the cache: ", read);
}

// Returns the number of bad pages.
uint64_t Scrub::ScrubOne(InodeId ino, const std::stop_token& stop) {
  std::optional<Pin> pin;
  const auto open = [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS -> Status {
    const bool fixed = live->exists && !live->damaged &&
                       (live->record.state == ContentState::kClean || live->record.sealed);
    if (!fixed) return OkStatus();
    RETURN_IF_ERROR(OpenForReading(*live));
    pin.emplace(parts_.contents, live);
    return OkStatus();
  };
  Status opened = parts_.contents.With(ino, open);
  if (!opened.ok() || !pin) return 0;
  Live& live = pin->live();
  uint64_t bad = 0;
  const uint64_t pages = (live.size_bytes + kPageBytes - 1) / kPageBytes;
  for (uint64_t page = 0; page < pages; ++page) {
    if (!live.pages.Has(page)) continue;
    const Nanos cost(kPageBytes * 1'000'000'000 / bytes_per_second_);
    if (!parts_.clock.SleepFor(cost, stop)) break;
    Status checked = CheckPage(live, page);
    if (checked.code() != Code::kCorruption) continue;
    ++bad;
    NoteBad(live, checked);
  }
  return bad;
}

void Scrub::NoteBad(Live& live, const Status& bad) {
  MutexLock lock(live.mutex);
  if (live.only_copy) {
    (void)parts_.damage.Note(live, bad.message());  // Which logs it.
    return;
  }
  LogError(bad.message(), "; it is fetched again");
  Status stored = parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
  if (!stored.ok()) LogWarning("scrub: ", stored);
}

}  // namespace tarn::cache
