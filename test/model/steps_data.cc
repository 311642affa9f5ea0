#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>

#include "world.h"

// Operations on contents: by path, by descriptors that stay open, by mappings, by processes that
// share them.

namespace model {

namespace {

constexpr size_t kMaxHandles = 20;
constexpr size_t kMaxMappings = 6;
constexpr size_t kMaxFile = size_t{6} << 20;

std::string Number(uint64_t value) { return std::to_string(value); }

void Open(World& world) {
  if (world.handles.size() >= kMaxHandles) {
    return world.CloseHandle(world.Below(world.handles.size()));
  }
  static const int kFlags[] = {O_RDONLY,
                               O_RDWR,
                               O_RDWR,
                               O_WRONLY,
                               O_RDWR | O_APPEND,
                               O_RDWR | O_CREAT,
                               O_RDWR | O_CREAT | O_EXCL,
                               O_RDWR | O_TRUNC,
                               O_WRONLY | O_CREAT | O_APPEND};
  const int flags = kFlags[world.Below(std::size(kFlags))];
  Handle handle{
      {-1, -1}, world.SomePath(), (flags & O_ACCMODE) != O_WRONLY, (flags & O_ACCMODE) != O_RDONLY};
  const long result = world.Both(
      "open " + handle.path + " flags " + Number(static_cast<uint64_t>(flags)), [&](int side) {
        handle.fd[side] =
            open(world.Path(side, handle.path).c_str(), flags | O_CLOEXEC | O_NONBLOCK, 0640);
        return std::min(Outcome(handle.fd[side]), 0L);
      });
  if (result < 0) return;
  struct stat seen;
  fstat(handle.fd[1], &seen);
  world.Remember(handle.path);
  world.AddHandle(handle);
  if (!S_ISREG(seen.st_mode)) world.CloseHandle(world.handles.size() - 1);
}

void CloseSome(World& world) {
  if (!world.handles.empty()) world.CloseHandle(world.Below(world.handles.size()));
}

off_t SizeOf(const Handle& handle) {
  struct stat seen;
  return fstat(handle.fd[1], &seen) < 0 ? 0 : seen.st_size;
}

ino_t InodeOf(const Handle& handle) {
  struct stat seen;
  return fstat(handle.fd[1], &seen) < 0 ? 0 : seen.st_ino;
}

void CheckSize(World& world, const Handle& handle) {
  off_t sizes[2];
  world.Both("fstat " + handle.path, [&](int side) {
    struct stat seen;
    const long result = Outcome(fstat(handle.fd[side], &seen));
    sizes[side] = seen.st_size;
    return result;
  });
  if (sizes[0] != sizes[1]) {
    world.Differ("fstat " + handle.path + ": size " + std::to_string(sizes[0]) + " for " +
                 std::to_string(sizes[1]));
  }
}

void PositionedWrite(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr) return;
  const size_t size = world.SomeSize();
  const auto limit = static_cast<uint64_t>(SizeOf(*handle)) + 10000;
  const auto offset = static_cast<off_t>(std::min<uint64_t>(world.Below(limit), kMaxFile));
  const char* bytes = world.SomeBytes(size);
  const std::string what =
      "pwrite " + handle->path + " " + Number(static_cast<uint64_t>(offset)) + "+" + Number(size);
  world.Both(what,
             [&](int side) { return Outcome(pwrite(handle->fd[side], bytes, size, offset)); });
  if (world.Chance(50)) CheckSize(world, *handle);
}

void PositionedRead(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr) return;
  static std::vector<char> data[2] = {std::vector<char>(World::kMaxBytes),
                                      std::vector<char>(World::kMaxBytes)};
  const size_t size = world.SomeSize();
  const auto offset =
      static_cast<off_t>(world.Below(static_cast<uint64_t>(SizeOf(*handle)) + 5000));
  const std::string what =
      "pread " + handle->path + " " + Number(static_cast<uint64_t>(offset)) + "+" + Number(size);
  const long n = world.Both(what, [&](int side) {
    return Outcome(pread(handle->fd[side], data[side].data(), size, offset));
  });
  if (n <= 0 || memcmp(data[0].data(), data[1].data(), static_cast<size_t>(n)) == 0) return;
  const auto bad =
      std::mismatch(data[0].begin(), data[0].begin() + n, data[1].begin()).first - data[0].begin();
  world.Differ(what + ": bytes differ from " + std::to_string(offset + bad));
}

void ResizeHandle(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr) return;
  const auto size = static_cast<off_t>(std::min(world.SomeSize(), kMaxFile));
  world.Both("ftruncate " + handle->path + " to " + Number(static_cast<uint64_t>(size)),
             [&](int side) { return Outcome(ftruncate(handle->fd[side], size)); });
  CheckSize(world, *handle);
}

void ResizePath(World& world) {
  const std::string path = world.SomePath();
  const auto size = static_cast<off_t>(world.SomeSize());
  world.Both("truncate " + path + " to " + Number(static_cast<uint64_t>(size)),
             [&](int side) { return Outcome(truncate(world.Path(side, path).c_str(), size)); });
  CompareStat(world, path);
}

void Sync(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr) return;
  const bool data_only = world.Chance(50);
  world.Both("fsync " + handle->path, [&](int side) {
    return Outcome(data_only ? fdatasync(handle->fd[side]) : fsync(handle->fd[side]));
  });
}

void Allocate(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr) return;
  static const int kModes[] = {0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                               FALLOC_FL_ZERO_RANGE};
  const int mode = kModes[world.Below(std::size(kModes))];
  const auto offset = static_cast<off_t>(world.Below(100000)),
             length = static_cast<off_t>(1 + world.Below(100000));
  const std::string what = "fallocate " + handle->path + " mode " + std::to_string(mode) + " " +
                           std::to_string(offset) + "+" + std::to_string(length);
  world.Both(what,
             [&](int side) { return Outcome(fallocate(handle->fd[side], mode, offset, length)); });
  CheckSize(world, *handle);
}

void CopyRange(World& world) {
  Handle *from = world.SomeHandle(), *to = world.SomeHandle();
  if (from == nullptr || from == to) return;
  const size_t size = world.SomeSize();
  auto start = static_cast<off_t>(world.Below(static_cast<uint64_t>(SizeOf(*from)) + 100));
  world.Both("copy_file_range " + from->path + " -> " + to->path + " " + std::to_string(start) +
                 "+" + Number(size),
             [&](int side) -> long {
               off_t in = start, out = 100;
               long total = 0;
               while (total < static_cast<long>(size)) {
                 const ssize_t n = copy_file_range(from->fd[side], &in, to->fd[side], &out,
                                                   size - static_cast<size_t>(total), 0);
                 if (n < 0) return Outcome(n);
                 if (n == 0) break;
                 total += n;
               }
               return total;
             });
}

// Files that keep a name or an open handle when another name or their content goes.
void UnlinkWhileOpen(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr) return;
  const std::string path = handle->path;
  world.Both("unlink (open) " + path,
             [&](int side) { return Outcome(unlink(world.Path(side, path).c_str())); });
  CheckSize(world, *handle);
}

void OverwriteWhileOpen(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr) return;
  const std::string path = handle->path;
  const size_t size = world.SomeSize();
  const char* bytes = world.SomeBytes(size);
  world.Both("overwrite (open) " + path + " size " + Number(size), [&](int side) {
    const int fd = open(world.Path(side, path).c_str(),
                        O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd < 0) return Outcome(fd);
    const long n = Outcome(write(fd, bytes, size));
    close(fd);
    return n;
  });
  CheckSize(world, *handle);
}

// A mapping of an open handle; half of the time the handle is closed at once and the mapping lives
// on.
void Map(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr || !handle->readable || SizeOf(*handle) == 0) return;
  if (world.mappings.size() >= kMaxMappings) return world.Unmap(world.Below(world.mappings.size()));
  Mapping mapping{{nullptr, nullptr},
                  static_cast<size_t>(SizeOf(*handle)),
                  {-1, -1},
                  handle->writable,
                  handle->path};
  const int protection = PROT_READ | (handle->writable ? PROT_WRITE : 0);
  const long result =
      world.Both("mmap " + handle->path + " length " + Number(mapping.length), [&](int side) {
        void* data = mmap(nullptr, mapping.length, protection, MAP_SHARED, handle->fd[side], 0);
        mapping.data[side] = static_cast<char*>(data);
        return data == MAP_FAILED ? Outcome(-1) : 0;
      });
  if (result < 0) return;
  for (int side : {0, 1}) {
    mapping.fd[side] =
        open(("/proc/self/fd/" + std::to_string(handle->fd[side])).c_str(), O_PATH | O_CLOEXEC);
  }
  if (handle->writable) world.mapped.insert(InodeOf(*handle));
  world.mappings.push_back(mapping);
  if (world.Chance(50)) world.CloseHandle(static_cast<size_t>(handle - world.handles.data()));
}

// How much of the mapping may be touched now without SIGBUS.
size_t Touchable(const Mapping& mapping) {
  struct stat seen;
  if (fstat(mapping.fd[1], &seen) < 0) return 0;
  return std::min(mapping.length, static_cast<size_t>(seen.st_size));
}

void UseMapping(World& world) {
  if (world.mappings.empty()) return;
  const Mapping& mapping = world.mappings[world.Below(world.mappings.size())];
  const size_t room = Touchable(mapping);
  if (room == 0) return;
  const size_t offset = world.Below(room),
               size = 1 + world.Below(std::min<size_t>(room - offset, 20000));
  if (mapping.writable && world.Chance(70)) {
    const char* bytes = world.SomeBytes(size);
    world.Note("store into a mapping of " + mapping.path + " " + Number(offset) + "+" +
               Number(size));
    for (char* data : mapping.data) memcpy(data + offset, bytes, size);
  } else {
    world.Note("load from a mapping " + Number(offset) + "+" + Number(size));
    if (memcmp(mapping.data[0] + offset, mapping.data[1] + offset, size) != 0) {
      world.Differ("a mapping's bytes differ");
    }
  }
}

// The kernel may still have the attributes from before the store.
void StoreAndStat(World& world) {
  if (world.mappings.empty()) return;
  const Mapping& mapping = world.mappings[world.Below(world.mappings.size())];
  if (!mapping.writable || Touchable(mapping) == 0) return;
  world.Both("msync (before a store) " + mapping.path,
             [&](int side) { return Outcome(msync(mapping.data[side], mapping.length, MS_SYNC)); });
  CompareDescriptors(world, mapping.path + " (mapped)", mapping.fd);
  world.TakeMoment();
  world.Note("store a byte into a mapping");
  for (char* data : mapping.data) ++data[0];
  CompareDescriptors(world, mapping.path + " (mapped)", mapping.fd);
}

void SyncOrUnmap(World& world) {
  if (world.mappings.empty()) return;
  const size_t index = world.Below(world.mappings.size());
  if (world.Chance(50)) return world.Unmap(index);
  const Mapping& mapping = world.mappings[index];
  world.Both("msync",
             [&](int side) { return Outcome(msync(mapping.data[side], mapping.length, MS_SYNC)); });
}

// A child that closes its copies of all descriptors and ends: each close is a flush, none is the
// last.
void ForkAndClose(World& world) {
  world.Note("fork; the child closes its copies");
  const pid_t child = fork();
  if (child == 0) {
    for (const Handle& handle : world.handles) {
      for (int fd : handle.fd) close(fd);
    }
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

// The parent closes first; the child, which holds the last copy, writes after that.
void ForkAndWrite(World& world) {
  Handle* handle = world.SomeHandle();
  if (handle == nullptr || !handle->writable) return;
  const size_t size = world.SomeSize();
  const char* bytes = world.SomeBytes(size);
  const Handle copy = *handle;
  int closed[2];
  if (pipe(closed) != 0) return;
  world.Note("fork; the child writes " + Number(size) + " into " + copy.path +
             " after its parent's close");
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    if (read(closed[0], &byte, 1) != 1) _exit(2);
    const long a = Outcome(pwrite(copy.fd[0], bytes, size, 1000)),
               b = Outcome(pwrite(copy.fd[1], bytes, size, 1000));
    _exit(a == b ? 0 : 1);
  }
  world.CloseHandle(static_cast<size_t>(handle - world.handles.data()));
  if (write(closed[1], "x", 1) != 1) abort();
  int status = 0;
  waitpid(child, &status, 0);
  close(closed[0]);
  close(closed[1]);
  if (status != 0) {
    world.Differ("a child's write after its parent's close: status " + std::to_string(status));
  }
}

constexpr size_t kReach = 256 << 10;

// Reads what another descriptor is writing, until it is killed.
[[noreturn]] void ReadForever(int fd) {
  std::vector<char> bytes(kReach);
  for (uint64_t random = 1;; random = random * 6364136223846793005U + 1442695040888963407U) {
    const size_t length = 1 + (random >> 40) % (kReach / 2);
    if (pread(fd, bytes.data(), length, static_cast<off_t>((random >> 20) % kReach)) < 0) break;
  }
  _exit(1);
}

// Another process reads the file under test during the writes: the kernel's cached pages must
// follow each write.
void WriteBesideReader(World& world) {
  constexpr int kRounds = 50;
  Handle* handle = world.SomeHandle();
  if (handle == nullptr || !handle->writable) return;
  if ((fcntl(handle->fd[1], F_GETFL) & O_APPEND) != 0) return;
  int readers[2];
  for (int side : {0, 1}) {
    readers[side] =
        open(("/proc/self/fd/" + std::to_string(handle->fd[side])).c_str(), O_RDONLY | O_CLOEXEC);
  }
  world.Note("a child reads " + handle->path);
  const pid_t child = fork();
  if (child == 0) ReadForever(readers[0]);
  std::vector<char> seen(kReach);
  for (int round = 0; round < kRounds; ++round) {
    const size_t size = 4 + world.Below(70000);
    const auto offset = static_cast<off_t>(world.Below(kReach - size));
    const char* bytes = world.SomeBytes(size);
    world.Both("pwrite and pread (beside a reader) " + handle->path, [&](int side) -> long {
      if (pwrite(handle->fd[side], bytes, size, offset) < 0) return Outcome(-1);
      if (pread(readers[side], seen.data(), size, offset) < 0) return Outcome(-1);
      return memcmp(seen.data(), bytes, size) == 0 ? 1 : 0;
    });
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  for (const int fd : readers) close(fd);
}

}  // namespace

const std::vector<Step>& DataSteps() {
  static const std::vector<Step> steps = {{"open", 10, Open},
                                          {"close", 4, CloseSome},
                                          {"pwrite", 10, PositionedWrite},
                                          {"pread", 8, PositionedRead},
                                          {"ftruncate", 3, ResizeHandle},
                                          {"truncate", 3, ResizePath},
                                          {"fsync", 2, Sync},
                                          {"fallocate", 2, Allocate},
                                          {"copy_file_range", 2, CopyRange},
                                          {"unlink while open", 1, UnlinkWhileOpen},
                                          {"overwrite while open", 1, OverwriteWhileOpen},
                                          {"mmap", 2, Map},
                                          {"use a mapping", 5, UseMapping},
                                          {"store and stat", 1, StoreAndStat},
                                          {"msync or munmap", 2, SyncOrUnmap},
                                          {"write beside a reader", 2, WriteBesideReader},
                                          {"fork and close", 1, ForkAndClose},
                                          {"fork and write", 1, ForkAndWrite}};
  return steps;
}

}  // namespace model
