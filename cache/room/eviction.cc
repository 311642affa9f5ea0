#include "cache/room/eviction.h"

#include <algorithm>
#include <list>
#include <unordered_map>

namespace tarn::cache {
namespace {

class Lru final : public EvictionPolicy {
 public:
  void Add(InodeId ino, uint64_t bytes, int64_t) override {
    const auto found = index_.find(ino);
    if (found != index_.end()) {
      bytes_ += bytes - found->second->bytes;
      found->second->bytes = bytes;
      return;
    }
    order_.push_front({ino, bytes});
    index_[ino] = order_.begin();
    bytes_ += bytes;
  }
  void Touch(InodeId ino, int64_t) override {
    const auto found = index_.find(ino);
    if (found != index_.end()) order_.splice(order_.begin(), order_, found->second);
  }
  std::optional<uint64_t> Remove(InodeId ino) override {
    const auto found = index_.find(ino);
    if (found == index_.end()) return std::nullopt;
    const uint64_t bytes = found->second->bytes;
    bytes_ -= bytes;
    order_.erase(found->second);
    index_.erase(found);
    return bytes;
  }
  std::optional<Victim> Evict() override {
    if (order_.empty()) return std::nullopt;
    const Victim victim = order_.back();
    Remove(victim.ino);
    return victim;
  }
  uint64_t bytes() const override { return bytes_; }
  uint64_t count() const override { return index_.size(); }

 private:
  std::list<Victim> order_;  // Last used first.
  std::unordered_map<InodeId, std::list<Victim>::iterator> index_;
  uint64_t bytes_ = 0;
};

// Uses within this time count as one: several opens of a file by one job do not predict more uses.
constexpr int64_t kOneUseNs = 1'000'000'000;
constexpr uint8_t kMostUses = 3;
constexpr size_t kMostGoneOfFew = 1 << 18;

class S3Fifo final : public EvictionPolicy {
 public:
  explicit S3Fifo(uint64_t capacity_bytes)
      : small_target_(capacity_bytes / 10), main_target_(capacity_bytes - capacity_bytes / 10) {}

  void Add(InodeId ino, uint64_t bytes, int64_t now_ns) override;
  void Touch(InodeId ino, int64_t now_ns) override;
  std::optional<uint64_t> Remove(InodeId ino) override;
  std::optional<Victim> Evict() override;
  uint64_t bytes() const override { return small_.bytes + main_.bytes; }
  uint64_t count() const override { return index_.size(); }

 private:
  struct Entry {
    InodeId ino;
    uint64_t bytes;
    int64_t last_use_ns;
    uint8_t uses;  // Since the entry was added or passed over.
    bool in_main;
  };
  using Entries = std::list<Entry>;
  struct Queue {
    Entries entries;  // Oldest last.
    uint64_t bytes = 0;
  };
  struct Gone {
    InodeId ino;
    int64_t last_use_ns;
  };

  Queue& QueueOf(const Entry& entry) { return entry.in_main ? main_ : small_; }
  bool Deserves(int64_t away_ns, uint64_t bytes, int64_t now_ns) const;
  std::optional<int64_t> TakeGone(InodeId ino);
  void Remember(const Entry& entry);
  void MoveToMain(Entries::iterator entry);
  std::optional<Victim> EvictFromSmall();
  std::optional<Victim> EvictFromMain();
  Victim Out(Entries::iterator entry);

  const uint64_t small_target_;
  const uint64_t main_target_;
  Queue small_;
  Queue main_;
  std::unordered_map<InodeId, Entries::iterator> index_;
  std::list<Gone> gone_;  // Oldest last.
  std::unordered_map<InodeId, std::list<Gone>::iterator> gone_index_;
};

// Whether a content that came back after `away_ns` should push the oldest out of the main queue.
bool S3Fifo::Deserves(int64_t away_ns, uint64_t bytes, int64_t now_ns) const {
  if (main_.bytes + bytes <= main_target_ || main_.entries.empty()) return true;
  return now_ns - main_.entries.back().last_use_ns >= away_ns;
}

void S3Fifo::Add(InodeId ino, uint64_t bytes, int64_t now_ns) {
  const auto found = index_.find(ino);
  if (found != index_.end()) {
    QueueOf(*found->second).bytes += bytes - found->second->bytes;
    found->second->bytes = bytes;
    return;
  }
  const std::optional<int64_t> last = TakeGone(ino);
  const bool in_main = last && Deserves(now_ns - *last, bytes, now_ns);
  Queue& queue = in_main ? main_ : small_;
  queue.entries.push_front({ino, bytes, now_ns, 0, in_main});
  queue.bytes += bytes;
  index_[ino] = queue.entries.begin();
}

void S3Fifo::Touch(InodeId ino, int64_t now_ns) {
  const auto found = index_.find(ino);
  if (found == index_.end()) return;
  Entry& entry = *found->second;
  if (now_ns - entry.last_use_ns >= kOneUseNs && entry.uses < kMostUses) ++entry.uses;
  entry.last_use_ns = now_ns;
}

std::optional<uint64_t> S3Fifo::Remove(InodeId ino) {
  TakeGone(ino);
  const auto found = index_.find(ino);
  if (found == index_.end()) return std::nullopt;
  return Out(found->second).bytes;
}

Victim S3Fifo::Out(Entries::iterator entry) {
  const Victim victim{entry->ino, entry->bytes};
  Queue& queue = QueueOf(*entry);
  queue.bytes -= entry->bytes;
  index_.erase(entry->ino);
  queue.entries.erase(entry);
  return victim;
}

std::optional<int64_t> S3Fifo::TakeGone(InodeId ino) {
  const auto found = gone_index_.find(ino);
  if (found == gone_index_.end()) return std::nullopt;
  const int64_t last_use_ns = found->second->last_use_ns;
  gone_.erase(found->second);
  gone_index_.erase(found);
  return last_use_ns;
}

// Remembers four times as many contents as are here, so that a training epoch of up to five times
// the cache is recognized. A large cache remembers as many as are here, to save memory.
void S3Fifo::Remember(const Entry& entry) {
  TakeGone(entry.ino);
  gone_.push_front({entry.ino, entry.last_use_ns});
  gone_index_[entry.ino] = gone_.begin();
  const size_t few = std::clamp<size_t>(index_.size() * 4, 1024, kMostGoneOfFew);
  const size_t most = std::max(few, index_.size());
  while (gone_.size() > most) {
    gone_index_.erase(gone_.back().ino);
    gone_.pop_back();
  }
}

void S3Fifo::MoveToMain(Entries::iterator entry) {
  QueueOf(*entry).bytes -= entry->bytes;
  Entries& from = QueueOf(*entry).entries;
  entry->uses = 0;
  entry->in_main = true;
  main_.bytes += entry->bytes;
  main_.entries.splice(main_.entries.begin(), from, entry);
}

std::optional<Victim> S3Fifo::EvictFromSmall() {
  while (!small_.entries.empty()) {
    const auto oldest = std::prev(small_.entries.end());
    if (oldest->uses == 0) {
      Remember(*oldest);
      return Out(oldest);
    }
    MoveToMain(oldest);
  }
  return std::nullopt;
}

std::optional<Victim> S3Fifo::EvictFromMain() {
  while (!main_.entries.empty()) {
    const auto oldest = std::prev(main_.entries.end());
    if (oldest->uses == 0) {
      Remember(*oldest);
      return Out(oldest);
    }
    --oldest->uses;
    main_.entries.splice(main_.entries.begin(), main_.entries, oldest);
  }
  return std::nullopt;
}

// The small queue gives first when it is over its share, or when the main queue has room for
// contents that were used again.
std::optional<Victim> S3Fifo::Evict() {
  if (small_.bytes > small_target_ || main_.bytes <= main_target_) {
    if (std::optional<Victim> victim = EvictFromSmall()) return victim;
  }
  if (std::optional<Victim> victim = EvictFromMain()) return victim;
  return EvictFromSmall();
}

}  // namespace

std::unique_ptr<EvictionPolicy> NewLru() { return std::make_unique<Lru>(); }

std::unique_ptr<EvictionPolicy> NewS3Fifo(uint64_t capacity_bytes) {
  return std::make_unique<S3Fifo>(capacity_bytes);
}

Result<std::unique_ptr<EvictionPolicy>> NewEvictionPolicy(std::string_view name,
                                                          uint64_t capacity_bytes) {
  if (name == "S3FIFO") return NewS3Fifo(capacity_bytes);
  if (name == "LRU") return NewLru();
  return Status(Code::kInvalid, "evictor " + std::string(name) + ": S3FIFO or LRU");
}

}  // namespace tarn::cache
