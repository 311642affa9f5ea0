// Contents on their way to the UFS.

#include <algorithm>

#include "base/checksum.h"
#include "base/log.h"
#include "base/strings.h"
#include "cache/live/live_store.h"

namespace tarn::cache {
namespace {

std::string About(InodeId ino) { return "content of inode " + std::to_string(ino.value); }

std::vector<ByteRange> Merged(std::vector<ByteRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin_bytes < b.begin_bytes; });
  std::vector<ByteRange> merged;
  for (const ByteRange& range : ranges) {
    if (merged.empty() || range.begin_bytes > merged.back().end_bytes) {
      merged.push_back(range);
    } else {
      merged.back().end_bytes = std::max(merged.back().end_bytes, range.end_bytes);
    }
  }
  return merged;
}

// 0 for absent pages.
Result<std::vector<uint64_t>> ChecksumsOf(const FrozenContent& content) {
  const uint64_t size = content.Info().size_bytes;
  const uint64_t pages = (size + kPageBytes - 1) / kPageBytes;
  std::vector<uint64_t> checksums;
  if (pages > kMaxChecksums) return checksums;
  checksums.reserve(pages);
  ASSIGN_OR_RETURN(const std::vector<ByteRange> data, content.Data());
  auto next = data.begin();
  std::vector<std::byte> buffer(std::min(size, kPageBytes));
  std::optional<uint64_t> of_zeros;  // Of a whole page.
  for (uint64_t page = 0; page < pages; ++page) {
    const uint64_t begin = page * kPageBytes;
    if (content.PieceAt(begin, 1).absent) {
      checksums.push_back(0);
      continue;
    }
    while (next != data.end() && next->end_bytes <= begin) ++next;
    const bool hole = (next == data.end() || next->begin_bytes >= begin + kPageBytes) &&
                      begin + kPageBytes <= size;
    if (hole && of_zeros) {
      checksums.push_back(*of_zeros);
      continue;
    }
    ASSIGN_OR_RETURN(const size_t got, ReadAt(content.Descriptor(), begin, buffer));
    checksums.push_back(Checksum(std::span(buffer).first(got)));
    if (hole) of_zeros = checksums.back();
  }
  return checksums;
}

}  // namespace

class Frozen final : public FrozenContent {
 public:
  Frozen(LiveStore& store, LivePtr live, std::unique_ptr<LiveFile> pin, ContentInfo info,
         Freezing freezing, tarn::Descriptor snapshot, uint64_t limit_bytes, std::string_view bits,
         std::vector<uint64_t> checksums)
      : freezing_(freezing),
        store_(store),
        live_(std::move(live)),
        pin_(std::move(pin)),
        info_(info),
        snapshot_(std::move(snapshot)),
        checksums_(std::move(checksums)) {
    CHECK(pages_.Restore(limit_bytes, bits).ok());
  }

  const ContentInfo& Info() const override { return info_; }
  int Descriptor() const override { return snapshot_ ? snapshot_.get() : pin_->ReadDescriptor(); }
  Piece PieceAt(uint64_t offset_bytes, uint64_t length_bytes) const override;
  Result<std::vector<ByteRange>> Data() const override;
  Status Check(uint64_t offset_bytes, std::span<const std::byte> bytes) override;
  bool Unchanged() const override {
    Live& live = *live_;
    MutexLock lock(live.mutex);
    Result<bool> unchanged = UnchangedLocked(live);
    if (!unchanged.ok()) LogWarning("check a frozen content: ", unchanged.status());
    return unchanged.ok() && *unchanged;
  }

  Result<bool> UnchangedLocked(Live& live) const REQUIRES(live.mutex) {
    if (snapshot_) return true;
    Record& record = live.record;
    if (record.generation != info_.generation || live.unnoticed) return false;
    if (record.state == ContentState::kClean) return true;
    ASSIGN_OR_RETURN(const FileFacts facts, Facts(pin_->ReadDescriptor()));
    if (facts.mtime_ns != kSentinelMtimeNs || facts.size_bytes != info_.size_bytes) return false;
    if (freezing_ == Freezing::kUnlessChanged) return true;
    if (live.erased) return live.writers == 0;
    return store_.Quiet(live);
  }

  Live& live() const { return *live_; }
  bool snapshot() const { return static_cast<bool>(snapshot_); }
  Freezing freezing() const { return freezing_; }
  const std::vector<uint64_t>& checksums() const { return checksums_; }  // Known before: sealed.

 private:
  const Freezing freezing_;
  LiveStore& store_;
  const LivePtr live_;
  const std::unique_ptr<LiveFile> pin_;
  ContentInfo info_;
  tarn::Descriptor snapshot_;
  const std::vector<uint64_t> checksums_;
  PageMap pages_;  // As they were: what is filled in later is not in a snapshot.
};

FrozenContent::Piece Frozen::PieceAt(uint64_t offset_bytes, uint64_t length_bytes) const {
  const uint64_t end = offset_bytes + length_bytes;
  const uint64_t limit = pages_.limit_bytes();
  const auto absent = [&](uint64_t at) { return at < limit && !pages_.Has(at / kPageBytes); };
  const bool first = absent(offset_bytes);
  uint64_t at = offset_bytes;
  do {
    const uint64_t page_end = (at / kPageBytes + 1) * kPageBytes;
    // What grew behind the end of the base is here.
    at = std::min(at < limit ? std::min(page_end, limit) : end, end);
  } while (at < end && absent(at) == first);
  return {at - offset_bytes, first};
}

Result<std::vector<ByteRange>> Frozen::Data() const {
  ASSIGN_OR_RETURN(std::vector<ByteRange> data, DataOf(Descriptor(), info_.size_bytes));
  if (pages_.Complete()) return data;
  for (uint64_t at = 0; at < info_.size_bytes;) {
    const Piece piece = PieceAt(at, info_.size_bytes - at);
    if (piece.absent) data.push_back({at, at + piece.length_bytes});
    at += piece.length_bytes;
  }
  return Merged(std::move(data));
}

Status Frozen::Check(uint64_t offset_bytes, std::span<const std::byte> bytes) {
  const uint64_t size = info_.size_bytes;
  uint64_t page = (offset_bytes + kPageBytes - 1) / kPageBytes;
  for (; page < checksums_.size() && page * kPageBytes < offset_bytes + bytes.size(); ++page) {
    const uint64_t begin = page * kPageBytes - offset_bytes;
    const uint64_t length = std::min(kPageBytes, size - page * kPageBytes);
    if (checksums_[page] == 0 || begin + length > bytes.size()) continue;
    if (Checksum(bytes.subspan(begin, length)) == checksums_[page]) continue;
    Live& live = *live_;
    MutexLock lock(live.mutex);
    return store_.NoteDamage(
        live, Concat("page ", page, " of inode ", live.ino.value, " does not match its checksum"));
  }
  return OkStatus();
}

Result<std::unique_ptr<FrozenContent>> LiveStore::Freeze(const ContentId& content,
                                                         Freezing freezing) {
  return With(content.ino,
              [&](const LivePtr& live) { return FreezeLocked(live, content, freezing); });
}

Result<std::unique_ptr<FrozenContent>> LiveStore::FreezeLocked(
    const LivePtr& shared, const ContentId& content, Freezing freezing) NO_THREAD_SAFETY_ANALYSIS {
  Live& live = *shared;
  if (!live.exists) return Status(Code::kNotFound, "freeze: no " + About(content.ino));
  if (live.record.generation != content.generation) {
    return Status(Code::kStale, "freeze: " + About(content.ino) + " has another generation");
  }
  if (AwaitsTakeOver(live.ino)) {
    return Status(Code::kBusy, "freeze: " + About(content.ino) + " is still to be copied");
  }
  if (live.damaged) return NoteDamage(live, "freeze the " + About(content.ino));
  RETURN_IF_ERROR(OpenForReading(live));
  Status settled = SettleLocked(live);
  if (!settled.ok() && settled.code() != Code::kBusy) return settled;
  // After a restart a mapping of the run before may still write to a dirty content.
  ASSIGN_OR_RETURN(const bool quiet, Quiet(live));
  if (freezing == Freezing::kExclusive && (!settled.ok() || !quiet)) {
    return Status(Code::kBusy, "freeze: " + About(content.ino) + " may still be written");
  }
  if (settled.ok() && quiet) freezing = Freezing::kExclusive;
  // Before a snapshot is taken: it has at least these.
  const uint64_t limit = live.pages.limit_bytes();
  const std::string bits = live.pages.Encode();
  tarn::Descriptor snapshot;
  if (live.record.state != ContentState::kClean) {
    if (live.record.state == ContentState::kDirty) RETURN_IF_ERROR(CheckDirty(live));
    ASSIGN_OR_RETURN(const FileFacts facts, SettledFacts(live, live.read_fd));
    const bool changed = live.unnoticed || facts.mtime_ns != kSentinelMtimeNs ||
                         facts.size_bytes != live.record.size_bytes;
    if (changed) return Status(Code::kBusy, "freeze: " + About(content.ino) + " was changed");
    // A page that a mapping has dirtied takes stores that leave no trace; a synced one does not.
    const bool mapped = freezing == Freezing::kUnlessChanged;
    if (mapped || !live.record.synced) RETURN_IF_ERROR(SyncBytes(live));
    if (!live.record.synced) {
      live.record.synced = true;
      RETURN_IF_ERROR(StoreRecord(live, kv::Durability::kBuffered));
    }
    if (mapped) {
      Result<tarn::Descriptor> copy = live.place->Snapshot(live.read_fd);
      ASSIGN_OR_RETURN(const FileFacts again, Facts(live.read_fd));
      const bool same = again.mtime_ns == kSentinelMtimeNs && again.size_bytes == facts.size_bytes;
      if (copy.ok() && same) snapshot = std::move(copy).value();
    }
  }
  ContentInfo info = InfoOf(live.ino, live.record);
  info.complete = bits.empty();
  std::vector<uint64_t> checksums;
  if (live.record.sealed && live.record.state == ContentState::kDirty) {
    MutexLock lock(live.fill_mutex);
    checksums = live.checksums;
  }
  return std::unique_ptr<FrozenContent>(
      std::make_unique<Frozen>(*this, shared, Pin(shared), info, freezing, std::move(snapshot),
                               limit, bits, std::move(checksums)));
}

Status LiveStore::MarkClean(FrozenContent& content) {
  auto& frozen = static_cast<Frozen&>(content);
  Live& live = frozen.live();
  const Status stale(Code::kStale, "mark clean: " + About(live.ino) + " was changed");
  std::vector<uint64_t> checksums;
  if (frozen.freezing() == Freezing::kExclusive) {
    checksums = frozen.checksums();
    if (checksums.empty()) {
      ASSIGN_OR_RETURN(checksums, ChecksumsOf(frozen));
    }
  }
  MutexLock lock(live.mutex);
  Record& record = live.record;
  if (live.erased) return stale;
  ASSIGN_OR_RETURN(const bool unchanged, frozen.UnchangedLocked(live));
  if (!unchanged) return stale;
  if (record.state == ContentState::kClean) return OkStatus();
  const Record saved = record;
  record.base_in_ufs = true;
  record.base_generation = record.generation;
  if (frozen.freezing() == Freezing::kUnlessChanged) {
    Status stored = StoreRecord(live, kv::Durability::kBuffered);
    if (!stored.ok()) record = saved;
    return stored;
  }
  {
    MutexLock fill_lock(live.fill_mutex);
    live.checksums = std::move(checksums);
  }
  record.sync_epoch = 0;
  live.pages.Extend(record.size_bytes);
  Status cleaned = BecomeClean(live);
  if (!cleaned.ok()) record = saved;
  return cleaned;
}

// A content that rests.
Status LiveStore::SealFrozen(FrozenContent& content) {
  auto& frozen = static_cast<Frozen&>(content);
  Live& live = frozen.live();
  std::vector<uint64_t> checksums;
  ASSIGN_OR_RETURN(checksums, ChecksumsOf(frozen));
  MutexLock lock(live.mutex);
  ASSIGN_OR_RETURN(const bool unchanged, frozen.UnchangedLocked(live));
  if (!unchanged || live.erased || live.record.state != ContentState::kDirty) return OkStatus();
  {
    MutexLock fill_lock(live.fill_mutex);
    live.checksums = checksums;
  }
  NoteFile(live);
  live.record.checksums = std::move(checksums);
  live.record.sealed = live.record.file_inode != 0;
  return StoreRecord(live, kv::Durability::kBuffered);
}

Status LiveStore::BecomeClean(Live& live) {
  Record& record = live.record;
  const Record saved = record;
  record.state = ContentState::kClean;
  record.prior_generation = {};
  // Bytes that were safe in the log alone are not known to be on the disk.
  if (record.has_bytes) live.unsynced_pages = true;
  record.has_bytes = false;
  record.sealed = false;
  record.cut = false;
  live.checked = true;
  live.suspect = false;
  Status stored = StoreRecord(live, kv::Durability::kBuffered);
  if (!stored.ok()) {
    record = saved;
    return stored;
  }
  live.only_copy = false;
  live.staging = false;
  UnqueueSeal(live.ino);
  ChargeClean(live);
  return OkStatus();
}

Status LiveStore::MarkDirty(const ContentId& content) {
  return With(content.ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS {
    return MarkDirtyLocked(*live, content);
  });
}

Status LiveStore::MarkDirtyLocked(Live& live, const ContentId& content) {
  const bool same = live.exists && live.record.generation == content.generation;
  if (!same || !live.pages.Complete()) {
    return Status(Code::kNotFound, "mark dirty: " + About(content.ino) + " is not here whole");
  }
  Record& record = live.record;
  if (record.state == ContentState::kStaging && !Committed(record)) {
    // Its writer commits over nothing from now on.
    record.base_in_ufs = false;
    record.base_generation = {};
    return StoreRecord(live, kv::Durability::kDurable);
  }
  if (record.state != ContentState::kClean) return OkStatus();
  if (live.suspect) {
    RETURN_IF_ERROR(VerifyAll(live));
    if (!live.pages.Complete()) return Status(Code::kNotFound, "mark dirty: pages were damaged");
  }
  RETURN_IF_ERROR(SyncBytes(live));
  RETURN_IF_ERROR(MarkTime(live, live.read_fd, kSentinelMtimeNs));
  const Record saved = record;
  record.state = ContentState::kDirty;
  record.base_in_ufs = false;
  record.base_generation = {};
  record.checksums.clear();
  live.unsynced_pages = false;
  Status stored = StoreRecord(live, kv::Durability::kDurable);
  if (!stored.ok()) {
    record = saved;
    return stored;
  }
  ChargePinned(live);
  live.only_copy = true;
  QueueSeal(live.ino);
  MutexLock lock(live.fill_mutex);
  live.verify = false;
  live.checksums.clear();
  return OkStatus();
}

}  // namespace tarn::cache
