#include "worker/persisting/sending.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>

#include "base/log.h"

namespace tarn::worker {
namespace {

constexpr uint64_t kPartBytes = 8 << 20;
constexpr uint64_t kCopiedBytes = 64 << 20;      // A part that the store copies by itself.
constexpr uint64_t kPartsAtOnce = 4;             // Parts of one file.
constexpr uint64_t kMostBufferBytes = 32 << 20;  // A larger part is read while it is sent.

// At least the part size that the store asks for, and large enough for its limit on the number of
// parts. Parts are whole pages, so that a read checks page checksums.
uint64_t PartBytes(uint64_t size_bytes, const ufs::UfsTraits& traits) {
  const uint64_t least = (size_bytes + traits.max_parts - 1) / traits.max_parts;
  const uint64_t pages = (least + cache::kPageBytes - 1) / cache::kPageBytes;
  return std::max({kPartBytes, traits.min_part_bytes, pages * cache::kPageBytes});
}

// Whether the store refused to copy a part but may accept its bytes.
bool IsRefusedCopy(Code code) {
  return code == Code::kUnsupported || code == Code::kPermission || code == Code::kNotPermitted ||
         code == Code::kInvalid;
}

// Sends one part after the other until none is left or one has failed.
class PartSender {
 public:
  PartSender(const Sending& sending, uint64_t part_bytes, bool keeps_holes,
             std::vector<cache::ByteRange> data)
      : sending_(sending),
        part_bytes_(part_bytes),
        keeps_holes_(keeps_holes),
        data_(std::move(data)),
        parts_(PlanParts(sending.content, part_bytes, sending.base)) {}

  size_t parts() const { return parts_.size(); }

  Status Work() {
    for (size_t i = next_++; i < parts_.size() && !failed_; i = next_++) {
      const bool wanted = i == 0 || !sending_.wanted || sending_.wanted();
      Status status =
          wanted ? Send(parts_[i]) : Status(Code::kStale, "the file was removed or written again");
      if (status.ok()) continue;
      failed_ = true;
      return status;
    }
    return OkStatus();
  }

 private:
  Status Send(const PlannedPart& part) {
    if (part.copied && copies_) {
      ufs::PartSource from = sending_.base;
      from.offset_bytes = part.offset_bytes;
      Status copied =
          sending_.upload.CopyPart(part.offset_bytes, from, part.length_bytes, sending_.call());
      if (!IsRefusedCopy(copied.code())) return copied;
      if (copies_.exchange(false)) LogDebug(copied, ": it is read and written instead");
    }
    return Write(part);
  }

  Status Write(const PlannedPart& part) {
    const uint64_t end = part.offset_bytes + part.length_bytes;
    if (part_bytes_ > kMostBufferBytes && !keeps_holes_) return Stream(part.offset_bytes, end);
    const uint64_t most = std::min(part.length_bytes, part_bytes_);
    std::unique_ptr<std::byte[]> buffer;  // Allocated for the first data: a part may be all hole.
    for (uint64_t at = part.offset_bytes; at < end;) {
      cache::ByteRange range{at, std::min(at + part_bytes_, end)};
      if (keeps_holes_) range = DataFrom(range);
      if (range.end_bytes == range.begin_bytes) {  // The piece is all hole.
        at = std::min(at + part_bytes_, end);
        continue;
      }
      if (!buffer) buffer = std::make_unique_for_overwrite<std::byte[]>(most);
      const std::span<std::byte> bytes(buffer.get(), range.end_bytes - range.begin_bytes);
      RETURN_IF_ERROR(Read(range.begin_bytes, bytes));
      RETURN_IF_ERROR(sending_.upload.WritePart(range.begin_bytes, bytes, sending_.call()));
      at = range.end_bytes;
    }
    return OkStatus();
  }

  Status Stream(uint64_t begin, uint64_t end) {
    const auto read = [this](uint64_t at, std::span<std::byte> out) { return Read(at, out); };
    for (uint64_t at = begin; at < end; at += part_bytes_) {
      const uint64_t length = std::min(part_bytes_, end - at);
      RETURN_IF_ERROR(sending_.upload.StreamPart(at, length, read, sending_.call()));
    }
    return OkStatus();
  }

  // The first data in `range`; empty: `range` is all hole.
  cache::ByteRange DataFrom(cache::ByteRange range) const {
    const auto found = std::partition_point(
        data_.begin(), data_.end(),
        [&](const cache::ByteRange& data) { return data.end_bytes <= range.begin_bytes; });
    if (found == data_.end() || found->begin_bytes >= range.end_bytes) {
      return {range.end_bytes, range.end_bytes};
    }
    return {std::max(found->begin_bytes, range.begin_bytes),
            std::min(found->end_bytes, range.end_bytes)};
  }

  Status ReadPresent(uint64_t offset_bytes, std::span<std::byte> out) const {
    const uint64_t end = offset_bytes + out.size();
    for (uint64_t at = offset_bytes; at < end;) {
      const cache::ByteRange data = DataFrom({at, end});
      memset(out.data() + (at - offset_bytes), 0, data.begin_bytes - at);
      at = data.end_bytes;
      if (data.begin_bytes == at) break;
      RETURN_IF_ERROR(
          ReadCached(sending_.content.Descriptor(), data.begin_bytes,
                     out.subspan(data.begin_bytes - offset_bytes, at - data.begin_bytes)));
    }
    return sending_.content.Check(offset_bytes, out);
  }

  Status Read(uint64_t offset_bytes, std::span<std::byte> out) {
    while (!out.empty()) {
      const auto piece = sending_.content.PieceAt(offset_bytes, out.size());
      const std::span<std::byte> bytes = out.first(piece.length_bytes);
      RETURN_IF_ERROR(piece.absent ? sending_.read_base(offset_bytes, bytes)
                                   : ReadPresent(offset_bytes, bytes));
      offset_bytes += piece.length_bytes;
      out = out.subspan(piece.length_bytes);
    }
    return OkStatus();
  }

  const Sending& sending_;
  const uint64_t part_bytes_;
  const bool keeps_holes_;
  const std::vector<cache::ByteRange> data_;
  const std::vector<PlannedPart> parts_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> copies_{true};
};

}  // namespace

Status ReadCached(int descriptor, uint64_t offset_bytes, std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(descriptor, out.data() + done, out.size() - done,
                              static_cast<off_t>(offset_bytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read a cached content");
    // A writer cut the file meanwhile, and commits a newer generation.
    if (got == 0) return Status(Code::kStale, "the content became shorter");
    done += static_cast<size_t>(got);
  }
  return OkStatus();
}

std::vector<PlannedPart> PlanParts(const cache::FrozenContent& content, uint64_t part_bytes,
                                   const ufs::PartSource& base) {
  const uint64_t size = content.Info().size_bytes;
  const uint64_t most_copied = std::max(kCopiedBytes / part_bytes, uint64_t{1}) * part_bytes;
  std::vector<PlannedPart> parts;
  for (uint64_t at = 0; at < size; at += part_bytes) {
    const uint64_t length = std::min(part_bytes, size - at);
    const auto piece = content.PieceAt(at, length);
    const bool copied = !base.key.empty() && piece.absent && piece.length_bytes == length;
    const bool joins = copied && !parts.empty() && parts.back().copied &&
                       parts.back().length_bytes + length <= most_copied;
    if (joins) {
      parts.back().length_bytes += length;
    } else {
      parts.push_back({at, length, copied});
    }
  }
  return parts;
}

std::vector<ufs::Extent> HolesOf(const std::vector<cache::ByteRange>& data, uint64_t size_bytes) {
  std::vector<ufs::Extent> holes;
  uint64_t at = 0;
  for (const cache::ByteRange& range : data) {
    if (range.begin_bytes > at) holes.push_back({at, range.begin_bytes - at});
    at = range.end_bytes;
  }
  if (at < size_bytes) holes.push_back({at, size_bytes - at});
  return holes;
}

// Several parts at a time keep a distant store busy.
Status SendParts(const Sending& sending, const ufs::UfsTraits& traits) {
  ASSIGN_OR_RETURN(std::vector<cache::ByteRange> data, sending.content.Data());
  const uint64_t part_bytes = PartBytes(sending.content.Info().size_bytes, traits);
  PartSender sender(sending, part_bytes, traits.holes, std::move(data));
  const size_t others = traits.min_part_bytes == 0 || sender.parts() < 2
                            ? 0
                            : std::min<uint64_t>(sender.parts(), kPartsAtOnce) - 1;
  std::vector<Status> statuses(others);
  Status mine;
  {
    std::vector<std::jthread> threads;
    for (size_t i = 0; i < others; ++i) {
      threads.emplace_back([&, i] { statuses[i] = sender.Work(); });
    }
    mine = sender.Work();
  }
  for (const Status& status : statuses) RETURN_IF_ERROR(status);
  return mine;
}

}  // namespace tarn::worker
