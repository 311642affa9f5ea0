#pragma once

// Files whose bytes say which version they are of. A file is a row of cells of 32 bytes; each cell
// names its base (one number for each time that a file is written from nothing), the write that
// made the cell, and its place. So a file with cells of two bases, or a cell in a wrong place, is
// seen to be mixed.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace model {

inline constexpr size_t kCell = 32;

std::string Cells(uint32_t base, uint32_t write, size_t first, size_t count);
// Of the first cell; nullopt: there is none.
std::optional<uint32_t> BaseOf(std::string_view bytes);
// What is wrong with the bytes of a whole file, or "".
std::string Fault(std::string_view bytes);

// Reads all of a file. Minus errno, or 0.
int ReadWhole(const std::string& path, std::string* bytes);
// Prints the faults of all files below a directory; how many there are. `unreadable` counts files
// that give EIO.
int PrintFaults(const std::string& directory, int* unreadable);

}  // namespace model
