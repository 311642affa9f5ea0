#pragma once

// The state of an open file. Internal to client/.

#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/memory_budget.h"
#include "base/mutex.h"
#include "client/opener.h"
#include "host/open_table.h"
#include "host/page_reader.h"

namespace tarn::client {

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

struct Handle {
  host::OpenInodePtr inode;  // With a hold on it. Null: abandoned.
  bool writes = false;
  IoMode mode = IoMode::kDirect;
  Mutex mutex;  // Taken alone; held over PageReader::NoteRead.
  host::ReadHistory history GUARDED_BY(mutex);
  std::shared_ptr<const Passing> passing GUARDED_BY(mutex);
  uint64_t passed_until GUARDED_BY(mutex) = 0;  // The end of the last read past the cache.
};

}  // namespace tarn::client
