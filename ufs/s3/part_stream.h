#pragma once

// The bytes of a part that is sent without being in memory: a window of them is, whatever its size.
// Internal to ufs/s3. For one thread at a time.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "base/status.h"
#include "http/client.h"
#include "ufs/under_file_system.h"

namespace tarn::ufs::s3 {

class PartStream final : public http::BodyGiver {
 public:
  // `read` outlives it.
  PartStream(const Upload::ReadBytes& read, uint64_t offset_bytes, uint64_t length_bytes)
      : read_(read), offset_bytes_(offset_bytes), length_bytes_(length_bytes) {}

  uint64_t length_bytes() const { return length_bytes_; }
  // Offsets are those in the part.
  Status Give(uint64_t offset_bytes, std::span<std::byte> out) override;
  // All of it, in order, a window at a time.
  Status Each(const std::function<void(std::span<const std::byte>)>& take);

 private:
  // What the window has at the offset, which is filled again if that is nothing.
  Result<std::span<const std::byte>> At(uint64_t offset_bytes);

  const Upload::ReadBytes& read_;
  const uint64_t offset_bytes_;  // In the object.
  const uint64_t length_bytes_;
  std::unique_ptr<std::byte[]> window_;
  uint64_t window_begin_ = 0;
  size_t window_bytes_ = 0;  // 0: nothing is in it.
};

}  // namespace tarn::ufs::s3
