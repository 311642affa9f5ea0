#pragma once

// Brings absent pages of contents from the UFS to this node's disk. Thread-safe.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/thread_pool.h"
#include "cache/cache_store.h"
#include "role/types.h"
#include "ufs/mounts.h"
#include "worker/read_ahead.h"

namespace tarn::worker {

struct FillerOptions {
  size_t threads = 16;                            // Pages read from the UFS at the same time.
  uint64_t readahead_max_bytes = 64 << 20;        // 0: none.
  Nanos read_deadline = std::chrono::minutes(2);  // Of one Fill, retries included.
  // Hears what came with bytes of a file whose attributes are guesses. Called by several threads.
  std::function<void(InodeId, const role::ToldAttributes&)> on_told = {};
};

class Filler {
 public:
  // All outlive it.
  Filler(const FillerOptions& options, cache::CacheStore& cache, ufs::UfsMounts& mounts,
         Clock& clock);
  ~Filler();  // Lets what is under way end.

  // Makes the pages of [offset, offset + length) of `file` present, as far as the object that
  // `binding` names reaches. One read a page, however many ask for it; what the UFS cannot answer
  // for now is tried again until the deadline, or the request that this thread serves is stopped.
  // kStale: the object is not the one bound any more; kNotFound: it is gone; kNoSpace: a page finds
  // no room, and nothing was read for it.
  Status Fill(cache::LiveFile& file, const role::Binding& binding, uint64_t offset_bytes,
              uint64_t length_bytes);
  Status FillWhole(cache::LiveFile& file, const role::Binding& binding);
  // Fills `out` with bytes of the object, which nothing keeps. Errors as Fill's.
  Status ReadThrough(const role::Binding& binding, uint64_t offset_bytes, std::span<std::byte> out);
  // Reads a byte. An error: the object cannot be read, and asking again would not help (it is
  // archived, or may not be read). OK also where the source does not answer at once.
  Status CheckReadable(const role::Binding& binding);
  // Fills fail with kCancelled from now on, those under way soon. For the end of the process.
  void Cancel() { stop_.request_stop(); }
  // A reader read here: fetches ahead of it in the background while it reads in order.
  void NoteRead(const ContentId& content, const role::Binding& binding, uint64_t offset_bytes,
                uint64_t length_bytes, ReadHistory& history);

 private:
  struct Fetch;  // A page being fetched, and who waits for it.
  using PageKey = std::pair<InodeId, uint64_t>;

  struct Pages {  // Next to each other; read at once.
    uint64_t first = 0;
    uint64_t count = 1;
  };
  using Claims = std::vector<std::pair<uint64_t, std::shared_ptr<Fetch>>>;

  Status FetchPage(cache::LiveFile& file, const role::Binding& binding, uint64_t page,
                   const ufs::CallOptions& call);
  // Those of the pages that are absent and that nobody else fetches.
  Status FetchRun(cache::LiveFile& file, const role::Binding& binding, Pages pages,
                  const ufs::CallOptions& call);
  Claims Claim(cache::LiveFile& file, const role::Binding& binding, Pages pages);
  void Settle(InodeId ino, std::span<const Claims::value_type> claims, const Status& status);
  Status FetchAll(cache::LiveFile& file, const role::Binding& binding, Pages pages,
                  const ufs::CallOptions& call);
  // Runs `read` again while the UFS cannot answer, until the deadline.
  Status Patiently(const role::Binding& binding, const ufs::CallOptions& call,
                   const std::function<Status()>& read);
  using Arrived = std::function<void(uint64_t page)>;  // Called for each page, in order.
  Status ReadPages(cache::LiveFile& file, const role::Binding& binding, Pages pages,
                   const ufs::CallOptions& call, const Arrived& arrived);
  // Takes from `left` what arrives.
  Status ReadOnce(cache::LiveFile& file, const role::Binding& binding, Pages& left,
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
  ThreadPool
      ahead_;  // Of its own, so that readers never wait behind what nobody has asked for yet.
};

}  // namespace tarn::worker
