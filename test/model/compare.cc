#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "world.h"

// What two objects of the same name must have in common.

namespace model {

namespace {

constexpr unsigned kFields = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_GID |
                             STATX_MTIME | STATX_CTIME | STATX_SIZE | STATX_BLOCKS;
// A shorter hole may be filled: by copy_file_range through the daemon, which copies a page at a
// time, or when a file is persisted.
constexpr uint64_t kHoleBytes = 1 << 20;

std::string Octal(unsigned value) {
  char text[16];
  snprintf(text, sizeof text, "%o", value);
  return text;
}

std::string Text(const timespec& time) {
  return std::to_string(time.tv_sec) + "." + std::to_string(time.tv_nsec);
}

timespec TimeOf(const statx_timestamp& time) {
  return {time.tv_sec, static_cast<long>(time.tv_nsec)};
}

// How the sides notice stores into mappings. kAny: the tested side may have noticed a store that
// the model has not. kLate: so may the model, of the tested side.
enum class Stores { kNone, kAny, kLate };

// Where the kernel does not pass a file through, the tested side learns of a store when the kernel
// writes the page back.
Stores StoresOf(const World& world, const struct statx& model) {
  if (!world.mapped.contains(model.stx_ino)) return Stores::kNone;
  const bool late = world.stores_are_late || world.opened_in_part.contains(model.stx_ino);
  return late ? Stores::kLate : Stores::kAny;
}

// A time that a program has set is compared exactly, any other by the moments that it lies between.
std::string TimeDifference(const World& world, const char* name, const timespec& tested,
                           const timespec& model, bool may_be_set, Stores stores) {
  const long a = world.MomentOf(tested), b = world.MomentOf(model);
  const bool same = tested.tv_sec == model.tv_sec && tested.tv_nsec == model.tv_nsec;
  const bool is_set = may_be_set && (b < 0 || b == World::kFuture);
  const bool other_store = stores == Stores::kLate || (stores == Stores::kAny && a > b);
  if (same || (!is_set && (a == b || other_store))) return "";
  return std::string(name) + " " + Text(tested) + " (moment " + std::to_string(a) + ") for " +
         Text(model) + " (moment " + std::to_string(b) + ")";
}

// What the model's file would allocate if holes shorter than kHoleBytes were filled.
uint64_t MostBlocks(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return UINT64_MAX;
  uint64_t bytes = kHoleBytes;
  for (off_t at = 0;;) {
    const off_t begin = lseek(fd, at, SEEK_DATA);
    if (begin < 0) break;
    at = lseek(fd, begin, SEEK_HOLE);
    bytes += static_cast<uint64_t>(at - begin) + 2 * kHoleBytes;
  }
  close(fd);
  return bytes / 512;
}

// Pages of a file under test that are not in its cache count as data.
bool IsWhole(const std::string& path) {
  char cached[16];
  const ssize_t length = getxattr(path.c_str(), "tarn.cached", cached, sizeof cached);
  return length < 0 || std::string(cached, static_cast<size_t>(length)) == "yes";
}

std::string BlocksDifference(const World& world, const struct statx& tested,
                             const struct statx& model, const std::string& tested_path,
                             const std::string& model_path) {
  constexpr uint64_t kSlack = 128;
  // A page that was absent when the file was committed counts as data, also after it was fetched.
  const bool all_data = tested.stx_blocks <= (tested.stx_size + 4095) / 512;
  if (all_data && (world.drops || world.came_large.contains(model.stx_ino))) return "";
  if (tested.stx_blocks <= model.stx_blocks + kSlack || !IsWhole(tested_path)) return "";
  const uint64_t most = MostBlocks(model_path);
  if (tested.stx_blocks <= most) return "";
  return "blocks " + std::to_string(tested.stx_blocks) + " for " +
         std::to_string(model.stx_blocks) + ", at most " + std::to_string(most);
}

std::string NumberDifference(const char* name, uint64_t tested, uint64_t model) {
  if (tested == model) return "";
  return std::string(name) + " " + std::to_string(tested) + " for " + std::to_string(model);
}

// The differences in the fields of `mask`.
std::string Difference(const World& world, unsigned mask, const struct statx& tested,
                       const struct statx& model, const std::string& tested_path,
                       const std::string& model_path) {
  std::vector<std::string> found;
  const auto number = [&](unsigned field, const char* name, uint64_t a, uint64_t b) {
    if ((mask & field) != 0) found.push_back(NumberDifference(name, a, b));
  };
  const bool directory = S_ISDIR(model.stx_mode);
  const Stores stores = StoresOf(world, model);
  const bool mode = (mask & (STATX_TYPE | STATX_MODE)) != 0;
  if (mode && tested.stx_mode != model.stx_mode) {
    found.push_back("mode " + Octal(tested.stx_mode) + " for " + Octal(model.stx_mode));
  }
  number(STATX_UID, "owner", tested.stx_uid, model.stx_uid);
  number(STATX_GID, "group", tested.stx_gid, model.stx_gid);
  if (!directory) {  // What is below a directory may not be known yet.
    number(STATX_NLINK, "link count", tested.stx_nlink, model.stx_nlink);
    number(STATX_SIZE, "size", tested.stx_size, model.stx_size);
    number(STATX_TYPE, "device", makedev(tested.stx_rdev_major, tested.stx_rdev_minor),
           makedev(model.stx_rdev_major, model.stx_rdev_minor));
  }
  if ((mask & STATX_BLOCKS) != 0 && S_ISREG(model.stx_mode)) {
    found.push_back(BlocksDifference(world, tested, model, tested_path, model_path));
  }
  if ((mask & STATX_MTIME) != 0 && !directory) {
    found.push_back(TimeDifference(world, "mtime", TimeOf(tested.stx_mtime),
                                   TimeOf(model.stx_mtime), true, stores));
  }
  if ((mask & STATX_CTIME) != 0 && !directory) {
    found.push_back(TimeDifference(world, "ctime", TimeOf(tested.stx_ctime),
                                   TimeOf(model.stx_ctime), false, stores));
  }
  for (const std::string& difference : found) {
    if (!difference.empty()) return difference;
  }
  return "";
}

unsigned SomeField(World& world) {
  static const unsigned kSingle[] = {STATX_MODE,  STATX_NLINK, STATX_UID,  STATX_GID,
                                     STATX_MTIME, STATX_CTIME, STATX_SIZE, STATX_BLOCKS};
  return kSingle[world.Below(std::size(kSingle))];
}

void CompareStatx(World& world, const std::string& what, unsigned mask, const std::string& path,
                  const int* fd) {
  struct statx seen[2];
  const long result = world.Both("statx " + what + " mask " + std::to_string(mask), [&](int side) {
    const std::string at = fd == nullptr ? world.Path(side, path) : "";
    return Outcome(statx(fd == nullptr ? AT_FDCWD : fd[side], at.c_str(),
                         fd == nullptr ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH, mask, &seen[side]));
  });
  if (result < 0) return;
  const auto path_of = [&](int side) {
    return fd == nullptr ? world.Path(side, path) : "/proc/self/fd/" + std::to_string(fd[side]);
  };
  const std::string difference = Difference(world, mask, seen[0], seen[1], path_of(0), path_of(1));
  if (!difference.empty()) world.Differ("statx " + what + ": " + difference);
}

}  // namespace

std::string StatDifference(const World& world, const std::string& tested,
                           const std::string& model) {
  struct statx seen[2];
  if (statx(AT_FDCWD, tested.c_str(), AT_SYMLINK_NOFOLLOW, kFields, &seen[0]) < 0) {
    return "statx: " + std::to_string(errno);
  }
  if (statx(AT_FDCWD, model.c_str(), AT_SYMLINK_NOFOLLOW, kFields, &seen[1]) < 0) abort();
  return Difference(world, kFields, seen[0], seen[1], tested, model);
}

void CompareStat(World& world, const std::string& path) {
  CompareStatx(world, path, kFields, path, nullptr);
}

void CompareDescriptors(World& world, const std::string& what, const int fd[2]) {
  CompareStatx(world, what, kFields, "", fd);
}

void CompareField(World& world, const std::string& path) {
  CompareStatx(world, path, SomeField(world), path, nullptr);
}

void CompareMode(World& world, const std::string& path) {
  CompareStatx(world, path, STATX_MODE, path, nullptr);
}

void CompareField(World& world, const std::string& what, const int fd[2]) {
  CompareStatx(world, what, SomeField(world), "", fd);
}

}  // namespace model
