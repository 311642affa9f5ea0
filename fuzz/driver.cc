// Between libFuzzer and a target.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <fstream>

#include "base/strings.h"
#include "fuzz/target.h"

namespace tarn::fuzz {

size_t TakeChoice(std::string_view& input, size_t count) {
  if (input.empty()) return 0;
  const size_t choice = static_cast<unsigned char>(input.front()) % count;
  input.remove_prefix(1);
  return choice;
}

std::string Chosen(size_t choice, std::string_view input) {
  return Concat(static_cast<char>(choice), input);
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    lines.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

void WriteFile(const std::string& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  file.close();
  CHECK(file.good());
}

namespace {

// scripts/fuzz names the directory of the corpus.
void WriteSeeds() {
  const char* directory = std::getenv("TARN_FUZZ_SEEDS");
  if (directory == nullptr) return;
  size_t number = 0;
  for (const std::string& seed : Seeds()) {
    WriteFile(Concat(directory, "/seed-", number++), seed);
  }
}

}  // namespace
}  // namespace tarn::fuzz

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  tarn::fuzz::WriteSeeds();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tarn::fuzz::Try({reinterpret_cast<const char*>(data), size});
  return 0;
}
