#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "world.h"

// Special files, and objects that are held by a descriptor when their name goes: open directories,
// O_PATH descriptors of any type, files made without a name.

namespace model {

namespace {

constexpr size_t kMaxHeld = 12;
constexpr size_t kMaxExported = 10;

void MakeSpecial(World& world) {
  static const mode_t kTypes[] = {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
  const mode_t type = kTypes[world.Below(std::size(kTypes))];
  const dev_t device = type == S_IFCHR || type == S_IFBLK ? makedev(1, 3) : 0;
  const std::string path = world.NewPath();
  const long result = world.Both("mknod " + path + " type " + std::to_string(type), [&](int side) {
    return Outcome(mknod(world.Path(side, path).c_str(), type | 0640, device));
  });
  if (result == 0) world.Remember(path);
  CompareStat(world, path);
}

void Hold(World& world) {
  if (world.held.size() >= kMaxHeld) return world.Drop(world.Below(world.held.size()));
  const bool directory = world.Chance(50);
  Held object{{-1, -1}, directory ? world.SomeDirectory() : world.SomePath(), 0};
  const int flags = directory ? O_RDONLY | O_DIRECTORY : O_PATH | O_NOFOLLOW;
  const long result = world.Both("hold " + object.path, [&](int side) {
    object.fd[side] = open(world.Path(side, object.path).c_str(), flags | O_CLOEXEC);
    return std::min(Outcome(object.fd[side]), 0L);
  });
  if (result < 0) return;
  struct stat seen;
  fstat(object.fd[1], &seen);
  object.type = seen.st_mode & S_IFMT;
  if (!directory && object.type == S_IFDIR) object.type = 0;  // O_PATH: not to be listed.
  world.held.push_back(object);
}

std::string List(int fd, long& result) {
  const int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  result = own < 0 ? Outcome(-1) : 0;
  DIR* directory = own < 0 ? nullptr : fdopendir(own);
  if (directory == nullptr) return "";
  std::vector<std::string> names;
  while (const dirent* entry = readdir(directory)) names.emplace_back(entry->d_name);
  closedir(directory);
  std::sort(names.begin(), names.end());
  std::string text;
  for (const std::string& name : names) text += name + "/";
  return text;
}

void UseDirectory(World& world, const Held& object) {
  switch (world.Below(5)) {
    case 0: {
      std::string names[2];
      world.Both("list held " + object.path, [&](int side) {
        long result = 0;
        names[side] = List(object.fd[side], result);
        return result;
      });
      if (names[0] != names[1]) {
        world.Differ("held directory " + object.path + " lists " + names[0] + " for " + names[1]);
      }
      return;
    }
    case 1:
      world.Both("mkdirat held " + object.path,
                 [&](int side) { return Outcome(mkdirat(object.fd[side], "made", 0755)); });
      return;
    case 2: {
      const mode_t mode = world.Chance(50) ? 0755 : 0711;
      world.Both("fchmod held " + object.path,
                 [&](int side) { return Outcome(fchmod(object.fd[side], mode)); });
      return;
    }
    case 3: {
      const timespec times[2] = {{5, 6}, {7, 8}};
      world.Both("futimens held " + object.path,
                 [&](int side) { return Outcome(futimens(object.fd[side], times)); });
      return;
    }
    default:
      world.Both("lookup of .. in held " + object.path, [&](int side) {
        struct stat seen;
        return Outcome(fstatat(object.fd[side], "made", &seen, AT_SYMLINK_NOFOLLOW));
      });
  }
}

std::string ThroughProc(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

void ReopenHeld(World& world, const Held& object) {
  static const int kFlags[] = {O_RDONLY, O_RDWR, O_RDWR | O_TRUNC, O_WRONLY | O_APPEND};
  const int flags = object.type == S_IFREG ? kFlags[world.Below(std::size(kFlags))] : O_RDONLY;
  const size_t size = world.SomeSize();
  const char* bytes = world.SomeBytes(size);
  world.Both("open held " + object.path + " flags " + std::to_string(flags), [&](int side) {
    const int fd = open(ThroughProc(object.fd[side]).c_str(), flags | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return Outcome(-1);
    const long written = (flags & O_ACCMODE) == O_RDONLY ? 0 : Outcome(write(fd, bytes, size));
    const long closed = Outcome(close(fd));
    return closed < 0 ? closed : written;
  });
}

void ReadHeld(World& world, const Held& object) {
  static std::vector<char> bytes[2] = {std::vector<char>(1 << 20), std::vector<char>(1 << 20)};
  const long got = world.Both("read held " + object.path, [&](int side) {
    const int fd = open(ThroughProc(object.fd[side]).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return Outcome(-1);
    const long read = Outcome(pread(fd, bytes[side].data(), bytes[side].size(), 0));
    close(fd);
    return read;
  });
  if (got > 0 && memcmp(bytes[0].data(), bytes[1].data(), static_cast<size_t>(got)) != 0) {
    world.Differ("bytes of held " + object.path);
  }
}

void UseHeldFile(World& world, const Held& object) {
  switch (world.Below(4)) {
    case 0:
      return ReopenHeld(world, object);
    case 1:
      return ReadHeld(world, object);
    case 2: {
      const auto size = static_cast<off_t>(world.SomeSize());
      world.Both("truncate held " + object.path + " to " + std::to_string(size), [&](int side) {
        return Outcome(truncate(ThroughProc(object.fd[side]).c_str(), size));
      });
      return;
    }
    default: {
      const timespec times[2] = {{5, 6}, {static_cast<time_t>(world.Below(3)), 8}};
      world.Both("utimensat held " + object.path, [&](int side) {
        return Outcome(utimensat(AT_FDCWD, ThroughProc(object.fd[side]).c_str(), times, 0));
      });
    }
  }
}

void UseHeld(World& world) {
  if (world.held.empty()) return;
  const Held object = world.held[world.Below(world.held.size())];
  if (object.type == S_IFDIR) UseDirectory(world, object);
  if (object.type == S_IFLNK) {
    char target[2][5000] = {};
    world.Both("readlinkat held " + object.path, [&](int side) {
      return Outcome(readlinkat(object.fd[side], "", target[side], sizeof target[side] - 1));
    });
    if (strcmp(target[0], target[1]) != 0) world.Differ("target of held " + object.path);
  }
  if (object.type == S_IFIFO) ReopenHeld(world, object);
  if (object.type == S_IFREG) UseHeldFile(world, object);
  if (world.Chance(30)) {
    const auto uid = static_cast<uid_t>(world.Below(3) * 1000);
    world.Both("fchownat held " + object.path, [&](int side) {
      return Outcome(fchownat(object.fd[side], "", uid, uid, AT_EMPTY_PATH));
    });
  }
  CompareDescriptors(world, "held " + object.path, object.fd);
}

void RemoveHeld(World& world) {
  if (world.held.empty()) return;
  const Held object = world.held[world.Below(world.held.size())];
  const bool directory = object.type == S_IFDIR;
  if (object.path.empty()) return;
  if (directory && world.Chance(50)) {
    const std::string spare = world.NewPath();
    world.Both("mkdir (to replace) " + spare,
               [&](int side) { return Outcome(mkdir(world.Path(side, spare).c_str(), 0755)); });
    world.Both("replace held " + object.path, [&](int side) {
      return Outcome(
          rename(world.Path(side, spare).c_str(), world.Path(side, object.path).c_str()));
    });
  } else {
    world.Both("remove held " + object.path, [&](int side) {
      const std::string path = world.Path(side, object.path);
      return Outcome(directory ? rmdir(path.c_str()) : unlink(path.c_str()));
    });
  }
  if (object.type == S_IFREG) UseHeldFile(world, object);
  CompareDescriptors(world, "held " + object.path, object.fd);
}

void MakeUnnamed(World& world) {
  if (world.handles.size() >= 20) return;
  const std::string directory = world.SomeDirectory();
  Handle handle{{-1, -1}, directory + "/.unnamed", true, true};
  const long result = world.Both("O_TMPFILE in /" + directory, [&](int side) {
    handle.fd[side] =
        open(world.Path(side, directory).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0640);
    return std::min(Outcome(handle.fd[side]), 0L);
  });
  if (result < 0) return;
  world.AddHandle(handle);
  world.Both("write unnamed", [&](int side) { return Outcome(write(handle.fd[side], "un", 2)); });
  CompareDescriptors(world, "unnamed", handle.fd);
  std::string names[2];
  world.Both("list beside unnamed /" + directory, [&](int side) {
    const int fd = open(world.Path(side, directory).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long listed = Outcome(fd);
    if (fd < 0) return listed;
    names[side] = List(fd, listed);
    close(fd);
    return listed;
  });
  if (names[0] != names[1]) {
    world.Differ("an unnamed file shows in /" + directory + ": " + names[0]);
  }
  if (world.Chance(50)) return;
  const std::string to = world.NewPath();
  const long linked = world.Both("link unnamed as " + to, [&](int side) {
    const std::string from = "/proc/self/fd/" + std::to_string(handle.fd[side]);
    return Outcome(
        linkat(AT_FDCWD, from.c_str(), AT_FDCWD, world.Path(side, to).c_str(), AT_SYMLINK_FOLLOW));
  });
  if (linked == 0) world.Remember(to);
  CompareStat(world, to);
}

void TakeFileHandle(World& world) {
  Exported object{world.SomePath(), {}};
  const long result = world.Both("name_to_handle_at " + object.path, [&](int side) {
    object.handle[side].resize(sizeof(file_handle) + MAX_HANDLE_SZ);
    auto* handle = reinterpret_cast<file_handle*>(object.handle[side].data());
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount_id = 0;
    return Outcome(
        name_to_handle_at(AT_FDCWD, world.Path(side, object.path).c_str(), handle, &mount_id, 0));
  });
  if (result < 0) return;
  if (world.exported.size() < kMaxExported) {
    world.exported.push_back(object);
  } else {
    world.exported[world.Below(kMaxExported)] = object;
  }
}

// A kernel that has dropped its inodes asks the file system which inode a handle stands for.
void ForgetInodes(World& world) {
  world.Note("drop the kernel's inodes");
  const int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  if (write(fd, "2", 1) != 1) world.Note("they were not dropped");
  close(fd);
}

void OpenFileHandle(World& world) {
  if (world.exported.empty()) return;
  const Exported& object = world.exported[world.Below(world.exported.size())];
  if (world.Chance(20)) ForgetInodes(world);
  int fd[2] = {-1, -1};
  const long result = world.Both("open_by_handle_at " + object.path, [&](int side) {
    const int root = open(world.At(side).root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    std::vector<char> handle = object.handle[side];
    fd[side] =
        open_by_handle_at(root, reinterpret_cast<file_handle*>(handle.data()), O_PATH | O_CLOEXEC);
    const long opened = std::min(Outcome(fd[side]), 0L);
    close(root);
    return opened;
  });
  if (result < 0) return;
  CompareDescriptors(world, "handle of " + object.path, fd);
  for (const int side : fd) close(side);
}

}  // namespace

const std::vector<Step>& ObjectSteps() {
  static const std::vector<Step> steps = {{"special", 2, MakeSpecial},
                                          {"hold", 4, Hold},
                                          {"use held", 5, UseHeld},
                                          {"remove held", 2, RemoveHeld},
                                          {"unnamed", 2, MakeUnnamed},
                                          {"take a file handle", 2, TakeFileHandle},
                                          {"open a file handle", 2, OpenFileHandle}};
  return steps;
}

}  // namespace model
