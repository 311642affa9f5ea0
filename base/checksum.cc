#include "base/checksum.h"

#define XXH_STATIC_LINKING_ONLY  // For the state's size only.
#include <xxhash.h>
#if defined(__x86_64__) && __has_include(<xxh_x86dispatch.h>)
// XXH3 with the widest vectors that the processor has; the values are the same.
#include <xxh_x86dispatch.h>
#endif

#include "base/status.h"

namespace tarn {

uint64_t Checksum(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

uint64_t Checksum(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

struct ChecksumStream::State {
  XXH3_state_t xxh;
};

ChecksumStream::ChecksumStream() : state_(new State) { Reset(); }
ChecksumStream::~ChecksumStream() = default;

void ChecksumStream::Update(std::span<const std::byte> bytes) {
  CHECK(XXH3_64bits_update(&state_->xxh, bytes.data(), bytes.size()) == XXH_OK);
}

uint64_t ChecksumStream::Value() const { return XXH3_64bits_digest(&state_->xxh); }

void ChecksumStream::Reset() { CHECK(XXH3_64bits_reset(&state_->xxh) == XXH_OK); }

}  // namespace tarn
