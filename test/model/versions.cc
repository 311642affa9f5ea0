#include "versions.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace model {

std::string Cells(uint32_t base, uint32_t write, size_t first, size_t count) {
  std::string bytes;
  bytes.reserve(count * kCell);
  constexpr size_t kThirteenDigits = (size_t{1} << 52) - 1;
  char cell[kCell + 1];
  for (size_t at = first; at < first + count; ++at) {
    snprintf(cell, sizeof cell, "%08x %08x %013zx\n", base, write, at & kThirteenDigits);
    bytes.append(cell, kCell);
  }
  return bytes;
}

std::optional<uint32_t> BaseOf(std::string_view bytes) {
  if (bytes.size() < kCell) return std::nullopt;
  return static_cast<uint32_t>(strtoul(std::string(bytes.substr(0, 8)).c_str(), nullptr, 16));
}

std::string Fault(std::string_view bytes) {
  if (bytes.size() % kCell != 0) return "a size of " + std::to_string(bytes.size());
  const std::optional<uint32_t> base = BaseOf(bytes);
  for (size_t at = 0; at * kCell < bytes.size(); ++at) {
    const std::string_view cell = bytes.substr(at * kCell, kCell);
    char begin[16], end[32];
    snprintf(begin, sizeof begin, "%08x", *base);
    snprintf(end, sizeof end, " %013zx\n", at);
    if (cell.substr(0, 8) == begin && cell.substr(17) == end) continue;
    const bool zero = cell.find_first_not_of('\0') == std::string_view::npos;
    return "cell 0 is of base " + std::string(begin) + ", cell " + std::to_string(at) + " is " +
           (zero ? "zeros" : "\"" + std::string(cell.substr(0, kCell - 1)) + "\"");
  }
  return "";
}

int ReadWhole(const std::string& path, std::string* bytes) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0) return -errno;
  struct stat st = {};
  int result = fstat(file, &st) < 0 ? -errno : 0;
  bytes->assign(result == 0 ? static_cast<size_t>(st.st_size) : 0, '\0');
  size_t done = 0;
  while (result == 0 && done < bytes->size()) {
    const ssize_t got =
        pread(file, bytes->data() + done, bytes->size() - done, static_cast<off_t>(done));
    if (got < 0) result = -errno;
    if (got <= 0) break;
    done += static_cast<size_t>(got);
  }
  bytes->resize(done);
  close(file);
  return result;
}

int PrintFaults(const std::string& directory, int* unreadable) {
  int faults = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat st = {};
    if (lstat(entry.path().c_str(), &st) == 0 && S_ISDIR(st.st_mode)) continue;
    std::string bytes;
    const int result = ReadWhole(entry.path().string(), &bytes);
    if (result == -EIO) ++*unreadable;
    const bool odd = result != 0 && result != -EIO && result != -ENOENT;
    const std::string fault = odd           ? std::string("read: ") + strerror(-result)
                              : result == 0 ? Fault(bytes)
                                            : "";
    if (fault.empty()) continue;
    ++faults;
    printf("%s: %s\n", entry.path().c_str(), fault.c_str());
  }
  return faults;
}

}  // namespace model
