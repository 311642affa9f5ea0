#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "world.h"

// Operations on files that the source had before it was mounted and that no step has looked at: the
// first touch is a rename, an unlink, a write into the middle. Every cold directory has the files
// a, b, big (one in eight), sub/c, sub/deep/e.

namespace model {

namespace {

std::string TakeCold(World& world) {
  if (world.cold.empty()) return "";
  const size_t index = world.Below(world.cold.size());
  std::string path = world.cold[index];
  world.cold.erase(world.cold.begin() + static_cast<long>(index));
  return path;
}

long Rename(World& world, const std::string& from, const std::string& to, unsigned flags) {
  const std::string what =
      "rename (cold) " + from + " -> " + to + " flags " + std::to_string(flags);
  return world.Both(what, [&](int side) {
    return Outcome(renameat2(AT_FDCWD, world.Path(side, from).c_str(), AT_FDCWD,
                             world.Path(side, to).c_str(), flags));
  });
}

void MakeDirectory(World& world, const std::string& path) {
  world.Both("mkdir " + path,
             [&](int side) { return Outcome(mkdir(world.Path(side, path).c_str(), 0755)); });
}

void Write(World& world, const std::string& path, int flags) {
  const size_t size = world.SomeSize();
  const char* bytes = world.SomeBytes(size);
  world.Both("write " + path + " size " + std::to_string(size), [&](int side) {
    const int fd =
        open(world.Path(side, path).c_str(), flags | O_WRONLY | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd < 0) return Outcome(fd);
    const long n = Outcome(write(fd, bytes, size));
    return close(fd) < 0 ? Outcome(-1) : n;
  });
}

// Half of the time the other steps learn the new names of a directory.
void MayRemember(World& world, const std::string& directory) {
  if (world.Chance(50)) return;
  for (const char* name : {"", "/a", "/b", "/sub", "/sub/c", "/sub/deep", "/sub/deep/e"}) {
    world.Remember(directory + name);
  }
}

void MoveAndMakeAgain(World& world) {
  const std::string from = TakeCold(world);
  if (from.empty()) return;
  const std::string to = world.Chance(50) ? world.NewPath() : from + ".moved";
  if (Rename(world, from, to, 0) != 0) return;
  MakeDirectory(world, from);
  Write(world, from + "/a", O_CREAT | O_EXCL);
  MakeDirectory(world, from + "/sub");
  if (world.Chance(50)) Write(world, from + "/sub/c", O_CREAT | O_EXCL);
  CompareStat(world, from + "/b");         // Not there: it moved.
  CompareStat(world, to + "/sub/deep/e");  // There, though never loaded before the move.
  MayRemember(world, from);
  MayRemember(world, to);
}

void MoveOnly(World& world) {
  if (world.cold.empty()) return;
  std::string& path = world.cold[world.Below(world.cold.size())];
  const std::string to = "moved" + std::to_string(world.step);
  if (Rename(world, path, to, 0) == 0) path = to;
}

void MoveChildAndMakeAgain(World& world) {
  const std::string path = TakeCold(world);
  if (path.empty()) return;
  Rename(world, path + "/sub", path + "/other", 0);
  MakeDirectory(world, path + "/sub");
  Write(world, path + "/sub/c", O_CREAT);
  CompareStat(world, path + "/other/c");
  MayRemember(world, path);
}

void UnlinkAndCreate(World& world) {
  const std::string path = TakeCold(world);
  if (path.empty()) return;
  world.Both("unlink (cold) " + path + "/a",
             [&](int side) { return Outcome(unlink(world.Path(side, path + "/a").c_str())); });
  CompareStat(world, path + "/a");
  Write(world, path + "/a", O_CREAT | O_EXCL);
  MayRemember(world, path);
}

void RenameOverUnseen(World& world) {
  const std::string path = TakeCold(world);
  if (path.empty()) return;
  Write(world, path + "/b.tmp", O_CREAT | O_EXCL);
  Rename(world, path + "/b.tmp", path + "/b", 0);
  Rename(world, path + "/a", path + "/sub/c", 0);
  MayRemember(world, path);
}

void ExchangeTwo(World& world) {
  const std::string a = TakeCold(world), b = TakeCold(world);
  if (b.empty()) return;
  Rename(world, a, b, RENAME_EXCHANGE);
  if (world.Chance(50)) Rename(world, a + "/a", b + "/a", RENAME_EXCHANGE);
  MayRemember(world, a);
  MayRemember(world, b);
}

// Mostly a directory with a file that is not fetched whole when it is opened.
std::string TakeColdWithLarge(World& world) {
  const auto has_large = [&](const std::string& path) {
    struct stat seen;
    return lstat(world.Path(1, path + "/big").c_str(), &seen) == 0 && seen.st_size > 4 << 20;
  };
  const auto found = std::find_if(world.cold.begin(), world.cold.end(), has_large);
  if (found == world.cold.end() || world.Chance(30)) return TakeCold(world);
  std::string path = *found;
  world.cold.erase(found);
  return path;
}

// The kernel has the mode, and the daemon sees each write.
void WriteAsUser(World& world, const std::string& path) {
  world.Both("chmod (cold) " + path,
             [&](int side) { return Outcome(chmod(world.Path(side, path).c_str(), 06777)); });
  CompareMode(world, path);
  world.BothAs({1000, 1000, 1000}, "pwrite (cold) " + path, [&](int side) {
    const int fd = open(world.Path(side, path).c_str(), O_WRONLY | O_CLOEXEC);
    if (fd < 0) return Outcome(-1);
    const long written = Outcome(pwrite(fd, "user", 4, 100));
    const long closed = Outcome(close(fd));
    return closed < 0 ? closed : written;
  });
  CompareMode(world, path);
}

// Opens a file before any of its bytes is cached, writes into its middle, and unlinks or replaces
// it while it is open.
void WriteIntoTheMiddle(World& world) {
  const std::string path = TakeColdWithLarge(world);
  if (path.empty()) return;
  for (const char* name : {"/big", "/b"}) {
    if (world.Chance(50)) WriteAsUser(world, path + name);
    Handle handle{{-1, -1}, path + name, true, true};
    const long result = world.Both("open (cold) " + handle.path, [&](int side) {
      handle.fd[side] = open(world.Path(side, handle.path).c_str(), O_RDWR | O_CLOEXEC);
      return handle.fd[side] < 0 ? Outcome(-1) : 0;
    });
    if (result < 0) continue;
    world.AddHandle(handle);
    const char* bytes = world.SomeBytes(5000);
    const off_t offset = static_cast<off_t>(world.Below(2'000'000));
    world.Both("pwrite (cold) " + handle.path + " " + std::to_string(offset),
               [&](int side) { return Outcome(pwrite(handle.fd[side], bytes, 5000, offset)); });
    CheckHoles(world, handle);
    if (world.Chance(50)) Write(world, handle.path, O_TRUNC);
    if (world.Chance(50)) {
      world.Both("unlink (cold, open) " + handle.path,
                 [&](int side) { return Outcome(unlink(world.Path(side, handle.path).c_str())); });
    }
  }
  MayRemember(world, path);
}

void LinkAndRemove(World& world) {
  const std::string path = TakeCold(world);
  if (path.empty()) return;
  const std::string to = "linked" + std::to_string(world.step);
  world.Both("link (cold) " + path + "/b", [&](int side) {
    return Outcome(link(world.Path(side, path + "/b").c_str(), world.Path(side, to).c_str()));
  });
  world.Both("rmdir (cold) " + path,
             [&](int side) { return Outcome(rmdir(world.Path(side, path).c_str())); });
  world.Both("unlink " + path + "/b",
             [&](int side) { return Outcome(unlink(world.Path(side, path + "/b").c_str())); });
  world.Remember(to);
  MayRemember(world, path);
}

void ResizeUnseen(World& world) {
  const std::string path = TakeCold(world);
  if (path.empty()) return;
  for (const char* name : {"/big", "/a", "/sub/c"}) {
    const auto size = static_cast<off_t>(world.SomeSize());
    world.Both("truncate (cold) " + path + name, [&](int side) {
      return Outcome(truncate(world.Path(side, path + name).c_str(), size));
    });
  }
  MayRemember(world, path);
}

void PopulateFile(const std::string& path, size_t size) {
  FILE* file = fopen(path.c_str(), "w");
  if (file == nullptr) {
    perror(path.c_str());
    exit(2);
  }
  for (size_t n = 0; n < size; n += 32) {
    fprintf(file, "%-30.30s%02zx", path.c_str() + (path.size() > 30 ? path.size() - 30 : 0),
            n % 256);
  }
  fclose(file);
}

}  // namespace

const std::vector<Step>& ColdSteps() {
  static const std::vector<Step> steps = {{"cold: move, make again", 1, MoveAndMakeAgain},
                                          {"cold: move", 2, MoveOnly},
                                          {"cold: move a child", 1, MoveChildAndMakeAgain},
                                          {"cold: unlink, create", 1, UnlinkAndCreate},
                                          {"cold: rename over", 1, RenameOverUnseen},
                                          {"cold: exchange", 1, ExchangeTwo},
                                          {"cold: write", 1, WriteIntoTheMiddle},
                                          {"cold: link", 1, LinkAndRemove},
                                          {"cold: truncate", 1, ResizeUnseen}};
  return steps;
}

std::string ColdName(int index) { return "cold" + std::to_string(index); }

void Populate(const std::string& directory, int cold_directories) {
  for (int i = 0; i < cold_directories + 20; ++i) {
    const std::string name =
        i < cold_directories ? ColdName(i) : "pre" + std::to_string(i - cold_directories);
    const std::string path = directory + "/" + name;
    for (const std::string& below : {path, path + "/sub", path + "/sub/deep"}) {
      mkdir(below.c_str(), 0755);
    }
    const auto scale = static_cast<size_t>(i % 5);
    PopulateFile(path + "/a", 1000 * scale);
    PopulateFile(path + "/b", 64000 + 32 * scale);
    // One half is too large to be fetched whole when it is opened.
    if (i % 8 == 0) {
      PopulateFile(path + "/big", (i % 16 == 0 ? 2'500'000 : 6'000'000) + 1000 * scale);
    }
    PopulateFile(path + "/sub/c", 3200 * scale);
    PopulateFile(path + "/sub/deep/e", 32);
  }
}

}  // namespace model
