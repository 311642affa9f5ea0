#pragma once

// A fuzz target is a source that defines Try and Seeds for one decoder of bytes from outside the
// process. driver.cc hands it to libFuzzer. Everything here runs on one thread.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace tarn::fuzz {

// Gives `input` to the decoder, and CHECKs what must hold for any input.
void Try(std::string_view input);
// Inputs that the decoder accepts: the corpus begins with them.
std::vector<std::string> Seeds();

// Where a target has several decoders, the first byte of an input chooses one of `count`. Removes
// that byte.
size_t TakeChoice(std::string_view& input, size_t count);
// The input that TakeChoice takes apart.
std::string Chosen(size_t choice, std::string_view input);
// The parts between line ends; one empty line for "".
std::vector<std::string> Lines(std::string_view text);
void WriteFile(const std::string& path, std::string_view bytes);

// A record that was decoded, encoded and decoded again is the same record, and its encoding is no
// longer than its input. A refusal is kCorruption.
template <typename Decode, typename Encode>
void TryRecord(std::string_view bytes, const Decode& decode, const Encode& encode) {
  const auto first = decode(bytes);
  if (!first.ok()) {
    CHECK(first.code() == Code::kCorruption);
    return;
  }
  const std::string encoded = encode(*first);
  CHECK(encoded.size() <= bytes.size());
  const auto second = decode(encoded);
  CHECK(second.ok());
  CHECK(encode(*second) == encoded);
}

}  // namespace tarn::fuzz
