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

// Times that the test set lie before this; times that a write left lie after it.
constexpr time_t kSetBefore = 1'200'000'000;

std::string Octal(unsigned value) {
  char text[16];
  snprintf(text, sizeof text, "%o", value);
  return text;
}

// What two stat results of the same name must have in common.
std::string StatDifference(const struct stat& tested, const struct stat& model) {
  if (tested.st_mode != model.st_mode)
    return "mode " + Octal(tested.st_mode) + " for " + Octal(model.st_mode);
  if (tested.st_uid != model.st_uid || tested.st_gid != model.st_gid)
    return "owner " + std::to_string(tested.st_uid) + ":" + std::to_string(tested.st_gid) +
           " for " + std::to_string(model.st_uid) + ":" + std::to_string(model.st_gid);
  if (S_ISDIR(model.st_mode)) return "";
  if (tested.st_nlink != model.st_nlink)
    return "link count " + std::to_string(tested.st_nlink) + " for " +
           std::to_string(model.st_nlink);
  if (tested.st_size != model.st_size)
    return "size " + std::to_string(tested.st_size) + " for " + std::to_string(model.st_size);
  const timespec &a = tested.st_mtim, &b = model.st_mtim;
  const bool was_set = b.tv_sec < kSetBefore;
  if (was_set ? a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec : a.tv_sec < kSetBefore)
    return "mtime " + std::to_string(a.tv_sec) + "." + std::to_string(a.tv_nsec) + " for " +
           std::to_string(b.tv_sec) + "." + std::to_string(b.tv_nsec);
  return "";
}

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
    if (n < 0)
      difference = std::string("read: ") + strerror(errno);
    else if (n != m)
      difference =
          "read at " + std::to_string(at) + ": " + std::to_string(n) + " for " + std::to_string(m);
    else if (n == 0)
      break;
    else if (memcmp(x.data(), y.data(), static_cast<size_t>(n)) != 0) {
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
    if (strncmp(name, "user.", 5) != 0 || strstr(name, "tarn") != nullptr) continue;
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
  if (S_ISLNK(mode))
    return LinkTarget(tested) == LinkTarget(model) ? "" : "link target " + LinkTarget(tested);
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
  for (const auto& [name, type] : tested)
    if (!model.contains(name)) return "has " + name + ", which the model lacks";
  return "";
}

}  // namespace

void CompareStat(World& world, const std::string& path) {
  struct stat seen[2];
  const long result = world.Both("lstat " + path, [&](int side) {
    return Outcome(lstat(world.Path(side, path).c_str(), &seen[side]));
  });
  if (result < 0) return;
  const std::string difference = StatDifference(seen[0], seen[1]);
  if (!difference.empty()) world.Differ("lstat " + path + ": " + difference);
}

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
    struct stat a, b;
    if (lstat((tested + "/" + name).c_str(), &a) < 0)
      return "/" + below + ": lstat: " + strerror(errno);
    if (lstat((model + "/" + name).c_str(), &b) < 0) abort();
    difference = StatDifference(a, b);
    if (difference.empty())
      difference = EntryDifference(tested + "/" + name, model + "/" + name, b.st_mode);
    if (!difference.empty()) return "/" + below + ": " + difference;
    if (S_ISDIR(b.st_mode)) difference = TreeDifference(world, below, skip);
    if (!difference.empty()) return difference;
  }
  return "";
}

}  // namespace model
