#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "world.h"

// Attributes that other users, the kernel's cache and old archives meet: set-ID bits that a write
// takes off, times at the ends of the range, single fields, holes.

namespace model {

namespace {

constexpr char kCapabilities[] = "security.capability";

User SomeUser(World& world) {
  static const gid_t kGroups[] = {0, 1000, 2000};
  return {static_cast<uid_t>(1000 + world.Below(2) * 1000), kGroups[1 + world.Below(2)],
          kGroups[world.Below(3)]};
}

void CompareCapabilities(World& world, const std::string& path) {
  char value[64];
  world.Both("lgetxattr " + path + " " + kCapabilities, [&](int side) {
    return Outcome(lgetxattr(world.Path(side, path).c_str(), kCapabilities, value, sizeof value));
  });
}

void SetBits(World& world) {
  static const mode_t kModes[] = {04777, 02777, 06777, 02666, 06666, 04755, 02767};
  const mode_t mode = kModes[world.Below(std::size(kModes))];
  Handle* handle = world.SomeHandle();
  if (handle != nullptr && world.Chance(60)) {
    world.Both("fchmod " + handle->path + " " + std::to_string(mode),
               [&](int side) { return Outcome(fchmod(handle->fd[side], mode)); });
    return;
  }
  const std::string path = world.SomePath();
  world.Both("chmod " + path + " " + std::to_string(mode),
             [&](int side) { return Outcome(chmod(world.Path(side, path).c_str(), mode)); });
}

void SetCapabilities(World& world) {
  static const unsigned char kValue[20] = {1, 0, 0, 2, 0, 4};  // Version 2, effective.
  const std::string path = world.SomePath();
  world.Both("lsetxattr " + path + " " + kCapabilities, [&](int side) {
    struct stat seen;
    if (lstat(world.Path(side, path).c_str(), &seen) < 0) return Outcome(-1);
    if (!S_ISREG(seen.st_mode)) return 0L;
    return Outcome(
        lsetxattr(world.Path(side, path).c_str(), kCapabilities, kValue, sizeof kValue, 0));
  });
}

void WriteAs(World& world) {
  static const int kFlags[] = {O_WRONLY, O_WRONLY | O_APPEND, O_WRONLY | O_TRUNC,
                               O_RDONLY | O_TRUNC};
  const std::string path = world.SomePath();
  const int flags = kFlags[world.Below(std::size(kFlags))];
  const bool with_bits = world.Chance(50);
  if (with_bits) {
    world.Both("chmod (for a user) " + path, [&](int side) -> long {
      struct stat seen;
      if (lstat(world.Path(side, path).c_str(), &seen) < 0) return Outcome(-1);
      return S_ISREG(seen.st_mode) ? Outcome(chmod(world.Path(side, path).c_str(), 06777)) : 0;
    });
  }
  world.BothAs(SomeUser(world), "write " + path + " flags " + std::to_string(flags),
               [&](int side) -> long {
                 const int fd = open(world.Path(side, path).c_str(), flags | O_NONBLOCK);
                 if (fd < 0) return Outcome(-1);
                 if ((flags & O_ACCMODE) != O_RDONLY && write(fd, "user", 4) < 0) {
                   return Outcome(-1);
                 }
                 return Outcome(close(fd));
               });
  with_bits ? CompareMode(world, path) : CompareField(world, path);
  CompareStat(world, path);
  CompareCapabilities(world, path);
}

long Change(int fd, int kind) {
  switch (kind) {
    case 0:
      return Outcome(pwrite(fd, "user", 4, 10));
    case 1:
      return Outcome(ftruncate(fd, 1000));
    default:
      return Outcome(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 1000));
  }
}

// The descriptor was opened by root.
void ChangeHandleAs(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr) return;
  const int kind = static_cast<int>(world.Below(3));
  if (world.Chance(50)) {
    world.Both("fchmod (for a user) " + handle->path,
               [&](int side) { return Outcome(fchmod(handle->fd[side], 06777)); });
  }
  world.BothAs(SomeUser(world), "change " + handle->path + " kind " + std::to_string(kind),
               [&](int side) { return Change(handle->fd[side], kind); });
  CompareField(world, handle->path, handle->fd);
  CompareDescriptors(world, handle->path, handle->fd);
}

void TruncateAs(World& world) {
  const std::string path = world.SomePath();
  world.BothAs(SomeUser(world), "truncate " + path,
               [&](int side) { return Outcome(truncate(world.Path(side, path).c_str(), 100)); });
  CompareStat(world, path);
}

timespec SomeTime(World& world) {
  static const timespec kTimes[] = {{0, 0},
                                    {0, 1},
                                    {0, 0},
                                    {0, 0},
                                    {1, 719'381'529},
                                    {-1, 0},
                                    {-1, 999'999'999},
                                    {-2'147'483'648, 0},
                                    {2'147'483'647, 999'999'999},
                                    {2'147'483'648, 0},
                                    {4'294'967'296, 0},
                                    {9'000'000'000, 5},
                                    {1'000'000'000, 0}};
  return kTimes[world.Below(std::size(kTimes))];
}

// Access times are compared at once, before a read of the model changes them.
void CompareAccess(World& world, const std::string& path, const int* fd) {
  struct statx seen[2] = {};
  const long result = world.Both("statx atime " + path, [&](int side) {
    return Outcome(statx(
        fd == nullptr ? AT_FDCWD : fd[side], fd == nullptr ? world.Path(side, path).c_str() : "",
        fd == nullptr ? AT_SYMLINK_NOFOLLOW : AT_EMPTY_PATH, STATX_ATIME, &seen[side]));
  });
  if (result < 0) return;
  const auto &a = seen[0].stx_atime, &b = seen[1].stx_atime;
  if (a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec) {
    world.Differ("atime of " + path + " is " + std::to_string(a.tv_sec) + "." +
                 std::to_string(a.tv_nsec) + " for " + std::to_string(b.tv_sec) + "." +
                 std::to_string(b.tv_nsec));
  }
}

void SetExtremeTimes(World& world) {
  timespec times[2] = {SomeTime(world), world.Chance(30) ? timespec{} : SomeTime(world)};
  const uint64_t kind = world.Below(4);
  if (kind == 0) times[0].tv_nsec = UTIME_OMIT;
  if (kind == 1) times[1].tv_nsec = UTIME_OMIT;
  if (kind == 2) times[1].tv_nsec = UTIME_NOW;
  const std::string text = " atime " + std::to_string(times[0].tv_sec) + " mtime " +
                           std::to_string(times[1].tv_sec) + " kind " + std::to_string(kind);
  Handle* handle = world.SomeHandle();
  const bool by_handle = handle != nullptr && world.Chance(50);
  const std::string path = by_handle ? handle->path : world.SomePath();
  const int* fd = by_handle ? handle->fd : nullptr;
  const bool written = by_handle && handle->writable && world.Chance(50);
  if (written) {
    world.Both("pwrite (before times) " + path,
               [&](int side) { return Outcome(pwrite(fd[side], "t", 1, 0)); });
  }
  world.Both("utimensat " + path + text, [&](int side) {
    return Outcome(fd != nullptr ? futimens(fd[side], times)
                                 : utimensat(AT_FDCWD, world.Path(side, path).c_str(), times,
                                             AT_SYMLINK_NOFOLLOW));
  });
  if (kind != 0) CompareAccess(world, path, fd);
  if (written || (by_handle && world.Chance(50))) {
    world.Both("fsync " + path, [&](int side) { return Outcome(fsync(fd[side])); });
    CompareDescriptors(world, path, fd);
  }
  fd != nullptr ? CompareField(world, path, fd) : CompareField(world, path);
}

// A later change never has an earlier time.
void CompareOrder(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr || !handle->writable) return;
  const std::string path = world.SomePath();
  const bool touch_first = world.Chance(50);
  const auto earlier = [](const struct stat& a, const struct stat& b) {
    return a.st_mtim.tv_sec != b.st_mtim.tv_sec ? a.st_mtim.tv_sec < b.st_mtim.tv_sec
                                                : a.st_mtim.tv_nsec < b.st_mtim.tv_nsec;
  };
  world.Both("touch " + path + " and write " + handle->path, [&](int side) {
    const std::string at = world.Path(side, path);
    struct stat touched, written;
    if (!touch_first && pwrite(handle->fd[side], "o", 1, 0) < 0) return Outcome(-1);
    if (utimensat(AT_FDCWD, at.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) < 0) return Outcome(-1);
    if (touch_first && pwrite(handle->fd[side], "o", 1, 0) < 0) return Outcome(-1);
    if (lstat(at.c_str(), &touched) < 0 || fstat(handle->fd[side], &written) < 0) {
      return Outcome(-1);
    }
    return earlier(touch_first ? written : touched, touch_first ? touched : written) ? 0L : 1L;
  });
}

void Field(World& world) { CompareField(world, world.SomePath()); }

void FieldOfHandle(World& world) {
  if (Handle* handle = world.SomeHandle()) CompareField(world, handle->path, handle->fd);
}

// Far behind the end, so that there is a hole; the end may be one as well.
void WriteFarAway(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr) return;
  const auto at = static_cast<off_t>(world.Below(24 << 20));
  world.Both("pwrite (far) " + handle->path + " " + std::to_string(at),
             [&](int side) { return Outcome(pwrite(handle->fd[side], "far", 3, at)); });
  if (world.Chance(50)) {
    world.Both("ftruncate (far) " + handle->path,
               [&](int side) { return Outcome(ftruncate(handle->fd[side], at + (4 << 20))); });
  }
  CompareDescriptors(world, handle->path, handle->fd);
}

bool IsZero(const char* bytes, size_t length) {
  return std::all_of(bytes, bytes + length, [](char byte) { return byte == 0; });
}

void FindHoles(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle != nullptr && handle->readable) CheckHoles(world, *handle);
}

}  // namespace

// A reported hole must be zeros in the model.
void CheckHoles(World& world, const Handle& handle) {
  world.Note("holes of " + handle.path);
  struct stat seen;
  if (fstat(handle.fd[1], &seen) < 0 || seen.st_size == 0) return;
  static std::vector<char> bytes(1 << 20);
  for (off_t at = 0; at < seen.st_size;) {
    off_t data = lseek(handle.fd[0], at, SEEK_DATA);
    if (data < 0 && errno != ENXIO) world.Differ("SEEK_DATA: " + std::to_string(errno));
    if (data < 0) data = seen.st_size;
    for (; at < data; at += static_cast<off_t>(bytes.size())) {
      const size_t length = std::min(bytes.size(), static_cast<size_t>(data - at));
      const ssize_t got = pread(handle.fd[1], bytes.data(), length, at);
      if (got > 0 && !IsZero(bytes.data(), static_cast<size_t>(got))) {
        world.Differ("a hole of " + handle.path + " has data near " + std::to_string(at));
      }
    }
    if (data >= seen.st_size) break;
    at = lseek(handle.fd[0], data, SEEK_HOLE);
    if (at < 0) world.Differ("SEEK_HOLE: " + std::to_string(errno));
  }
  world.Both("lseek (back) " + handle.path,
             [&](int side) { return Outcome(lseek(handle.fd[side], 0, SEEK_SET)); });
}

const std::vector<Step>& AttributeSteps() {
  static const std::vector<Step> steps = {{"set-id", 4, SetBits},
                                          {"capabilities", 1, SetCapabilities},
                                          {"write as a user", 4, WriteAs},
                                          {"change a handle as a user", 4, ChangeHandleAs},
                                          {"truncate as a user", 1, TruncateAs},
                                          {"extreme times", 4, SetExtremeTimes},
                                          {"order of times", 2, CompareOrder},
                                          {"field", 6, Field},
                                          {"field of a handle", 6, FieldOfHandle},
                                          {"write far away", 2, WriteFarAway},
                                          {"holes", 1, FindHoles}};
  return steps;
}

}  // namespace model
