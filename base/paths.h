#pragma once

// Paths as text. Only the working directory is asked of the system.

#include <string>

namespace tarn {

// `path` below the working directory unless it is absolute, without "." parts, doubled '/' and
// trailing '/'. ".." parts are resolved as text.
std::string Absolute(const std::string& path);
// The part of `path` below `directory`, with a leading '/'. Empty: `path` is not in `directory`.
std::string Below(const std::string& path, const std::string& directory);

}  // namespace tarn
