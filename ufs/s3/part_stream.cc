#include "ufs/s3/part_stream.h"

#include <algorithm>
#include <cstring>

namespace tarn::ufs::s3 {
namespace {

// Whole pages of the cache, so that their checksums are verified.
constexpr uint64_t kWindowBytes = 4 << 20;

}  // namespace

Result<std::span<const std::byte>> PartStream::At(uint64_t offset_bytes) {
  const bool there = offset_bytes >= window_begin_ && offset_bytes - window_begin_ < window_bytes_;
  if (!there) {
    const uint64_t begin = offset_bytes / kWindowBytes * kWindowBytes;
    const size_t size = std::min(kWindowBytes, length_bytes_ - begin);
    if (!window_) {
      window_ = std::make_unique_for_overwrite<std::byte[]>(std::min(kWindowBytes, length_bytes_));
    }
    window_bytes_ = 0;
    RETURN_IF_ERROR(read_(offset_bytes_ + begin, {window_.get(), size}));
    window_begin_ = begin;
    window_bytes_ = size;
  }
  const size_t skipped = offset_bytes - window_begin_;
  return std::span<const std::byte>(window_.get() + skipped, window_bytes_ - skipped);
}

Status PartStream::Give(uint64_t offset_bytes, std::span<std::byte> out) {
  while (!out.empty()) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> here, At(offset_bytes));
    const size_t size = std::min(here.size(), out.size());
    std::memcpy(out.data(), here.data(), size);
    out = out.subspan(size);
    offset_bytes += size;
  }
  return OkStatus();
}

Status PartStream::Each(const std::function<void(std::span<const std::byte>)>& take) {
  for (uint64_t at = 0; at < length_bytes_;) {
    ASSIGN_OR_RETURN(const std::span<const std::byte> here, At(at));
    take(here);
    at += here.size();
  }
  return OkStatus();
}

}  // namespace tarn::ufs::s3
