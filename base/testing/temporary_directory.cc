#include "base/testing/temporary_directory.h"

#include <filesystem>
#include <system_error>

namespace tarn {

void TemporaryDirectory::RemoveTree(const std::string& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  EXPECT_FALSE(error) << error.message();
}

}  // namespace tarn
