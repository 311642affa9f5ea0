#pragma once

// Files whose bytes say which version they are of. A file is a row of cells of 32 bytes; each cell
// names its base (one number for each time that a file is written from nothing), the write that
// made the cell, and its place. So a mixed file shows: it has cells of two bases, or a cell in a
// wrong place.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace model {

inline constexpr size_t kCell = 32;

std::string Cells(uint32_t base, uint32_t write, size_t first, size_t count);
// The base of the first cell; nullopt: there is no cell.
std::optional<uint32_t> BaseOf(std::string_view bytes);
// What is wrong with the bytes of a whole file, or "".
std::string Fault(std::string_view bytes);

// Reads all of a file. Returns 0 or minus errno.
int ReadWhole(const std::string& path, std::string* bytes);
// Prints the faults of all files below a directory, and returns their number. `unreadable` gets the
// number of files that give EIO.
int PrintFaults(const std::string& directory, int* unreadable);

}  // namespace model
