#pragma once

// Reads of a live file through the daemon. Thread-safe; blocks on local I/O. See live_file.h for
// the contract.

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/status.h"
#include "cache/live/contents.h"
#include "cache/live/damage.h"
#include "cache/live/live.h"
#include "cache/live_file.h"

namespace tarn::cache {

class Reading {
 public:
  Reading(Contents& contents, Damage& damage) : contents_(contents), damage_(damage) {}

  Result<size_t> Readable(Live& live, uint64_t offset_bytes, uint64_t length_bytes);
  Result<size_t> Read(Live& live, uint64_t offset_bytes, std::span<std::byte> out);
  Result<size_t> ReadThrough(Live& live, uint64_t offset_bytes, std::span<std::byte> out,
                             const LiveReader::ReadBase& base);

 private:
  Status VerifyRange(Live& live, uint64_t offset_bytes, uint64_t length_bytes);

  Contents& contents_;
  Damage& damage_;
};

// -1 if the file cannot be opened, which is logged.
int ReadDescriptorOf(Live& live);
uint64_t CurrentSizeOf(Live& live);

}  // namespace tarn::cache
