#pragma once

// Paths as text: nothing here asks a file system, apart from the working directory.

#include <string>

namespace tarn {

// Without "." parts, doubled and trailing '/'; made absolute by the working directory. ".." parts
// are resolved as text.
std::string Absolute(const std::string& path);
// `path` relative to `directory` with a leading '/', or empty if it is not at or below it.
std::string Below(const std::string& path, const std::string& directory);

}  // namespace tarn
