#include "worker/sending.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <thread>

#include "base/log.h"

namespace tarn::worker {
namespace {

constexpr uint64_t kPartBytes = 8 << 20;
constexpr uint64_t kCopiedBytes = 64 << 20;  // A part that the store copies by itself.
constexpr uint64_t kPartsAtOnce = 4;         // Of one file; each has a buffer of its own.

// As large as the store asks for, and no more of them than it takes.
uint64_t PartBytes(uint64_t size_bytes, const ufs::UfsTraits& traits) {
  const uint64_t least = (size_bytes + traits.max_parts - 1) / traits.max_parts;
  return std::max({kPartBytes, traits.min_part_bytes, least});
}

Status ReadCached(int descriptor, uint64_t offset_bytes, std::span<std::byte> out) {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(descriptor, out.data() + done, out.size() - done,
                              static_cast<off_t>(offset_bytes + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ErrnoStatus(errno, "read a cached content");
    // Cut off by a writer meanwhile, who commits a newer generation.
    if (got == 0) return Status(Code::kStale, "the content became shorter");
    done += static_cast<size_t>(got);
  }
  return OkStatus();
}

// Whether the bytes may get there all the same if they are written.
bool IsRefusedCopy(Code code) {
  return code == Code::kUnsupported || code == Code::kPermission || code == Code::kNotPermitted ||
         code == Code::kInvalid;
}

// Takes one part after the other until there are none left, or one has failed.
class PartSender {
 public:
  PartSender(const Sending& sending, uint64_t part_bytes)
      : sending_(sending),
        part_bytes_(part_bytes),
        parts_(PlanParts(sending.content, part_bytes, sending.base)) {}

  size_t parts() const { return parts_.size(); }

  Status Work() {
    for (size_t i = next_++; i < parts_.size() && !failed_; i = next_++) {
      Status status = Send(parts_[i]);
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
    const auto buffer =
        std::make_unique_for_overwrite<std::byte[]>(std::min(part.length_bytes, part_bytes_));
    for (uint64_t at = part.offset_bytes; at < end; at += part_bytes_) {
      const std::span<std::byte> bytes(buffer.get(), std::min(part_bytes_, end - at));
      RETURN_IF_ERROR(Read(at, bytes));
      RETURN_IF_ERROR(sending_.upload.WritePart(at, bytes, sending_.call()));
    }
    return OkStatus();
  }

  Status Read(uint64_t offset_bytes, std::span<std::byte> out) {
    while (!out.empty()) {
      const auto piece = sending_.content.PieceAt(offset_bytes, out.size());
      const std::span<std::byte> bytes = out.first(piece.length_bytes);
      RETURN_IF_ERROR(piece.absent
                          ? sending_.read_base(offset_bytes, bytes)
                          : ReadCached(sending_.content.Descriptor(), offset_bytes, bytes));
      offset_bytes += piece.length_bytes;
      out = out.subspan(piece.length_bytes);
    }
    return OkStatus();
  }

  const Sending& sending_;
  const uint64_t part_bytes_;
  const std::vector<PlannedPart> parts_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> copies_{true};
};

}  // namespace

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

// A store far away is kept busy by several parts at a time.
Status SendParts(const Sending& sending, const ufs::UfsTraits& traits) {
  PartSender sender(sending, PartBytes(sending.content.Info().size_bytes, traits));
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
