#include <dirent.h>
#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <set>
#include <string_view>

#include "world.h"

// Operations on names: create, rename in all its forms, links, directories, attributes.

namespace model {

namespace {

void WriteWhole(World& world, const std::string& path, int flags) {
  const size_t size = world.SomeSize();
  const char* bytes = world.SomeBytes(size);
  const std::string what =
      "write " + path + " flags " + std::to_string(flags) + " size " + std::to_string(size);
  const long result = world.Both(what, [&](int side) {
    const int fd =
        open(world.Path(side, path).c_str(), flags | O_WRONLY | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd < 0) return Outcome(fd);
    const long written = Outcome(write(fd, bytes, size));
    const long closed = Outcome(close(fd));
    return closed < 0 ? closed : written;
  });
  if (result >= 0) world.Remember(path);
}

void Create(World& world) { WriteWhole(world, world.NewPath(), O_CREAT | O_EXCL); }
void Overwrite(World& world) { WriteWhole(world, world.SomePath(), O_CREAT | O_TRUNC); }
void Append(World& world) { WriteWhole(world, world.SomePath(), O_APPEND); }

long Rename(World& world, const std::string& from, const std::string& to, unsigned flags) {
  const std::string what = "rename " + from + " -> " + to + " flags " + std::to_string(flags);
  const long result = world.Both(what, [&](int side) {
    return Outcome(renameat2(AT_FDCWD, world.Path(side, from).c_str(), AT_FDCWD,
                             world.Path(side, to).c_str(), flags));
  });
  if (result == 0 && flags != RENAME_EXCHANGE) world.RememberMove(from, to);
  return result;
}

void RenameToNew(World& world) { Rename(world, world.SomePath(), world.NewPath(), 0); }
void RenameOver(World& world) { Rename(world, world.SomePath(), world.SomePath(), 0); }
void RenameNoReplace(World& world) {
  Rename(world, world.SomePath(), world.SomePath(), RENAME_NOREPLACE);
}
void Exchange(World& world) { Rename(world, world.SomePath(), world.SomePath(), RENAME_EXCHANGE); }

void Whiteout(World& world) { Rename(world, world.SomePath(), world.NewPath(), RENAME_WHITEOUT); }

void RotateThree(World& world) {
  const std::string a = world.SomePath(), b = world.SomePath(), c = world.SomePath(),
                    spare = world.NewPath();
  Rename(world, c, spare, 0);
  Rename(world, b, c, 0);
  Rename(world, a, b, 0);
  Rename(world, spare, a, 0);
}

// Saving as editors do, again and again over the same few files.
void ReplaceByRename(World& world) {
  const std::string path = "hot" + std::to_string(world.Below(4)), spare = path + ".tmp";
  WriteWhole(world, spare, O_CREAT | (world.Chance(50) ? O_TRUNC : O_EXCL));
  Rename(world, spare, path, 0);
  if (world.Chance(30)) CompareStat(world, path);
}

void Unlink(World& world, const std::string& path) {
  world.Both("unlink " + path,
             [&](int side) { return Outcome(unlink(world.Path(side, path).c_str())); });
}
void UnlinkSome(World& world) { Unlink(world, world.SomePath()); }

void UnlinkAndCreate(World& world) {
  const std::string path = world.SomePath();
  Unlink(world, path);
  WriteWhole(world, path, O_CREAT | O_EXCL);
}

void MoveAndCreate(World& world) {
  const std::string from = world.SomePath();
  Rename(world, from, world.NewPath(), 0);
  WriteWhole(world, from, O_CREAT | O_EXCL);
}

void MakeDirectory(World& world, const std::string& path) {
  const long result = world.Both("mkdir " + path, [&](int side) {
    return Outcome(mkdir(world.Path(side, path).c_str(), 0755));
  });
  if (result == 0) world.Remember(path);
}
void MakeSomeDirectory(World& world) { MakeDirectory(world, world.NewPath()); }

void MoveDirectoryAndMakeAgain(World& world) {
  const std::string from = world.SomeDirectory(), to = world.NewPath();
  if (from.empty() || Rename(world, from, to, 0) != 0) return;
  MakeDirectory(world, from);
  WriteWhole(world, from + "/a", O_CREAT);
  CompareStat(world, to + "/a");
}

void RemoveDirectory(World& world) {
  const std::string path = world.SomePath();
  world.Both("rmdir " + path,
             [&](int side) { return Outcome(rmdir(world.Path(side, path).c_str())); });
}

long RemoveTree(const std::string& path) {
  DIR* directory = opendir(path.c_str());
  if (directory == nullptr) return Outcome(unlink(path.c_str()));
  std::vector<std::string> names;
  while (const dirent* entry = readdir(directory)) {
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
      names.emplace_back(entry->d_name);
    }
  }
  closedir(directory);
  for (const std::string& name : names) {
    const std::string below = path + "/" + name;
    struct stat seen;
    if (lstat(below.c_str(), &seen) < 0) return Outcome(-1);
    const long result = S_ISDIR(seen.st_mode) ? RemoveTree(below) : Outcome(unlink(below.c_str()));
    if (result < 0) return result;
  }
  return Outcome(rmdir(path.c_str()));
}

void RemoveSomeTree(World& world) {
  const std::string path = world.SomeDirectory();
  if (path.empty()) return;
  const bool holds_cold =
      std::any_of(world.cold.begin(), world.cold.end(), [&](const std::string& c) {
        return c == path || c.compare(0, path.size() + 1, path + "/") == 0;
      });
  if (holds_cold) return;
  world.Both("rm -r " + path, [&](int side) { return RemoveTree(world.Path(side, path)); });
}

void Link(World& world) {
  const std::string from = world.SomePath(), to = world.NewPath();
  const long result = world.Both("link " + from + " -> " + to, [&](int side) {
    return Outcome(link(world.Path(side, from).c_str(), world.Path(side, to).c_str()));
  });
  if (result == 0) world.Remember(to);
}

void Symlink(World& world) {
  const std::string path = world.NewPath();
  // Never "..": wherever the link is moved, it must not lead out of the tree.
  std::string target = world.SomePath();
  if (world.Chance(50)) target = target.substr(target.rfind('/') + 1);
  if (world.Chance(10)) target = std::string(1 + world.Below(3000), 't');
  const long result = world.Both("symlink " + path, [&](int side) {
    return Outcome(symlink(target.c_str(), world.Path(side, path).c_str()));
  });
  if (result == 0) world.Remember(path);
}

void ReadLink(World& world) {
  const std::string path = world.SomePath();
  char target[2][5000];
  const long n = world.Both("readlink " + path, [&](int side) {
    return Outcome(readlink(world.Path(side, path).c_str(), target[side], sizeof target[side]));
  });
  if (n > 0 && memcmp(target[0], target[1], static_cast<size_t>(n)) != 0) {
    world.Differ("target of " + path);
  }
}

void Stat(World& world) { CompareStat(world, world.SomePath()); }

void Chmod(World& world) {
  const std::string path = world.SomePath();
  // Root works on; the bits are compared.
  const auto mode = static_cast<mode_t>(0700 | world.Below(0100));
  world.Both("chmod " + path,
             [&](int side) { return Outcome(chmod(world.Path(side, path).c_str(), mode)); });
}

void Chown(World& world) {
  const std::string path = world.SomePath();
  const auto uid = static_cast<uid_t>(world.Below(3) * 1000);
  world.Both("lchown " + path,
             [&](int side) { return Outcome(lchown(world.Path(side, path).c_str(), uid, uid)); });
}

void SetTimes(World& world) {
  const std::string path = world.SomePath();
  const auto seconds = static_cast<time_t>(1'000'000'000 + world.Below(100'000'000));
  const timespec times[2] = {{seconds, 1},
                             {seconds, static_cast<long>(world.Below(1'000'000'000))}};
  world.Both("utimensat " + path, [&](int side) {
    return Outcome(utimensat(AT_FDCWD, world.Path(side, path).c_str(), times, AT_SYMLINK_NOFOLLOW));
  });
  CompareStat(world, path);
}

std::string AttributeName(World& world) {
  static const char* const kOthers[] = {"trusted.t", "security.s", "foo.a",
                                        "plain",     "user.",      "trusted."};
  if (world.Chance(20)) return kOthers[world.Below(std::size(kOthers))];
  return "user.x" + std::to_string(world.Below(4));
}

void SetAttribute(World& world) {
  const std::string path = world.SomePath(), name = AttributeName(world);
  const size_t size = world.Below(300);
  const char* value = world.SomeBytes(size);
  const int flags = static_cast<int>(world.Below(3));  // 0, XATTR_CREATE, XATTR_REPLACE
  world.Both("lsetxattr " + path + " " + name + " flags " + std::to_string(flags), [&](int side) {
    return Outcome(lsetxattr(world.Path(side, path).c_str(), name.c_str(), value, size, flags));
  });
}

void GetAttribute(World& world) {
  const std::string path = world.SomePath(), name = AttributeName(world);
  char value[2][400];
  const size_t room = world.Chance(80) ? sizeof value[0] : world.Below(50);
  const long n = world.Both("lgetxattr " + path + " " + name, [&](int side) {
    return Outcome(lgetxattr(world.Path(side, path).c_str(), name.c_str(), value[side], room));
  });
  if (n > 0 && room > 0 && memcmp(value[0], value[1], static_cast<size_t>(n)) != 0) {
    world.Differ("value of " + name + " of " + path);
  }
}

void RemoveAttribute(World& world) {
  const std::string path = world.SomePath(), name = AttributeName(world);
  world.Both("lremovexattr " + path + " " + name, [&](int side) {
    return Outcome(lremovexattr(world.Path(side, path).c_str(), name.c_str()));
  });
}

// Only root may know the names of trusted attributes.
void ListAttributesAs(World& world) {
  const std::string path = world.SomePath();
  const User user{1000, 1000, world.Chance(50) ? 0U : 1000U};
  world.Both("lsetxattr " + path + " trusted.t", [&](int side) {
    return Outcome(lsetxattr(world.Path(side, path).c_str(), "trusted.t", "v", 1, 0));
  });
  world.BothAs(user, "llistxattr " + path, [&](int side) {
    char names[4096];
    const ssize_t length = llistxattr(world.Path(side, path).c_str(), names, sizeof names);
    if (length < 0) return Outcome(-1);
    const std::string_view all(names, static_cast<size_t>(length));
    return all.find("trusted.") == std::string_view::npos ? 0L : -EACCES;
  });
}

std::vector<std::string> List(const std::string& path, long& result) {
  std::vector<std::string> names;
  DIR* directory = opendir(path.c_str());
  result = directory == nullptr ? -errno : 0;
  if (directory == nullptr) return names;
  while (const dirent* entry = readdir(directory)) {
    names.push_back(std::string(entry->d_name) + " " + std::to_string(entry->d_type));
  }
  closedir(directory);
  std::sort(names.begin(), names.end());
  return names;
}

void ReadDirectory(World& world) {
  const std::string path = world.SomeDirectory();
  std::vector<std::string> names[2];
  world.Both("readdir /" + path, [&](int side) {
    long result = 0;
    names[side] = List(world.Path(side, path), result);
    return result;
  });
  if (names[0] == names[1]) return;
  std::string text = "readdir /" + path + ": entries differ:";
  for (const std::string& name : names[0]) {
    if (std::count(names[0].begin(), names[0].end(), name) !=
        std::count(names[1].begin(), names[1].end(), name)) {
      text += " +" + name;
    }
  }
  for (const std::string& name : names[1]) {
    if (std::count(names[0].begin(), names[0].end(), name) == 0) text += " -" + name;
  }
  world.Differ(text);
}

// Each entry that is read makes a new name, which the listing may show or not. It shows each
// earlier name once, and it ends.
long MakeNamesWhileListing(const std::string& path) {
  constexpr size_t kMostNames = 40;
  constexpr long kEndless = -1001, kNotOnce = -1002;
  long result = 0;
  const std::vector<std::string> before = List(path, result);
  DIR* directory = before.size() > kMostNames ? nullptr : opendir(path.c_str());
  if (directory == nullptr) return result;
  const size_t limit = 20 * before.size() + 200;
  std::multiset<std::string> seen;
  const auto name = [&](size_t i) { return path + "/.made" + std::to_string(i); };
  size_t made = 0;
  while (const dirent* entry = readdir(directory)) {
    seen.insert(std::string(entry->d_name) + " " + std::to_string(entry->d_type));
    if (made >= limit) break;
    const int fd = open(name(made).c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0644);
    if (fd < 0) break;
    close(fd);
    ++made;
  }
  closedir(directory);
  for (size_t i = 0; i < made; ++i) unlink(name(i).c_str());
  if (made >= limit) return kEndless;
  const bool once = std::all_of(before.begin(), before.end(),
                                [&](const std::string& known) { return seen.count(known) == 1; });
  return once ? 0 : kNotOnce;
}

void MakeWhileListing(World& world) {
  const std::string path = world.SomeDirectory();
  world.Both("make names while listing /" + path,
             [&](int side) { return MakeNamesWhileListing(world.Path(side, path)); });
}

}  // namespace

const std::vector<Step>& NameSteps() {
  static const std::vector<Step> steps = {{"create", 8, Create},
                                          {"overwrite", 6, Overwrite},
                                          {"append", 4, Append},
                                          {"rename", 5, RenameToNew},
                                          {"rename over", 4, RenameOver},
                                          {"rename noreplace", 2, RenameNoReplace},
                                          {"exchange", 3, Exchange},
                                          {"whiteout", 1, Whiteout},
                                          {"rotate", 2, RotateThree},
                                          {"replace by rename", 6, ReplaceByRename},
                                          {"unlink", 3, UnlinkSome},
                                          {"unlink and create", 4, UnlinkAndCreate},
                                          {"move and create", 4, MoveAndCreate},
                                          {"mkdir", 5, MakeSomeDirectory},
                                          {"move a directory", 3, MoveDirectoryAndMakeAgain},
                                          {"rmdir", 2, RemoveDirectory},
                                          {"rm -r", 1, RemoveSomeTree},
                                          {"link", 3, Link},
                                          {"symlink", 2, Symlink},
                                          {"readlink", 2, ReadLink},
                                          {"stat", 10, Stat},
                                          {"chmod", 2, Chmod},
                                          {"chown", 2, Chown},
                                          {"utimes", 3, SetTimes},
                                          {"setxattr", 3, SetAttribute},
                                          {"getxattr", 3, GetAttribute},
                                          {"removexattr", 1, RemoveAttribute},
                                          {"list attributes", 1, ListAttributesAs},
                                          {"make while listing", 1, MakeWhileListing},
                                          {"readdir", 4, ReadDirectory}};
  return steps;
}

}  // namespace model
