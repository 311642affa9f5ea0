#pragma once

// Which bytes of an object an answer to GET claims to have. Pure.

#include <cstdint>
#include <string>

#include "base/status.h"
#include "http/client.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

struct Claim {
  uint64_t length_bytes = 0;
  // Only the end of the answer tells whether it has as many. The caller must not use a byte before.
  bool unproven = false;
};

// kCorruption: the answer has other bytes than those of `wanted`, or it was encoded or decoded on
// the way and cannot be told from one that has. Asking again may help. kIo: the store ignores
// ranges.
Result<Claim> ClaimOf(const http::Response& head, const Extent& wanted);

// " (request ID)" for messages; empty: the answer has no id.
std::string RequestOf(const http::Response& response);

}  // namespace tarn::ufs::s3
