#include "cache/testing/recovery_fixture.h"

#include <filesystem>
#include <fstream>

namespace tarn::cache {

namespace fs = std::filesystem;

Recovery::~Recovery() {
  store_.reset();
  fs::remove_all(directory_);
}

void Recovery::CutPower() {
  Die();
  std::fstream state(directory_ + "/state", std::ios::in | std::ios::out | std::ios::binary);
  state.seekp(20);
  state.write("????", 4);
}

std::vector<std::string> Recovery::Files() {
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(directory_)) {
    const fs::path parent = entry.path().parent_path();
    if (entry.is_regular_file() && parent != directory_ && parent.filename() != "spare") {
      files.push_back(entry.path());
    }
  }
  return files;
}

std::string Recovery::OnlyFile() {
  const std::vector<std::string> files = Files();
  EXPECT_EQ(files.size(), 1u);
  return files.empty() ? std::string() : files[0];
}

void Recovery::Overwrite(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace tarn::cache
