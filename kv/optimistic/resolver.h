#pragma once

// Decides whether a transaction may commit. It knows the keys and ranges that recent commits wrote,
// and keeps them while a reader is open that could conflict with them, `max_bytes` at most (a
// reader that needs more is too old). Enter and Leave are thread-safe; call Check and Record under
// the engine's commit lock.

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
  size_t bytes = 0;                                         // Against kMaxTransactionBytes.

  void AddKey(std::string_view key) {
    bytes += BytesOfKeyRange(key.size());
    keys.emplace_back(key);
  }
  void AddRange(std::string begin, std::string end) {
    bytes += BytesOfRange(begin, end);
    ranges.emplace_back(std::move(begin), std::move(end));
  }
  // `bytes`, with what was read repeatedly counted once. Sorts everything.
  size_t DistinctBytes();
  bool empty() const { return keys.empty() && ranges.empty(); }
};

class Resolver {
 public:
  explicit Resolver(size_t max_bytes = 16 << 20) : max_bytes_(max_bytes) {}

  // Runs `take`, which opens a snapshot and returns its version, and notes that a reader of that
  // version is open; no commit comes between the two. Versions taken never fall. Call Leave once
  // for each Enter.
  Version Enter(const std::function<Version()>& take);
  void Leave(Version version);

  // kConflict: a commit after `read_version` wrote something in `reads`. kTooOld: commits after it
  // are no longer known.
  Status Check(Version read_version, const ReadSet& reads) const;
  // Call it after the commit became visible. It costs least when the committing reader has left.
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
  Version floor_ = 0;  // Commits up to here may be forgotten.
};

}  // namespace tarn::kv
