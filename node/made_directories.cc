#include "node/made_directories.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/log.h"
#include "base/strings.h"

namespace tarn {
namespace {

constexpr mode_t kOfParents = 0755;
constexpr mode_t kPrivate = 0700;

bool IsEmpty(const std::string& path) {
  std::error_code error;
  const std::filesystem::directory_iterator first(path, error);
  return !error && first == std::filesystem::directory_iterator();
}

std::error_code RemoveTree(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  return error;
}

std::error_code RemoveContents(const std::string& path) {
  std::error_code error;
  const std::filesystem::directory_iterator end;
  for (std::filesystem::directory_iterator entry(path, error); !error && entry != end;
       entry.increment(error)) {
    if (std::error_code failed = RemoveTree(entry->path())) return failed;
  }
  return error;
}

std::error_code RemoveIfEmpty(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  return error == std::errc::directory_not_empty ? std::error_code() : error;
}

}  // namespace

Status MadeDirectories::Make(const std::string& path) {
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const bool last = end == std::string::npos;
    const std::string part = path.substr(0, end);
    const bool made = mkdir(part.c_str(), last ? kPrivate : kOfParents) == 0;
    if (!made && errno != EEXIST) return ErrnoStatus(errno, Concat("make directory ", part));
    if (made) made_.emplace_back(part, last ? What::kTree : What::kParent);
    if (!last) continue;
    if (!made && IsEmpty(part)) made_.emplace_back(part, What::kContents);
    return OkStatus();
  }
}

void MadeDirectories::Remove() {
  for (auto made = made_.rbegin(); made != made_.rend(); ++made) {
    const auto& [path, what] = *made;
    const std::error_code error = what == What::kTree       ? RemoveTree(path)
                                  : what == What::kContents ? RemoveContents(path)
                                                            : RemoveIfEmpty(path);
    if (error) LogWarning("remove ", path, ", which the failed start made: ", error.message());
  }
}

}  // namespace tarn
