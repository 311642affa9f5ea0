#pragma once

// The bytes of a part that is sent from a small window instead of memory for all of it. For one
// thread at a time.

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
  // Offsets count from the start of the part.
  Status Give(uint64_t offset_bytes, std::span<std::byte> out) override;
  // Passes the whole part to `take`, in order, one window at a time.
  Status Each(const std::function<void(std::span<const std::byte>)>& take);

 private:
  // The bytes that the window has from the offset on. Fills the window if it has none.
  Result<std::span<const std::byte>> At(uint64_t offset_bytes);

  const Upload::ReadBytes& read_;
  const uint64_t offset_bytes_;  // In the object.
  const uint64_t length_bytes_;
  std::unique_ptr<std::byte[]> window_;
  uint64_t window_begin_ = 0;
  size_t window_bytes_ = 0;  // 0: it is empty.
};

}  // namespace tarn::ufs::s3
