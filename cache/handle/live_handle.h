#pragma once

// One handle of a live file. See live_file.h for the contract.

#include <utility>

#include "cache/handle/committing.h"
#include "cache/handle/filling.h"
#include "cache/handle/reading.h"
#include "cache/handle/settling.h"
#include "cache/handle/writing.h"
#include "cache/live/pin.h"
#include "cache/live_file.h"

namespace tarn::cache {

// What all handles of a store call. All of it outlives them.
struct HandleParts {
  Contents& contents;
  Reading& reading;
  Filling& filling;
  Writing& writing;
  Committing& committing;
  Settling& settling;
};

class LiveHandle final : public LiveFile {
 public:
  LiveHandle(const HandleParts& parts, LivePtr live) REQUIRES(live->mutex)
      : parts_(parts), pin_(parts.contents, std::move(live)), live_(pin_.live()) {}

  ContentInfo Info() const override;
  bool Complete() const override {
    return live_.pages.Complete() && !live_.suspect && !live_.damaged;
  }
  bool Present(uint64_t offset_bytes, uint64_t length_bytes) const override {
    return live_.pages.HasRange(offset_bytes, length_bytes);
  }
  Status MakeRoom() override { return parts_.filling.MakeRoom(live_); }
  Status AddPage(uint64_t page_index, std::span<const std::byte> data) override {
    return parts_.filling.AddPage(live_, page_index, data);
  }

  int ReadDescriptor() const override { return ReadDescriptorOf(live_); }
  Result<int> AnyDescriptor() const override;
  Result<size_t> Read(uint64_t offset_bytes, std::span<std::byte> out) override {
    return parts_.reading.Read(live_, offset_bytes, out);
  }
  Result<size_t> Readable(uint64_t offset_bytes, uint64_t length_bytes) override {
    return parts_.reading.Readable(live_, offset_bytes, length_bytes);
  }
  Result<size_t> ReadThrough(uint64_t offset_bytes, std::span<std::byte> out,
                             const ReadBase& base) override {
    return parts_.reading.ReadThrough(live_, offset_bytes, out, base);
  }
  uint64_t CurrentSize() const override { return CurrentSizeOf(live_); }

  int WriteDescriptor() const override { return live_.write_fd; }
  Status BeginWriting(Truncate truncate) override { return parts_.writing.Begin(live_, truncate); }
  void EndWriting() override { parts_.writing.End(live_); }
  Status Write(uint64_t offset_bytes, std::span<const std::byte> data) override {
    return parts_.writing.Write(live_, offset_bytes, data);
  }
  Status Resize(uint64_t size_bytes) override { return parts_.writing.Resize(live_, size_bytes); }
  Result<Changed> CheckChanged() override;
  Status SetModifiedTime(int64_t mtime_ns) override {
    return Committing::SetModifiedTime(live_, mtime_ns);
  }
  Result<ContentInfo> Commit(Generation generation, Syncing syncing) override {
    return parts_.committing.Commit(live_, generation, syncing);
  }
  Status Uncommit() override { return parts_.committing.Uncommit(live_); }
  Status Settle() override;

 private:
  const HandleParts& parts_;
  const Pin pin_;
  Live& live_;
};

}  // namespace tarn::cache
