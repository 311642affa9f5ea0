#pragma once

// Adds pages from the UFS to a live file. Thread-safe; blocks on local I/O. See live_file.h for the
// contract.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "cache/live/charges.h"
#include "cache/live/contents.h"
#include "cache/live/evictor.h"
#include "cache/live/live.h"
#include "cache/room/space.h"

namespace tarn::cache {

class Filling {
 public:
  // Each part outlives this object.
  struct Parts {
    Space& space;
    Charges& charges;
    Contents& contents;
    Evictor& evictor;
  };
  explicit Filling(const Parts& parts) : parts_(parts) {}

  Status MakeRoom(const Live& live);
  Status AddPage(Live& live, uint64_t page_index, std::span<const std::byte> data);

 private:
  Status ChargeAhead(Live& live, uint64_t bytes);
  Result<bool> PutPage(Live& live, uint64_t page, std::span<const std::byte> data);

  const Parts parts_;
};

}  // namespace tarn::cache
