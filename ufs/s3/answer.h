#pragma once

// Which bytes of an object an answer to GET claims to have. Pure. Internal to ufs/s3.

#include <cstdint>
#include <string>

#include "base/status.h"
#include "http/client.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

struct Claim {
  uint64_t length_bytes = 0;
  // Only the end of the answer tells whether it has as many: not a byte may be used before.
  bool unproven = false;
};

// kCorruption: it has other bytes than those of `wanted`, or cannot be told from one that has,
// since it was encoded or decoded on the way: asking again may help. kIo: the store ignores ranges.
Result<Claim> ClaimOf(const http::Response& head, const Extent& wanted);

// For messages: " (request ID)"; empty: the answer has none.
std::string RequestOf(const http::Response& response);

}  // namespace tarn::ufs::s3
