#include "cache/persist/frozen.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/checksum.h"
#include "base/log.h"
#include "base/strings.h"
#include "cache/handle/reading.h"

namespace tarn::cache {
namespace {

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

}  // namespace

Frozen::Frozen(const Parts& parts, LivePtr live, State state)
    : parts_(parts),
      pin_(parts.contents, std::move(live)),
      live_(pin_.live()),
      state_(std::move(state)) {
  CHECK(pages_.Restore(state_.limit_bytes, state_.bitmap).ok());
}

int Frozen::Descriptor() const {
  return state_.snapshot ? state_.snapshot.get() : ReadDescriptorOf(live_);
}

bool Frozen::Unchanged() const {
  Live& live = live_;
  MutexLock lock(live.mutex);
  Result<bool> unchanged = UnchangedLocked(live);
  if (!unchanged.ok()) LogWarning("check a frozen content: ", unchanged.status());
  return unchanged.ok() && *unchanged;
}

Result<bool> Frozen::UnchangedLocked(Live& live) const {
  if (state_.snapshot) return true;
  Record& record = live.record;
  if (record.generation != state_.info.generation || live.assume_changed) return false;
  if (record.state == ContentState::kClean) return true;
  ASSIGN_OR_RETURN(const FileFacts now, Facts(ReadDescriptorOf(live)));
  if (now.mtime_ns != kSentinelMtimeNs || now.size_bytes != state_.info.size_bytes) return false;
  if (state_.freezing == Freezing::kUnlessChanged) return true;
  if (live.erased) return live.writers == 0;
  return parts_.settling.IsQuiet(live);
}

FrozenContent::Piece Frozen::PieceAt(uint64_t offset_bytes, uint64_t length_bytes) const {
  const uint64_t end = offset_bytes + length_bytes;
  const uint64_t limit = pages_.limit_bytes();
  const auto absent = [&](uint64_t at) { return at < limit && !pages_.Has(at / kPageBytes); };
  const bool first = absent(offset_bytes);
  uint64_t at = offset_bytes;
  do {
    const uint64_t page_end = (at / kPageBytes + 1) * kPageBytes;
    // What grew after the end of the base is present.
    at = std::min(at < limit ? std::min(page_end, limit) : end, end);
  } while (at < end && absent(at) == first);
  return {at - offset_bytes, first};
}

Result<std::vector<ByteRange>> Frozen::Data() const {
  const uint64_t size = state_.info.size_bytes;
  ASSIGN_OR_RETURN(std::vector<ByteRange> data, DataOf(Descriptor(), size));
  if (pages_.Complete()) return data;
  for (uint64_t at = 0; at < size;) {
    const Piece piece = PieceAt(at, size - at);
    if (piece.absent) data.push_back({at, at + piece.length_bytes});
    at += piece.length_bytes;
  }
  return Merged(std::move(data));
}

Status Frozen::Check(uint64_t offset_bytes, std::span<const std::byte> bytes) {
  const std::vector<uint64_t>& checksums = state_.checksums;
  const uint64_t size = state_.info.size_bytes;
  uint64_t page = (offset_bytes + kPageBytes - 1) / kPageBytes;
  for (; page < checksums.size() && page * kPageBytes < offset_bytes + bytes.size(); ++page) {
    const uint64_t begin = page * kPageBytes - offset_bytes;
    const uint64_t length = std::min(kPageBytes, size - page * kPageBytes);
    if (checksums[page] == 0 || begin + length > bytes.size()) continue;
    if (Checksum(bytes.subspan(begin, length)) == checksums[page]) continue;
    Live& live = live_;
    MutexLock lock(live.mutex);
    return parts_.damage.Note(
        live, Concat("page ", page, " of inode ", live.ino.value, " does not match its checksum"));
  }
  return OkStatus();
}

// One a page, 0 for absent pages. None if there are too many for a record.
Result<std::vector<uint64_t>> Frozen::ComputeChecksums() const {
  const uint64_t size = state_.info.size_bytes;
  const uint64_t pages = (size + kPageBytes - 1) / kPageBytes;
  std::vector<uint64_t> checksums;
  if (pages > kMaxChecksums) return checksums;
  checksums.reserve(pages);
  ASSIGN_OR_RETURN(const std::vector<ByteRange> data, Data());
  auto next = data.begin();
  std::vector<std::byte> buffer(std::min(size, kPageBytes));
  std::optional<uint64_t> of_zeros;  // The checksum of a whole page of zeros.
  for (uint64_t page = 0; page < pages; ++page) {
    const uint64_t begin = page * kPageBytes;
    if (PieceAt(begin, 1).absent) {
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
    ASSIGN_OR_RETURN(const size_t got, ReadAt(Descriptor(), begin, buffer));
    checksums.push_back(Checksum(std::span(buffer).first(got)));
    if (hole) of_zeros = checksums.back();
  }
  return checksums;
}

Status Frozen::MarkClean() {
  Live& live = live_;
  const Status stale(Code::kStale, "mark clean: " + About(live.ino) + " was changed");
  std::vector<uint64_t> checksums;
  if (state_.freezing == Freezing::kExclusive) {
    checksums = state_.checksums;
    if (checksums.empty()) {
      ASSIGN_OR_RETURN(checksums, ComputeChecksums());
    }
  }
  MutexLock lock(live.mutex);
  Record& record = live.record;
  if (live.erased) return stale;
  ASSIGN_OR_RETURN(const bool unchanged, UnchangedLocked(live));
  if (!unchanged) return stale;
  if (record.state == ContentState::kClean) return OkStatus();
  const Record saved = record;
  record.base_in_ufs = true;
  record.base_generation = record.generation;
  if (state_.freezing == Freezing::kUnlessChanged) {
    Status stored = parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
    if (!stored.ok()) record = saved;
    return stored;
  }
  {
    MutexLock fill_lock(live.fill_mutex);
    live.checksums = std::move(checksums);
  }
  record.sync_epoch = 0;
  live.pages.Extend(record.size_bytes);
  Status cleaned = parts_.settling.BecomeClean(live);
  if (!cleaned.ok()) record = saved;
  return cleaned;
}

Status Frozen::Seal() {
  Live& live = live_;
  std::vector<uint64_t> checksums;
  ASSIGN_OR_RETURN(checksums, ComputeChecksums());
  MutexLock lock(live.mutex);
  ASSIGN_OR_RETURN(const bool unchanged, UnchangedLocked(live));
  if (!unchanged || live.erased || live.record.state != ContentState::kDirty) return OkStatus();
  {
    MutexLock fill_lock(live.fill_mutex);
    live.checksums = checksums;
  }
  NoteFile(live);
  live.record.checksums = std::move(checksums);
  live.record.sealed = live.record.file_inode != 0;
  return parts_.contents.StoreRecord(live, kv::Durability::kBuffered);
}

}  // namespace tarn::cache
