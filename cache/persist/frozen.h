#pragma once

// A content of this store, frozen. See frozen_content.h for the contract.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/mutex.h"
#include "cache/frozen_content.h"
#include "cache/handle/settling.h"
#include "cache/index/page_map.h"
#include "cache/live/contents.h"
#include "cache/live/damage.h"
#include "cache/live/pin.h"

namespace tarn::cache {

class Frozen final : public FrozenContent {
 public:
  // Each part outlives this object.
  struct Parts {
    Contents& contents;
    Damage& damage;
    Settling& settling;
  };
  // The content at the moment when it was frozen.
  struct State {
    ContentInfo info;
    Freezing freezing = Freezing::kExclusive;
    tarn::Descriptor snapshot;  // None: the live file itself is read.
    uint64_t limit_bytes = 0;   // The limit of the page map.
    std::string bitmap;
    std::vector<uint64_t> checksums;  // Known already if the content is sealed, otherwise none.
  };
  Frozen(const Parts& parts, LivePtr live, State state) REQUIRES(live->mutex);

  const ContentInfo& Info() const override { return state_.info; }
  int Descriptor() const override;
  Piece PieceAt(uint64_t offset_bytes, uint64_t length_bytes) const override;
  Result<std::vector<ByteRange>> Data() const override;
  Status Check(uint64_t offset_bytes, std::span<const std::byte> bytes) override;
  bool Unchanged() const override;
  Status MarkClean() override;

  // Seals a dirty content that rests, with checksums of all its pages. OK also if it changed.
  Status Seal();

 private:
  Result<bool> UnchangedLocked(Live& live) const REQUIRES(live.mutex);
  Result<std::vector<uint64_t>> ComputeChecksums() const;

  const Parts parts_;
  const Pin pin_;
  Live& live_;
  const State state_;
  PageMap pages_;  // When it was frozen: a snapshot lacks pages that are filled in later.
};

}  // namespace tarn::cache
