#include "kv/testing/rocksdb_fixture.h"

#include <filesystem>

namespace tarn::kv {

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string RocksdbStoreTest::Copy(bool with_logs) {
  const std::string copy = directory_.path() + "/copy" + std::to_string(++copies_);
  for (int tries = 0; tries < 10; ++tries) {
    std::error_code error;  // RocksDB may delete a file meanwhile.
    std::filesystem::remove_all(copy);
    std::filesystem::copy(options_.directory, copy, error);
    if (!error) break;
  }
  for (const auto& entry : std::filesystem::directory_iterator(copy)) {
    if (!with_logs && entry.path().extension() == ".log") {
      std::filesystem::resize_file(entry.path(), 0);
    }
  }
  return copy;
}

}  // namespace tarn::kv
