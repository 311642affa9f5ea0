#pragma once

// A pin of one Live. Internal to cache/: see content.h for the contract.

#include <utility>

#include "cache/content.h"
#include "cache/live/live.h"

namespace tarn::cache {

class LiveStore;

class LiveHandle final : public LiveFile {
 public:
  LiveHandle(LiveStore& store, LivePtr live) : store_(store), live_(std::move(live)) {}
  ~LiveHandle() override;
  ContentInfo Info() const override;
  int ReadDescriptor() const override;
  int WriteDescriptor() const override { return live_->write_fd; }
  Result<int> AnyDescriptor() const override;
  bool Complete() const override {
    return live_->pages.Complete() && !live_->suspect && !live_->damaged;
  }
  bool Present(uint64_t offset_bytes, uint64_t length_bytes) const override {
    return live_->pages.HasRange(offset_bytes, length_bytes);
  }
  Result<size_t> Read(uint64_t offset_bytes, std::span<std::byte> out) override;
  Result<size_t> Readable(uint64_t offset_bytes, uint64_t length_bytes) override;
  Result<size_t> ReadThrough(uint64_t offset_bytes, std::span<std::byte> out,
                             const ReadBase& base) override;
  Status MakeRoom() override;
  Status AddPage(uint64_t page_index, std::span<const std::byte> data) override;
  Status Write(uint64_t offset_bytes, std::span<const std::byte> data) override;
  Status Resize(uint64_t size_bytes) override;
  uint64_t CurrentSize() const override;

  const LivePtr& live() const { return live_; }

 private:
  Status VerifyRange(uint64_t offset_bytes, uint64_t length_bytes);
  Status ReadAbsent(uint64_t offset_bytes, std::span<std::byte> out, const ReadBase& base) const;
  Status ChargeAhead(uint64_t bytes);
  Result<bool> PutPage(uint64_t page, std::span<const std::byte> data);
  Result<bool> WriteIncomplete(uint64_t offset_bytes, std::span<const std::byte> data);
  Status Reserve(uint64_t offset_bytes, uint64_t length_bytes);
  LiveStore& store_;
  const LivePtr live_;
};

}  // namespace tarn::cache
