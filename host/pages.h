#pragma once

// Pages that this node lacks: fetched into live files, or read past the cache where they find no
// room. Thread-safe; blocks on the source, with no lock of an inode held. The caller has a hold on
// the inode, which has a live file.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/memory_budget.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cache/cache_store.h"
#include "host/back_pressure.h"
#include "host/open_table.h"
#include "host/page_reader.h"
#include "role/files.h"
#include "role/maintenance.h"

namespace tarn::host {

inline constexpr uint64_t kWholeFile = UINT64_MAX;

// Bytes of an object that found no room in the cache.
struct Passing {
  bool Holds(uint64_t offset, uint64_t length) const {
    return offset >= offset_bytes && offset + length <= offset_bytes + length_bytes;
  }
  Reservation room;
  uint64_t offset_bytes = 0;
  uint64_t length_bytes = 0;
  std::unique_ptr<std::byte[]> bytes;
};

// The reads of one handle.
struct Reading {
  Mutex mutex;  // Taken alone; held over PageReader::NoteRead.
  ReadHistory history GUARDED_BY(mutex);
  std::shared_ptr<const Passing> passing GUARDED_BY(mutex);
  uint64_t passed_until GUARDED_BY(mutex) = 0;  // The end of the last read past the cache.
};

// Runs `change` until no page that it needs is absent. A page may vanish (bad checksum) between
// its fetch and its use, but not again and again.
Status WithPages(const std::function<Status()>& change, const std::function<Status()>& fetch);

class Pages {
 public:
  // All references outlive it.
  struct Dependencies {
    role::Files& files;
    role::Maintenance& maintenance;
    cache::CacheStore& cache;
    PageReader& reader;
    BackPressure& room;
    Clock& clock;
  };
  explicit Pages(const Dependencies& dependencies);

  // Makes the pages of [offset, offset + length) present; `length_bytes` kWholeFile: all of them.
  // kNoSpace: a page finds no room now. kIo: the bytes cannot be had.
  Status Fetch(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes);
  // Like Fetch, for a writer, who waits for room.
  Status FetchForWriter(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes);
  // An error: the source keeps the object and does not give it (one in an archive), so a change of
  // a part of it could never be persisted.
  Status CheckBase(OpenInode& inode);

  // Runs `read`, and fetches what turns out to be absent. kNoSpace: a page finds no room.
  using ReadFile = std::function<Result<size_t>(cache::LiveFile&)>;
  Result<size_t> ReadPresent(OpenInode& inode, Reading& reading, uint64_t offset_bytes,
                             uint64_t length_bytes, const ReadFile& read);
  // Fills `out` from `offset`. Short only at the end of the file.
  Result<size_t> Read(OpenInode& inode, Reading& reading, uint64_t offset_bytes,
                      std::span<std::byte> out);

 private:
  // Runs `read` again with the next binding while the object is being moved.
  using ReadSource = std::function<Status(cache::LiveFile&, const role::Binding&)>;
  Status WithBinding(OpenInode& inode, const ReadSource& read);
  // kElsewhere: the coordinator has a newer binding. kChanging: it will have one.
  enum class Rebound { kSame, kElsewhere, kChanging };
  Rebound RefreshBinding(OpenInode& inode, const role::Binding& failed);
  Result<size_t> ReadThrough(OpenInode& inode, Reading& reading, uint64_t offset_bytes,
                             std::span<std::byte> out);
  Status ReadBase(OpenInode& inode, Reading& reading, uint64_t offset_bytes,
                  std::span<std::byte> out);

  const Dependencies deps_;
  MemoryBudget passing_budget_;
};

}  // namespace tarn::host
