#pragma once

// Knows which contents this store has. It loads the state of a content from the index into memory,
// and stores it back. Thread-safe; blocks on local I/O.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/status.h"
#include "cache/files/file_place.h"
#include "cache/index/content_index.h"
#include "cache/live/charges.h"
#include "cache/live/live.h"
#include "cache/live/live_table.h"
#include "cache/live/run.h"
#include "cache/live/seal_queue.h"
#include "cache/room/space.h"

namespace tarn::cache {

class Contents {
 public:
  // Each part outlives this object.
  struct Parts {
    const Places& places;
    Run& run;
    Space& space;
    Charges& charges;
    SealQueue& seals;
  };
  Contents(const Parts& parts, kv::Store& index) : parts_(parts), index_(index) {}

  // Runs `body` on the inode's loaded state, with its mutex held.
  template <typename Body>
  auto With(InodeId ino, Body body) -> decltype(body(std::declval<const LivePtr&>())) {
    for (;;) {
      const LivePtr live = table_.Get(ino);
      Live& state = *live;
      MutexLock lock(state.mutex);
      if (state.dead) continue;  // Lost a race against Rest, which has already taken it out.
      Status status = Load(state);
      if (!status.ok()) {
        Rest(state);
        return status;
      }
      auto result = body(live);
      Rest(state);
      return result;
    }
  }

  // Reads the record of the content, if the state does not have it yet. Removes a record that is
  // damaged. Removes the record of a clean content if a power cut may have taken its pages, or if
  // its cache directory is not in use. kIo: the content is not clean, and its cache directory is
  // not in use.
  Status Load(Live& live) REQUIRES(live.mutex);
  // Takes a content without pins out of memory. It stays if it is staging. It also stays if the
  // index lacks its present pages or its charge, which StoreResting stores.
  void Rest(Live& live) REQUIRES(live.mutex);
  static void Pin(Live& live) REQUIRES(live.mutex) { ++live.pins; }
  void Unpin(Live& live);
  // Writes the record. `bytes`: the content's bytes, if they become durable with the log of the
  // index and not by a sync of the file. If the page map is too large for a record, a clean content
  // is erased, and the call succeeds. Another content gives kTooBig, and the index keeps its old
  // record.
  Status StoreRecord(Live& live, kv::Durability durability, std::string_view bytes = {})
      REQUIRES(live.mutex);
  // Handles keep the file open, and its bytes stay charged until the last handle goes.
  Status Erase(Live& live) REQUIRES(live.mutex);
  std::optional<ContentInfo> Find(InodeId ino);
  // Stores the records of contents that have no user any more, and takes them out of memory.
  void StoreResting();
  // The index in Places; their number if no place has this id.
  size_t PlaceWithId(uint64_t id) const;

  LiveTable& table() { return table_; }
  ContentIndex& index() { return index_; }

 private:
  Status LoadRecord(Live& live, Record record) REQUIRES(live.mutex);

  const Parts parts_;
  ContentIndex index_;
  LiveTable table_;
  std::atomic<bool> maps_behind_{false};  // A content rests in memory because of its page map.
};

}  // namespace tarn::cache
