#include "node/mounted_file_systems.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>

#include "base/paths.h"

namespace tarn {
namespace {

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

// mountinfo writes blanks and some other characters as \ooo.
std::string Unescaped(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                 (text[i + 3] - '0'));
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// A line: "36 35 98:0 /root /mnt rw,noatime master:1 - ext3 /dev/root rw". The number of fields
// before the dash varies.
std::optional<MountedFileSystem> ParseMount(std::string_view line) {
  const size_t dash = line.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  const std::vector<std::string_view> before = Split(line.substr(0, dash), ' ');
  const std::vector<std::string_view> after = Split(line.substr(dash + 3), ' ');
  if (before.size() < 5 || after.size() < 2) return std::nullopt;
  MountedFileSystem mount;
  mount.device = before[2];
  mount.root = Unescaped(before[3]);
  mount.path = Unescaped(before[4]);
  mount.type = after[0];
  mount.source = Unescaped(after[1]);
  return mount;
}

// A path of a file system, whatever its mount points are.
struct Place {
  std::string device;
  std::string path;
};

Place PlaceOf(const std::vector<MountedFileSystem>& mounts, const std::string& path) {
  const MountedFileSystem mount = FileSystemOf(mounts, path);
  const std::string below = Below(path, mount.path);
  if (below == "/") return {mount.device, mount.root};
  return {mount.device, mount.root == "/" ? below : mount.root + below};
}

bool Contains(const Place& outer, const Place& inner) {
  return !outer.device.empty() && outer.device == inner.device &&
         !Below(inner.path, outer.path).empty();
}

}  // namespace

std::vector<MountedFileSystem> ParseMountInfo(std::string_view text) {
  std::vector<MountedFileSystem> mounts;
  for (const std::string_view line : Split(text, '\n')) {
    if (std::optional<MountedFileSystem> mount = ParseMount(line)) {
      mounts.push_back(*std::move(mount));
    }
  }
  return mounts;
}

std::vector<MountedFileSystem> FileSystemsOfProcess() {
  std::ifstream table("/proc/self/mountinfo");
  return ParseMountInfo(std::string(std::istreambuf_iterator<char>(table), {}));
}

MountedFileSystem FileSystemOf(const std::vector<MountedFileSystem>& mounts,
                               const std::string& path) {
  MountedFileSystem nearest;
  for (const MountedFileSystem& mount : mounts) {
    if (Below(path, mount.path).empty()) continue;
    if (mount.path.size() >= nearest.path.size()) nearest = mount;
  }
  return nearest;
}

bool IsInside(const std::vector<MountedFileSystem>& mounts, const std::string& path,
              const std::string& directory) {
  if (!Below(path, directory).empty()) return true;
  const Place place = PlaceOf(mounts, path);
  if (Contains(PlaceOf(mounts, directory), place)) return true;
  // Another file system may be mounted in the directory.
  return std::any_of(mounts.begin(), mounts.end(), [&](const MountedFileSystem& mount) {
    return !Below(mount.path, directory).empty() && Contains({mount.device, mount.root}, place);
  });
}

}  // namespace tarn
