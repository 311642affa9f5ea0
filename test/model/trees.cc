#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "world.h"

namespace model {

namespace {

std::map<std::string, int> Names(const std::string& directory) {
  std::map<std::string, int> names;
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return {{std::string("opendir: ") + strerror(errno), 0}};
  while (const dirent* entry = readdir(stream)) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names[name] = entry->d_type;
  }
  closedir(stream);
  return names;
}

std::string ContentDifference(const std::string& tested, const std::string& model) {
  const int a = open(tested.c_str(), O_RDONLY | O_CLOEXEC);
  if (a < 0) return std::string("open: ") + strerror(errno);
  const int b = open(model.c_str(), O_RDONLY | O_CLOEXEC);
  static std::vector<char> x(1 << 20), y(1 << 20);
  std::string difference;
  for (off_t at = 0; difference.empty();) {
    const ssize_t n = pread(a, x.data(), x.size(), at), m = pread(b, y.data(), y.size(), at);
    if (n < 0) {
      difference = std::string("read: ") + strerror(errno);
    } else if (n != m) {
      difference =
          "read at " + std::to_string(at) + ": " + std::to_string(n) + " for " + std::to_string(m);
    } else if (n == 0) {
      break;
    } else if (memcmp(x.data(), y.data(), static_cast<size_t>(n)) != 0) {
      const auto bad = std::mismatch(x.begin(), x.begin() + n, y.begin()).first - x.begin();
      difference = "contents differ from byte " + std::to_string(at + bad);
    }
    at += n;
  }
  close(a);
  close(b);
  return difference;
}

std::map<std::string, std::string> Attributes(const std::string& path) {
  std::map<std::string, std::string> found;
  char names[65536], value[65536];
  const ssize_t n = llistxattr(path.c_str(), names, sizeof names);
  if (n < 0) return {{std::string("listxattr: ") + strerror(errno), ""}};
  for (const char* name = names; name < names + n; name += strlen(name) + 1) {
    const ssize_t size = lgetxattr(path.c_str(), name, value, sizeof value);
    found[name] = size < 0 ? strerror(errno) : std::string(value, static_cast<size_t>(size));
  }
  return found;
}

std::string LinkTarget(const std::string& path) {
  char target[5000];
  const ssize_t n = readlink(path.c_str(), target, sizeof target);
  return n < 0 ? std::string("readlink: ") + strerror(errno)
               : std::string(target, static_cast<size_t>(n));
}

std::string EntryDifference(const std::string& tested, const std::string& model, mode_t mode) {
  if (S_ISLNK(mode)) {
    return LinkTarget(tested) == LinkTarget(model) ? "" : "link target " + LinkTarget(tested);
  }
  if (Attributes(tested) != Attributes(model)) return "extended attributes differ";
  return S_ISREG(mode) ? ContentDifference(tested, model) : "";
}

std::string NamesDifference(const std::map<std::string, int>& tested,
                            const std::map<std::string, int>& model) {
  for (const auto& [name, type] : model) {
    const auto found = tested.find(name);
    if (found == tested.end()) return "lacks " + name;
    if (found->second != type) return "type of " + name + " is " + std::to_string(found->second);
  }
  for (const auto& [name, type] : tested) {
    if (!model.contains(name)) return "has " + name + ", which the model lacks";
  }
  return "";
}

}  // namespace

std::string TreeDifference(const World& world, const std::string& path,
                           const std::vector<std::string>& skip) {
  const std::string tested = path.empty() ? world.At(0).root : world.Path(0, path);
  const std::string model = path.empty() ? world.At(1).root : world.Path(1, path);
  const auto names = Names(model);
  std::string difference = NamesDifference(Names(tested), names);
  if (!difference.empty()) return "directory /" + path + ": " + difference;
  for (const auto& [name, type] : names) {
    const std::string below = path.empty() ? name : path + "/" + name;
    if (std::find(skip.begin(), skip.end(), below) != skip.end()) continue;
    struct stat b;
    if (lstat((model + "/" + name).c_str(), &b) < 0) abort();
    difference = StatDifference(world, tested + "/" + name, model + "/" + name);
    if (difference.empty()) {
      difference = EntryDifference(tested + "/" + name, model + "/" + name, b.st_mode);
    }
    if (!difference.empty()) return "/" + below + ": " + difference;
    if (S_ISDIR(b.st_mode)) difference = TreeDifference(world, below, skip);
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace model
