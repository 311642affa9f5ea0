#include "cache/index/page_map.h"

#include "cache/content.h"

namespace tarn::cache {
namespace {

uint64_t PagesBelow(uint64_t bytes) { return bytes / kPageBytes + (bytes % kPageBytes != 0); }

}  // namespace

void PageMap::Reset(uint64_t limit_bytes, Fill fill) {
  MutexLock lock(mutex_);
  const uint64_t pages = PagesBelow(limit_bytes);
  limit_bytes_ = limit_bytes;
  words_.clear();
  absent_ = fill == Fill::kPresent ? 0 : pages;
  if (absent_ > 0) words_.assign(pages / 64 + 1, 0);
}

Status PageMap::Restore(uint64_t limit_bytes, std::string_view bits) {
  if (bits.empty()) {
    Reset(limit_bytes, Fill::kPresent);
    return OkStatus();
  }
  const uint64_t pages = PagesBelow(limit_bytes);
  if (bits.size() != pages / 8 + 1) {
    return Status(Code::kCorruption, "bitmap of a cached content has a wrong length");
  }
  MutexLock lock(mutex_);
  limit_bytes_ = limit_bytes;
  words_.assign(pages / 64 + 1, 0);
  for (size_t i = 0; i < bits.size(); ++i) {
    words_[i / 8] |= static_cast<uint64_t>(static_cast<unsigned char>(bits[i])) << (i % 8 * 8);
  }
  RecountLocked();
  return OkStatus();
}

std::string PageMap::Encode() const {
  MutexLock lock(mutex_);
  if (absent_ == 0) return {};
  std::string bits(PagesBelow(limit_bytes_) / 8 + 1, '\0');
  for (size_t i = 0; i < bits.size(); ++i) {
    bits[i] = static_cast<char>(words_[i / 8] >> (i % 8 * 8) & 0xff);
  }
  return bits;
}

void PageMap::RecountLocked() {
  const uint64_t pages = PagesBelow(limit_bytes_);
  uint64_t present = 0;
  for (uint64_t page = 0; page < pages; ++page) present += words_[page / 64] >> (page % 64) & 1;
  absent_ = pages - present;
  if (absent_ == 0) words_.clear();
}

bool PageMap::Empty() const {
  MutexLock lock(mutex_);
  return absent_ > 0 && absent_ == PagesBelow(limit_bytes_);
}

bool PageMap::HasLocked(uint64_t page) const {
  if (absent_ == 0 || page >= PagesBelow(limit_bytes_)) return true;
  return (words_[page / 64] >> (page % 64) & 1) != 0;
}

bool PageMap::Has(uint64_t page) const {
  if (Complete()) return true;
  MutexLock lock(mutex_);
  return HasLocked(page);
}

bool PageMap::HasRange(uint64_t offset_bytes, uint64_t length_bytes) const {
  if (Complete() || length_bytes == 0) return true;
  const uint64_t limit = limit_bytes_;
  if (offset_bytes >= limit) return true;
  const uint64_t end = length_bytes > limit - offset_bytes ? limit : offset_bytes + length_bytes;
  MutexLock lock(mutex_);
  for (uint64_t page = offset_bytes / kPageBytes; page <= (end - 1) / kPageBytes; ++page) {
    if (!HasLocked(page)) return false;
  }
  return true;
}

bool PageMap::Set(uint64_t page) {
  MutexLock lock(mutex_);
  if (HasLocked(page)) return false;
  words_[page / 64] |= uint64_t{1} << (page % 64);
  if (--absent_ == 0) words_.clear();
  return true;
}

void PageMap::Clear(uint64_t page) {
  MutexLock lock(mutex_);
  const uint64_t pages = PagesBelow(limit_bytes_);
  if (page >= pages || !HasLocked(page)) return;
  if (words_.empty()) words_.assign(pages / 64 + 1, ~uint64_t{0});
  words_[page / 64] &= ~(uint64_t{1} << (page % 64));
  ++absent_;
}

void PageMap::Extend(uint64_t limit_bytes) {
  MutexLock lock(mutex_);
  if (limit_bytes <= limit_bytes_) return;
  const uint64_t before = PagesBelow(limit_bytes_);
  limit_bytes_ = limit_bytes;
  if (absent_ == 0) return;
  const uint64_t after = PagesBelow(limit_bytes);
  words_.resize(after / 64 + 1);
  for (uint64_t page = before; page < after; ++page) {
    words_[page / 64] |= uint64_t{1} << (page % 64);
  }
}

void PageMap::Cut(uint64_t size_bytes) {
  MutexLock lock(mutex_);
  if (size_bytes >= limit_bytes_) return;
  limit_bytes_ = size_bytes;
  if (absent_ == 0) return;
  words_.resize(PagesBelow(size_bytes) / 64 + 1);
  RecountLocked();
}

}  // namespace tarn::cache
