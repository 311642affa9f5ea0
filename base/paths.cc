#include "base/paths.h"

#include <filesystem>
#include <system_error>

namespace tarn {

std::string Absolute(const std::string& path) {
  std::error_code error;
  std::filesystem::path absolute = path;
  if (absolute.is_relative()) absolute = std::filesystem::current_path(error) / absolute;
  std::string text = absolute.lexically_normal().string();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

std::string Below(const std::string& path, const std::string& directory) {
  if (path == directory) return "/";
  if (directory == "/") return path;
  if (!path.starts_with(directory + "/")) return "";
  return path.substr(directory.size());
}

}  // namespace tarn
