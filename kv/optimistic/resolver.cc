#include "kv/optimistic/resolver.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>

namespace tarn::kv {

size_t ReadSet::DistinctBytes() {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::sort(ranges.begin(), ranges.end());
  ranges.erase(std::unique(ranges.begin(), ranges.end()), ranges.end());
  bytes = 0;
  for (const std::string& key : keys) bytes += BytesOfKeyRange(key.size());
  for (const auto& [begin, end] : ranges) bytes += BytesOfRange(begin, end);
  return bytes;
}

namespace {

// Below this many comparisons a hash table costs more than it saves.
constexpr size_t kFewComparisons = 128;

// The read set, arranged for many look-ups.
class ReadIndex {
 public:
  ReadIndex(const ReadSet& reads, size_t questions) : reads_(reads) {
    if (questions * reads.keys.size() < kFewComparisons) return;
    hashed_ = true;
    keys_.insert(reads.keys.begin(), reads.keys.end());
  }

  bool HasKey(std::string_view key) const {
    const bool read =
        hashed_ ? keys_.contains(key)
                : std::find(reads_.keys.begin(), reads_.keys.end(), key) != reads_.keys.end();
    return read || std::any_of(reads_.ranges.begin(), reads_.ranges.end(),
                               [&](const auto& r) { return r.first <= key && key < r.second; });
  }

  bool Overlaps(std::string_view begin, std::string_view end) const {
    return std::any_of(reads_.keys.begin(), reads_.keys.end(),
                       [&](const auto& key) { return begin <= key && key < end; }) ||
           std::any_of(reads_.ranges.begin(), reads_.ranges.end(),
                       [&](const auto& r) { return r.first < end && begin < r.second; });
  }

 private:
  const ReadSet& reads_;
  std::unordered_set<std::string_view> keys_;
  bool hashed_ = false;
};

}  // namespace

Version Resolver::Enter(const std::function<Version()>& take) {
  MutexLock lock(readers_mutex_);
  const Version version = take();
  if (!readers_.empty() && readers_.back().version == version) {
    ++readers_.back().count;
  } else {
    readers_.push_back({version, 1});
  }
  return version;
}

void Resolver::Leave(Version version) {
  MutexLock lock(readers_mutex_);
  const auto it = std::lower_bound(readers_.begin(), readers_.end(), version,
                                   [](const Readers& r, Version v) { return r.version < v; });
  CHECK(it != readers_.end() && it->version == version && it->count > 0);
  --it->count;
  while (!readers_.empty() && readers_.front().count == 0) readers_.pop_front();
}

Version Resolver::OldestReader(Version if_none) {
  MutexLock lock(readers_mutex_);
  return readers_.empty() ? if_none : readers_.front().version;
}

Status Resolver::Check(Version read_version, const ReadSet& reads) const {
  if (reads.empty()) return OkStatus();
  if (read_version < floor_) return Status(Code::kTooOld, "commit: read version forgotten");
  const auto first = std::upper_bound(entries_.begin(), entries_.end(), read_version,
                                      [](Version v, const Entry& e) { return v < e.version; });
  if (first == entries_.end()) return OkStatus();
  const ReadIndex index(reads, static_cast<size_t>(std::distance(first, entries_.end())));
  for (auto it = first; it != entries_.end(); ++it) {
    const bool hit = it->end.empty() ? index.HasKey(it->begin) : index.Overlaps(it->begin, it->end);
    if (hit) return Status(Code::kConflict, "commit: what was read has changed");
  }
  return OkStatus();
}

void Resolver::Record(Version version, const WriteSet& writes) {
  const Version oldest = OldestReader(version);
  Prune(oldest);
  if (oldest >= version) {
    floor_ = version;
    return;
  }
  for (const auto& [key, write] : writes.points()) Append({version, key, {}});
  for (const auto& [begin, end] : writes.ranges()) Append({version, begin, end});
  while (bytes_ > max_bytes_) DropOldest();
}

void Resolver::Append(Entry entry) {
  bytes_ += entry.Bytes();
  entries_.push_back(std::move(entry));
}

void Resolver::Prune(Version oldest_reader) {
  while (!entries_.empty() && entries_.front().version <= oldest_reader) DropOldest();
}

void Resolver::DropOldest() {
  bytes_ -= entries_.front().Bytes();
  floor_ = std::max(floor_, entries_.front().version);
  entries_.pop_front();
}

}  // namespace tarn::kv
