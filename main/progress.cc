#include "main/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/strings.h"
#include "cli/format.h"

namespace tarn {
namespace {

constexpr auto kFirstPoll = std::chrono::milliseconds(5);
constexpr auto kSlowestPoll = std::chrono::milliseconds(200);
constexpr Nanos kHurryInterval = std::chrono::seconds(1);
constexpr Nanos kSlowestHurry = std::chrono::minutes(1);
constexpr int kBarWidth = 30;

// Decides when a waiting command makes the entries due again: less and less often, because a store
// that refuses must not be flooded.
class Hurry {
 public:
  explicit Hurry(Clock& clock) : clock_(clock), last_(clock.Now()) {}
  bool IsDue() {
    if (clock_.Now() - last_ <= interval_) return false;
    last_ = clock_.Now();
    interval_ = std::min(interval_ * 2, kSlowestHurry);
    return true;
  }
  void Reset() { interval_ = kHurryInterval; }

 private:
  Clock& clock_;
  MonotonicTime last_;
  Nanos interval_ = kHurryInterval;
};

// A line that overwrites itself. Prints nothing if standard error is no terminal.
class ProgressLine {
 public:
  ProgressLine() : shown_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (drawn_) std::fputs("\r\033[K", stderr);
  }
  void Draw(const role::QueueTotals& now) {
    most_ = std::max(most_, now.entries);
    if (!shown_ || most_ == 0) return;
    const auto done = static_cast<int>((most_ - now.entries) * kBarWidth / most_);
    const std::string bar = std::string(static_cast<size_t>(done), '#') +
                            std::string(static_cast<size_t>(kBarWidth - done), '.');
    std::fprintf(stderr, "\r\033[K[%s] %llu of %llu persisted, %s to go", bar.c_str(),
                 static_cast<unsigned long long>(most_ - now.entries),
                 static_cast<unsigned long long>(most_), TotalsText(now).c_str());
    std::fflush(stderr);
    drawn_ = true;
  }

 private:
  const bool shown_;
  bool drawn_ = false;
  uint64_t most_ = 0;
};

// The entry whose error explains the wait best: rather one that the source refused than one that
// waits for another entry.
const role::QueueEntry* Telling(const std::vector<role::QueueEntry>& entries) {
  const role::QueueEntry* telling = nullptr;
  for (const role::QueueEntry& entry : entries) {
    if (entry.last_error.empty()) continue;
    if (!role::WaitsForAnother(entry)) return &entry;
    if (telling == nullptr) telling = &entry;
  }
  return telling;
}

Status StillWaiting(role::CoordinatorControl& coordinator, const role::QueueTotals& totals) {
  std::string text = Concat(TotalsText(totals), " still wait to be persisted");
  const Result<role::QueuePage> page = coordinator.PersistList("", 100);
  if (page.ok()) {
    if (const role::QueueEntry* entry = Telling(page->entries)) {
      text += Concat("; ", cli::Shown(entry->path), ": ", entry->last_error);
    }
  }
  return Status(Code::kDeadlineExceeded, text);
}

// The error of files that wait for a user's decision: see doc/commands.md.
Status Conflicts(role::CoordinatorControl& coordinator, const role::QueueTotals& totals) {
  if (totals.conflicts == 0) return OkStatus();
  std::string text = Concat(totals.conflicts, totals.conflicts == 1 ? " file is" : " files are",
                            " in CONFLICT or LOST and not persisted");
  std::string next;
  do {
    Result<role::QueuePage> page = coordinator.PersistList(next, 1000);
    if (!page.ok()) break;
    for (const role::QueueEntry& entry : page->entries) {
      const bool lost = entry.state == role::PersistState::kLost;
      if (entry.state != role::PersistState::kConflict && !lost) continue;
      return Status(Code::kConflict,
                    Concat(text, "; ", cli::Shown(entry.path), ": ", entry.last_error,
                           lost ? "; remove it, or write it again from the start"
                                : "; run tarn async-persist resolve"));
    }
    next = std::move(page->next);
  } while (!next.empty());
  return Status(Code::kConflict, text);
}

Status NothingWaits(const std::string& path, role::PersistState state) {
  switch (state) {
    case role::PersistState::kOpen:
      return Status(Code::kBusy,
                    Concat(path, " is being written: it is persisted once it is closed"));
    case role::PersistState::kLost:
      return Status(Code::kIo, Concat(path, " is LOST: its last bytes are gone"));
    default:
      return OkStatus();
  }
}

// The entry of the highest directory above `path` that waits. If none does: the file's own.
Result<role::QueueEntry> FirstWaiting(role::CoordinatorControl& coordinator,
                                      const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    ASSIGN_OR_RETURN(role::QueueEntry above, coordinator.PersistStat(path.substr(0, slash)));
    if (above.queued_ns != 0) return above;
  }
  return coordinator.PersistStat(path);
}

}  // namespace

std::string TotalsText(const role::QueueTotals& totals) {
  if (totals.files == 0) {
    return Concat(totals.entries, totals.entries == 1 ? " change" : " changes");
  }
  return Concat(totals.files, totals.files == 1 ? " file (" : " files (",
                cli::SizeText(totals.bytes), ")");
}

Status WaitUntilPersisted(role::CoordinatorControl& coordinator, Nanos timeout) {
  Clock& clock = SystemClock();
  const Deadline deadline = Deadline::After(clock, timeout);
  ProgressLine line;
  Nanos wait = kFirstPoll;
  uint64_t before = UINT64_MAX;
  RETURN_IF_ERROR(coordinator.PersistRetry("/"));
  Hurry hurry(clock);
  for (;;) {
    ASSIGN_OR_RETURN(role::QueueTotals totals, coordinator.PersistTotals());
    if (totals.entries == 0) return Conflicts(coordinator, totals);
    if (deadline.PassedBy(clock.Now())) return StillWaiting(coordinator, totals);
    // Nothing moves: makes entries due that came in while this command waits, or that failed again.
    if (totals.entries < before) hurry.Reset();
    if (totals.entries >= before && hurry.IsDue()) RETURN_IF_ERROR(coordinator.PersistRetry("/"));
    before = totals.entries;
    line.Draw(totals);
    clock.SleepFor(wait, std::stop_token());
    wait = std::min<Nanos>(wait * 2, kSlowestPoll);
  }
}

Status WaitUntilPersisted(role::CoordinatorControl& coordinator, const std::string& path,
                          Nanos timeout) {
  Clock& clock = SystemClock();
  const Deadline deadline = Deadline::After(clock, timeout);
  Nanos wait = kFirstPoll;
  RETURN_IF_ERROR(coordinator.PersistRetry(path));
  for (Hurry hurry(clock);;) {
    if (hurry.IsDue()) RETURN_IF_ERROR(coordinator.PersistRetry(path));
    ASSIGN_OR_RETURN(role::QueueEntry entry, FirstWaiting(coordinator, path));
    if (entry.state == role::PersistState::kConflict) {
      return Status(Code::kConflict, Concat(path, " is in CONFLICT: ", entry.last_error,
                                            "; run tarn async-persist resolve"));
    }
    if (entry.queued_ns == 0) return NothingWaits(path, entry.state);
    if (deadline.PassedBy(clock.Now())) {
      const std::string why = entry.last_error.empty() ? "" : "; last error: " + entry.last_error;
      return Status(Code::kDeadlineExceeded,
                    Concat(cli::Shown(entry.path), " still waits to be persisted", why));
    }
    clock.SleepFor(wait, std::stop_token());
    wait = std::min<Nanos>(wait * 2, kSlowestPoll);
  }
}

}  // namespace tarn
