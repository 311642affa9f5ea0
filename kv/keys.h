#pragma once

// Keys and values that every engine of kv::Store understands. Pure.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace tarn::kv {

// The first key that is not below `prefix`; empty when there is none.
std::string PrefixEnd(std::string_view prefix);

// The value of a counter (Transaction::Add, Max): 8 bytes, little-endian two's complement.
std::string EncodeCounter(int64_t value);
Result<int64_t> DecodeCounter(std::string_view value);  // kCorruption: not 8 bytes.

}  // namespace tarn::kv
