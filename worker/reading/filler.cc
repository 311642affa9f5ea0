#include "worker/filler.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/current_request.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/thread_pool.h"
#include "cache/read_room.h"
#include "worker/reading/read_ahead.h"

namespace tarn::worker {
namespace {

constexpr Nanos kFirstRetry = std::chrono::milliseconds(50);
constexpr Nanos kSlowestRetry = std::chrono::seconds(5);
constexpr Nanos kPatienceOfWriters = std::chrono::seconds(5);
constexpr size_t kQueuedPages = 1024;

// The number of pages to read in one request, of `count` pages. Each request has a cost. But a
// reader must not wait for its first page until many have come, and several requests at a time are
// faster than one.
uint64_t RunPages(uint64_t count) {
  constexpr uint64_t kMostPages = 8;
  constexpr uint64_t kRuns = 4;
  return std::clamp<uint64_t>(count / kRuns, 1, kMostPages);
}

bool WorthRetrying(Code code) { return code == Code::kUnavailable; }

role::ToldAttributes ToldOf(const ufs::ObjectInfo& info) {
  role::ToldAttributes told;
  told.etag = info.etag;
  if (info.mode_kept) told.mode = info.mode;
  if (info.uid_kept) told.uid = info.uid;
  if (info.gid_kept) told.gid = info.gid;
  told.mtime_ns = info.mtime_ns;
  return told;
}

Status Stopped(const role::Binding& binding) {
  return Status(Code::kCancelled, "read " + binding.key + ": stopped");
}

// A stop token that stops as soon as one of two stops.
class EitherStop {
 public:
  EitherStop(const std::stop_token& first, const std::stop_token& second)
      : first_(first, Stopper{source_}), second_(second, Stopper{source_}) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Stopper {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Stopper> first_;
  std::stop_callback<Stopper> second_;
};

// Runs of pages, which several threads take one by one until one fails. The reader takes them too,
// so it waits for no run that is not begun: a source that does not answer may hold all other
// threads.
class Runs {
 public:
  explicit Runs(size_t count) : count_(count) {}
  std::optional<size_t> Take() {
    MutexLock lock(mutex_);
    if (next_ == count_ || !first_.ok()) return std::nullopt;
    ++under_way_;
    return next_++;
  }
  void Done(const Status& status) {
    MutexLock lock(mutex_);
    if (!status.ok() && first_.ok()) first_ = status;
    if (--under_way_ == 0) done_.NotifyAll();
  }
  // Call it when Take returns none. Waits for the runs under way, and returns the first error.
  Status Wait() {
    MutexLock lock(mutex_);
    while (under_way_ > 0) done_.Wait(mutex_);
    return first_;
  }

 private:
  const size_t count_;
  Mutex mutex_;
  CondVar done_;
  size_t next_ GUARDED_BY(mutex_) = 0;
  size_t under_way_ GUARDED_BY(mutex_) = 0;
  Status first_ GUARDED_BY(mutex_);
};

class UfsFiller final : public Filler {
 public:
  UfsFiller(const FillerOptions& options, cache::CacheStore& cache, ufs::UfsMounts& mounts,
            Clock& clock);
  ~UfsFiller() override;

  Status Fill(cache::LivePages& file, const role::Binding& binding, uint64_t offset_bytes,
              uint64_t length_bytes) override;
  Status FillWhole(cache::LivePages& file, const role::Binding& binding) override;
  Status ReadThrough(const role::Binding& binding, uint64_t offset_bytes,
                     std::span<std::byte> out) override;
  Status CheckReadable(const role::Binding& binding) override;
  void Cancel() override { stop_.request_stop(); }
  void NoteRead(const ContentId& content, const role::Binding& binding, uint64_t offset_bytes,
                uint64_t length_bytes, host::ReadHistory& history) override;

 private:
  struct Fetch;  // A page being fetched, for which other callers may wait.
  using PageKey = std::pair<InodeId, uint64_t>;

  struct Pages {  // Adjacent pages, read in one request.
    uint64_t first = 0;
    uint64_t count = 1;
  };
  using Claims = std::vector<std::pair<uint64_t, std::shared_ptr<Fetch>>>;

  Status FetchPage(cache::LivePages& file, const role::Binding& binding, uint64_t page,
                   const ufs::CallOptions& call);
  // Fetches those of the pages that are absent and that no other caller fetches.
  Status FetchRun(cache::LivePages& file, const role::Binding& binding, Pages pages,
                  const ufs::CallOptions& call);
  Claims Claim(cache::LivePages& file, const role::Binding& binding, Pages pages);
  void Settle(InodeId ino, std::span<const Claims::value_type> claims, const Status& status);
  Status FetchAll(cache::LivePages& file, const role::Binding& binding, Pages pages,
                  const ufs::CallOptions& call);
  // Repeats `read` while the UFS cannot answer, until the deadline.
  Status Patiently(const role::Binding& binding, const ufs::CallOptions& call,
                   const std::function<Status()>& read);
  using Arrived = std::function<void(uint64_t page)>;  // Called for each page, in order.
  Status ReadPages(cache::LivePages& file, const role::Binding& binding, Pages pages,
                   const ufs::CallOptions& call, const Arrived& arrived);
  // Removes the pages that arrive from `left`.
  Status ReadOnce(cache::LivePages& file, const role::Binding& binding, Pages& left,
                  const ufs::CallOptions& call, const Arrived& arrived);
  void Prefetch(const ContentId& content, const role::Binding& binding, Range range);

  const FillerOptions options_;
  cache::CacheStore& cache_;
  ufs::UfsMounts& mounts_;
  Clock& clock_;
  std::stop_source stop_;
  Mutex mutex_;
  CondVar fetched_;
  std::map<PageKey, std::shared_ptr<Fetch>> fetches_ GUARDED_BY(mutex_);
  ThreadPool demand_;
  // A pool of its own, so that readers never wait behind pages that no reader has asked for yet.
  ThreadPool ahead_;
};

struct UfsFiller::Fetch {
  std::string etag;   // Version of the object that is read.
  bool done = false;  // Guarded by UfsFiller::mutex_.
  Status status;
};

UfsFiller::UfsFiller(const FillerOptions& options, cache::CacheStore& cache, ufs::UfsMounts& mounts,
                     Clock& clock)
    : options_(options),
      cache_(cache),
      mounts_(mounts),
      clock_(clock),
      demand_({.name = "fill", .threads = options.threads, .queue_capacity = kQueuedPages}),
      ahead_({.name = "read-ahead",
              .threads = std::max<size_t>(1, options.threads / 2),
              .queue_capacity = kQueuedPages}) {}

UfsFiller::~UfsFiller() {
  Cancel();
  ahead_.Shutdown();
  demand_.Shutdown();
}

Status UfsFiller::ReadOnce(cache::LivePages& file, const role::Binding& binding, Pages& left,
                           const ufs::CallOptions& call, const Arrived& arrived) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(binding.mount));
  const uint64_t begin = left.first * cache::kPageBytes;
  const uint64_t length = std::min(left.count * cache::kPageBytes, binding.size_bytes - begin);
  const ufs::Extent extent{begin, length, begin + length == binding.size_bytes, binding.size_bytes};
  const Status shorter(Code::kStale, "read " + binding.key + ": it is shorter than it was");
  const auto take = [&](std::span<const std::byte> bytes) -> Status {
    const uint64_t rest = binding.size_bytes - left.first * cache::kPageBytes;
    if (bytes.size() < std::min(cache::kPageBytes, rest)) return shorter;
    RETURN_IF_ERROR(file.AddPage(left.first, bytes));
    arrived(left.first);
    ++left.first;
    --left.count;
    return OkStatus();
  };
  ufs::ObjectInfo told;
  ufs::CallOptions telling = call;
  if (binding.guessed && begin == 0 && options_.on_told) telling.told = &told;
  // The buffer is not kept for the next read: idle threads hold no memory.
  const size_t piece_bytes = std::min(length, cache::kPageBytes);
  const auto piece = std::make_unique_for_overwrite<std::byte[]>(piece_bytes);
  ASSIGN_OR_RETURN(const uint64_t got,
                   ufs->ReadPieces(binding.key, binding.etag, extent,
                                   std::span(piece.get(), piece_bytes), take, telling));
  if (!told.etag.empty()) options_.on_told(file.Info().ino, ToldOf(told));
  return got == length ? OkStatus() : shorter;
}

Status UfsFiller::Patiently(const role::Binding& binding, const ufs::CallOptions& call,
                            const std::function<Status()>& read) {
  Random random(RandomSeed());
  for (uint32_t attempt = 0;; ++attempt) {
    Status status = read();
    if (!WorthRetrying(status.code())) return status;
    const Nanos wait = JitteredBackoff(attempt, kFirstRetry, kSlowestRetry, random);
    if (call.deadline.PassedBy(clock_.Now() + wait)) return status;
    if (!clock_.SleepFor(wait, call.stop)) {
      return Status(Code::kCancelled, "read " + binding.key + ": stopped; " + status.message());
    }
  }
}

Status UfsFiller::ReadPages(cache::LivePages& file, const role::Binding& binding, Pages pages,
                            const ufs::CallOptions& call, const Arrived& arrived) {
  return Patiently(binding, call, [&] { return ReadOnce(file, binding, pages, call, arrived); });
}

Status UfsFiller::ReadThrough(const role::Binding& binding, uint64_t offset_bytes,
                              std::span<std::byte> out) {
  const EitherStop stop(stop_.get_token(), StopOfRequest());
  const ufs::CallOptions call{Deadline::After(clock_, options_.read_deadline), stop.token()};
  return Patiently(binding, call, [&]() -> Status {
    ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(binding.mount));
    ASSIGN_OR_RETURN(const size_t got,
                     ufs->Read(binding.key, binding.etag, offset_bytes, out, call));
    if (got == out.size()) return OkStatus();
    return Status(Code::kStale, "read " + binding.key + ": it is shorter than it was");
  });
}

Status UfsFiller::CheckReadable(const role::Binding& binding) {
  if (binding.size_bytes == 0) return OkStatus();
  Result<ufs::UnderFileSystem*> ufs = mounts_.Get(binding.mount);
  if (!ufs.ok()) return OkStatus();
  const EitherStop stop(stop_.get_token(), StopOfRequest());
  const ufs::CallOptions call{Deadline::After(clock_, kPatienceOfWriters), stop.token()};
  std::byte first[1];
  const Status read = (*ufs)->Read(binding.key, binding.etag, 0, first, call).status();
  const Code code = read.code();
  const bool final = code == Code::kIo || code == Code::kPermission ||
                     code == Code::kNotPermitted || code == Code::kUnsupported;
  return final ? read : OkStatus();
}

// The first caller for a page fetches it, and other callers wait. An error of the first one does
// not count for a caller with another version of the object. Its success does not count if it
// filled a file that was replaced meanwhile.
Status UfsFiller::FetchPage(cache::LivePages& file, const role::Binding& binding, uint64_t page,
                            const ufs::CallOptions& call) {
  const PageKey key(file.Info().ino, page);
  auto mine = std::make_shared<Fetch>();
  mine->etag = binding.etag;
  const std::stop_callback wake(call.stop, [this] {
    MutexLock lock(mutex_);
    fetched_.NotifyAll();
  });
  for (;;) {
    if (file.Present(page * cache::kPageBytes, 1)) return OkStatus();
    if (call.stop.stop_requested()) return Stopped(binding);
    MutexLock lock(mutex_);
    const auto [slot, first] = fetches_.try_emplace(key, mine);
    if (first) break;
    const std::shared_ptr<Fetch> theirs = slot->second;
    while (!theirs->done && !call.stop.stop_requested()) fetched_.Wait(mutex_);
    if (!theirs->done) return Stopped(binding);
    // That the first caller was stopped does not concern the other callers.
    const bool counts = theirs->etag == binding.etag && theirs->status.code() != Code::kCancelled;
    if (!theirs->status.ok() && counts) return theirs->status;
  }
  Status status = file.Present(page * cache::kPageBytes, 1)
                      ? OkStatus()
                      : ReadPages(file, binding, {page, 1}, call, [](uint64_t) {});
  MutexLock lock(mutex_);
  mine->done = true;
  mine->status = status;
  fetches_.erase(key);
  fetched_.NotifyAll();
  return status;
}

UfsFiller::Claims UfsFiller::Claim(cache::LivePages& file, const role::Binding& binding,
                                   Pages pages) {
  Claims claims;
  for (uint64_t page = pages.first; page < pages.first + pages.count; ++page) {
    if (file.Present(page * cache::kPageBytes, 1)) continue;
    auto mine = std::make_shared<Fetch>();
    mine->etag = binding.etag;
    MutexLock lock(mutex_);
    const auto [slot, first] = fetches_.try_emplace(PageKey(file.Info().ino, page), mine);
    if (first) claims.emplace_back(page, std::move(mine));
  }
  return claims;
}

void UfsFiller::Settle(InodeId ino, std::span<const Claims::value_type> claims,
                       const Status& status) {
  MutexLock lock(mutex_);
  for (const auto& [page, fetch] : claims) {
    fetch->done = true;
    fetch->status = status;
    fetches_.erase(PageKey(ino, page));
  }
  fetched_.NotifyAll();
}

Status UfsFiller::FetchRun(cache::LivePages& file, const role::Binding& binding, Pages pages,
                           const ufs::CallOptions& call) {
  const Claims claims = Claim(file, binding, pages);
  Status first;
  for (size_t begin = 0; begin < claims.size();) {
    size_t end = begin + 1;
    while (end < claims.size() && claims[end].first == claims[end - 1].first + 1) ++end;
    const Pages run{claims[begin].first, static_cast<uint64_t>(end - begin)};
    // A caller that waits for a page continues when that page arrives, whatever happens to the
    // other pages.
    Status status = ReadPages(file, binding, run, call, [&](uint64_t) {
      Settle(file.Info().ino, std::span(claims).subspan(begin++, 1), OkStatus());
    });
    Settle(file.Info().ino, std::span(claims).subspan(begin, end - begin), status);
    if (first.ok()) first = status;
    begin = end;
  }
  return first;
}

// On OK the pages are present, whichever caller fetched them.
Status UfsFiller::FetchAll(cache::LivePages& file, const role::Binding& binding, Pages pages,
                           const ufs::CallOptions& call) {
  if (pages.count > 1) RETURN_IF_ERROR(FetchRun(file, binding, pages, call));
  for (uint64_t page = pages.first; page < pages.first + pages.count; ++page) {
    RETURN_IF_ERROR(FetchPage(file, binding, page, call));
  }
  return OkStatus();
}

Status UfsFiller::Fill(cache::LivePages& file, const role::Binding& binding, uint64_t offset_bytes,
                       uint64_t length_bytes) {
  // The last page counts as a whole: it also holds bytes that a writer put behind the end of the
  // object.
  const uint64_t first = offset_bytes / cache::kPageBytes;
  const uint64_t begin = first * cache::kPageBytes;
  if (file.Complete() || length_bytes == 0 || begin >= binding.size_bytes) return OkStatus();
  const uint64_t end =
      begin + std::min(offset_bytes - begin + length_bytes, binding.size_bytes - begin);
  const uint64_t most = RunPages((end - 1) / cache::kPageBytes - first + 1);
  std::vector<Pages> absent;
  for (uint64_t page = first; page * cache::kPageBytes < end; ++page) {
    if (file.Present(page * cache::kPageBytes, 1)) continue;
    const bool goes_on = !absent.empty() && absent.back().count < most &&
                         absent.back().first + absent.back().count == page;
    if (goes_on) {
      ++absent.back().count;
    } else {
      absent.push_back({page, 1});
    }
  }
  if (absent.empty()) return OkStatus();
  RETURN_IF_ERROR(file.MakeRoom());
  const EitherStop stop(stop_.get_token(), StopOfRequest());
  const ufs::CallOptions call{Deadline::After(clock_, options_.read_deadline), stop.token()};
  // A thread of the pool may begin this after the call is over; it then finds no run to take.
  const auto runs = std::make_shared<Runs>(absent.size());
  const auto work = [this, runs, &file, &binding, &absent, &call] {
    while (const std::optional<size_t> i = runs->Take()) {
      runs->Done(FetchAll(file, binding, absent[*i], call));
    }
  };
  runs->Take();  // This thread does the first run: most fills need no other thread.
  for (size_t i = 1; i < absent.size(); ++i) {
    if (!demand_.TrySubmit(work).ok()) break;  // The threads that have begun do the rest.
  }
  runs->Done(FetchAll(file, binding, absent.front(), call));
  work();
  return runs->Wait();
}

Status UfsFiller::FillWhole(cache::LivePages& file, const role::Binding& binding) {
  constexpr uint64_t kStep = 64 * cache::kPageBytes;  // Bounds what is queued at once.
  for (uint64_t at = 0; at < binding.size_bytes && !file.Complete(); at += kStep) {
    RETURN_IF_ERROR(Fill(file, binding, at, kStep));
  }
  return OkStatus();
}

void UfsFiller::Prefetch(const ContentId& content, const role::Binding& binding, Range range) {
  const uint64_t begin = range.offset_bytes / cache::kPageBytes;
  const uint64_t end =
      (range.offset_bytes + range.length_bytes + cache::kPageBytes - 1) / cache::kPageBytes;
  const uint64_t most = RunPages(end - begin);
  for (uint64_t page = begin; page < end; page += most) {
    const Pages pages{page, std::min(most, end - page)};
    Status queued = ahead_.TrySubmit([this, content, binding, pages] {
      if (stop_.stop_requested()) return;
      // A pin of its own: the reader may close, and the content be evicted, before this runs.
      Result<std::unique_ptr<cache::LiveFile>> file = cache_.Open(content);
      if (!file.ok() || (*file)->Complete()) return;
      const uint64_t offset = pages.first * cache::kPageBytes;
      const uint64_t length = pages.count * cache::kPageBytes;
      if (!cache::HasReadRoom(cache_, **file, offset, length)) return;
      if (!(*file)->MakeRoom().ok()) return;
      const ufs::CallOptions call{Deadline::After(clock_, options_.read_deadline),
                                  stop_.get_token()};
      Status status = FetchRun(**file, binding, pages, call);
      // The reader meets the same error if it comes this far.
      if (!status.ok()) LogDebug("read ahead: ", status);
    });
    if (!queued.ok()) return;  // Enough pages are queued.
  }
}

void UfsFiller::NoteRead(const ContentId& content, const role::Binding& binding,
                         uint64_t offset_bytes, uint64_t length_bytes, host::ReadHistory& history) {
  if (options_.readahead_max_bytes == 0) return;
  const Range range = PlanReadAhead(history, offset_bytes, length_bytes, binding.size_bytes,
                                    4 * cache::kPageBytes, options_.readahead_max_bytes);
  if (range.length_bytes > 0) Prefetch(content, binding, range);
}

}  // namespace

std::unique_ptr<Filler> NewFiller(const FillerOptions& options, cache::CacheStore& cache,
                                  ufs::UfsMounts& mounts, Clock& clock) {
  return std::make_unique<UfsFiller>(options, cache, mounts, clock);
}

}  // namespace tarn::worker
