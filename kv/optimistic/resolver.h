#pragma once

// Decides whether a transaction may commit: the keys and ranges written by recent commits, kept
// only while a reader is open that could conflict with them, and never more than `max_bytes` of
// them (a reader that needs more is too old). Enter and Leave are thread-safe; Check and Record are
// called under the engine's commit lock.

#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "kv/optimistic/write_set.h"
#include "kv/store.h"

namespace tarn::kv {

struct ReadSet {
  std::vector<std::string> keys;
  std::vector<std::pair<std::string, std::string>> ranges;  // begin <= key < end.
  bool empty() const { return keys.empty() && ranges.empty(); }
};

class Resolver {
 public:
  explicit Resolver(size_t max_bytes = 16 << 20) : max_bytes_(max_bytes) {}

  // Runs `take`, which opens a snapshot and answers its version, so that no commit comes between it
  // and the note that a reader of that version is open. Versions taken never go back. One Leave for
  // each Enter.
  Version Enter(const std::function<Version()>& take);
  void Leave(Version version);

  // kConflict: something in `reads` was written after `read_version`. kTooOld: no longer known.
  Status Check(Version read_version, const ReadSet& reads) const;
  // After the commit became visible. Costs least when the committing reader has left.
  void Record(Version version, const WriteSet& writes);

 private:
  struct Entry {
    Version version;
    std::string begin;
    std::string end;  // Empty: the one key `begin`.
    size_t Bytes() const { return sizeof(Entry) + begin.size() + end.size(); }
  };
  struct Readers {
    Version version;
    size_t count;
  };
  Version OldestReader(Version if_none);
  void Append(Entry entry);
  void Prune(Version oldest_reader);
  void DropOldest();

  const size_t max_bytes_;
  Mutex readers_mutex_;  // Taken under the commit lock, never around it.
  std::deque<Readers> readers_ GUARDED_BY(readers_mutex_);  // By version.
  std::deque<Entry> entries_;                               // By version.
  size_t bytes_ = 0;
  Version floor_ = 0;  // What was written up to here may be forgotten.
};

}  // namespace tarn::kv
