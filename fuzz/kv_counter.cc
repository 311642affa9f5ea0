// Counters of the store (doc/format.md).

#include "fuzz/target.h"
#include "kv/store.h"

namespace tarn::fuzz {

void Try(std::string_view input) {
  const Result<int64_t> value = kv::DecodeCounter(input);
  CHECK(value.ok() == (input.size() == 8));
  CHECK(value.ok() ? kv::EncodeCounter(*value) == input : value.code() == Code::kCorruption);
}

std::vector<std::string> Seeds() {
  return {kv::EncodeCounter(0), kv::EncodeCounter(-1), kv::EncodeCounter(INT64_MIN), "1234567"};
}

}  // namespace tarn::fuzz
