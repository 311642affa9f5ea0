#include "world.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace model {

namespace {
constexpr size_t kRecent = 60;

std::string Say(long outcome) {
  return outcome < 0 ? std::string(strerror(static_cast<int>(-outcome))) : std::to_string(outcome);
}
}  // namespace

World::World(Side tested, Side model, uint64_t seed, const std::string& log_path)
    : sides_{std::move(tested), std::move(model)},
      seed_(seed),
      random_(seed),
      bytes_(2 * kMaxBytes) {
  for (char& byte : bytes_) byte = static_cast<char>(random_());
  recent_.resize(kRecent);
  TakeMoment();
  if (!log_path.empty()) {
    log_ = open(log_path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_APPEND | O_CLOEXEC, 0644);
  }
}

World::~World() {
  while (!held.empty()) Drop(held.size() - 1);
  while (!handles.empty()) CloseHandle(handles.size() - 1);
  while (!mappings.empty()) Unmap(mappings.size() - 1);
  if (log_ >= 0) close(log_);
}

void World::Note(const std::string& operation) {
  std::string line = std::to_string(step) + " " + operation;
  recent_[recent_at_++ % kRecent] = line;
  line += "\n";
  if (log_ >= 0 && write(log_, line.data(), line.size()) < 0) perror("log");
}

void World::Differ(const std::string& what) {
  printf("difference at step %lu, seed %lu: %s\nthe last operations:\n", step, seed_, what.c_str());
  for (size_t i = 0; i < kRecent; ++i) {
    const std::string& line = recent_[(recent_at_ + i) % kRecent];
    if (!line.empty()) printf("  %s\n", line.c_str());
  }
  fflush(stdout);
  _exit(1);
}

long World::Both(const std::string& what, const std::function<long(int side)>& call) {
  Note(what);
  errno = 0;
  const long tested = call(0);
  errno = 0;
  const long model = call(1);
  if (tested != model) Differ(what + ": " + Say(tested) + ", the model says " + Say(model));
  return tested;
}

long World::BothAs(const User& user, const std::string& what,
                   const std::function<long(int side)>& call) {
  const std::string who = " as " + std::to_string(user.uid) + ":" + std::to_string(user.gid) + "+" +
                          std::to_string(user.group);
  return Both(what + who, [&](int side) -> long {
    const pid_t child = fork();
    if (child == 0) {
      if (setgroups(1, &user.group) != 0 || setgid(user.gid) != 0 || setuid(user.uid) != 0) {
        _exit(255);
      }
      const long outcome = call(side);
      _exit(outcome < 0 ? static_cast<int>(-outcome) : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -1000;
  });
}

void World::TakeMoment() {
  constexpr timespec kTicks{0, 15'000'000};
  nanosleep(&kTicks, nullptr);
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  moments_.push_back(now);
  nanosleep(&kTicks, nullptr);
}

long World::MomentOf(const timespec& time) const {
  const auto before = [](const timespec& a, const timespec& b) {
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
  };
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  if (before(now, time)) return kFuture;
  const auto at = std::upper_bound(moments_.begin(), moments_.end(), time, before);
  return at - moments_.begin() - 1;
}

size_t World::SomeSize() {
  const uint64_t kind = Below(100);
  if (kind < 10) return 0;
  if (kind < 60) return Below(5000);
  if (kind < 85) return Below(70000);
  if (kind < 97) return Below(300000);
  return Below(3 << 20);
}

const char* World::SomeBytes(size_t length) {
  return bytes_.data() + Below(2 * kMaxBytes - length);
}

std::string World::SomeName() {
  static const char* const kNames[] = {
      "a", "b", "c", "d", "e", "f", "g", "h", "name with spaces", "x?y", "back\\slash", "tmp.1"};
  return kNames[Below(std::size(kNames))];
}

std::string World::SomePath() {
  if (!known_.empty() && Chance(80)) return known_[Below(known_.size())];
  return NewPath();
}

std::string World::SomeDirectory() {
  if (known_.empty() || Chance(15)) return "";
  std::string path = known_[Below(known_.size())];
  if (Chance(30)) return path;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

std::string World::NewPath() {
  const std::string directory = SomeDirectory();
  const std::string name = SomeName() + (Chance(50) ? std::to_string(Below(50)) : "");
  if (std::count(directory.begin(), directory.end(), '/') > 6) return name;
  return directory.empty() ? name : directory + "/" + name;
}

Handle* World::SomeHandle() { return handles.empty() ? nullptr : &handles[Below(handles.size())]; }

void World::Remember(const std::string& path) {
  if (known_.size() < 5000) known_.push_back(path);
}

void World::RememberMove(const std::string& from, const std::string& to) {
  for (std::string& path : known_) {
    if (path == from || path.compare(0, from.size() + 1, from + "/") == 0) {
      path = to + path.substr(from.size());
    }
  }
  for (std::string& path : cold) {
    if (path.compare(0, from.size() + 1, from + "/") == 0) path = to + path.substr(from.size());
  }
}

namespace {
bool IsCold(const std::vector<std::string>& cold, const std::string& path) {
  return std::find(cold.begin(), cold.end(), path) != cold.end();
}

void Collect(const Side& side, const std::string& path, const std::vector<std::string>& cold,
             std::vector<std::string>& found) {
  DIR* directory = opendir(path.empty() ? side.root.c_str() : side.At(path).c_str());
  if (directory == nullptr) return;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    const std::string below = path.empty() ? name : path + "/" + name;
    if (IsCold(cold, below)) continue;
    found.push_back(below);
    if (entry->d_type == DT_DIR) Collect(side, below, cold, found);
  }
  closedir(directory);
}
}  // namespace

void World::Refresh() {
  known_.clear();
  Collect(sides_[1], "", cold, known_);
  std::sort(known_.begin(), known_.end());  // The model's directory order is no choice of the seed.
}

void World::AddHandle(const Handle& handle) {
  struct stat seen;
  const bool large = fstat(handle.fd[1], &seen) == 0 && seen.st_size > kFetchedAtOpen;
  if (large && (drops || came_large.contains(seen.st_ino))) opened_in_part.insert(seen.st_ino);
  handles.push_back(handle);
}

void World::CloseHandle(size_t index) {
  const Handle handle = handles[index];
  handles.erase(handles.begin() + static_cast<long>(index));
  Both("close " + handle.path, [&](int side) { return Outcome(close(handle.fd[side])); });
}

void World::Unmap(size_t index) {
  const Mapping mapping = mappings[index];
  mappings.erase(mappings.begin() + static_cast<long>(index));
  Both("munmap", [&](int side) { return Outcome(munmap(mapping.data[side], mapping.length)); });
  for (const int fd : mapping.fd) close(fd);
}

void World::Drop(size_t held_index) {
  const Held object = held[held_index];
  held.erase(held.begin() + static_cast<long>(held_index));
  Both("drop " + object.path, [&](int side) { return Outcome(close(object.fd[side])); });
}

void World::Settle() {
  while (!held.empty()) Drop(held.size() - 1);
  for (const Mapping& mapping : mappings) {
    Both("msync",
         [&](int side) { return Outcome(msync(mapping.data[side], mapping.length, MS_SYNC)); });
  }
  while (!mappings.empty()) Unmap(mappings.size() - 1);
  for (const Handle& handle : handles) {
    Both("fsync " + handle.path, [&](int side) { return Outcome(fsync(handle.fd[side])); });
  }
  while (!handles.empty()) CloseHandle(handles.size() - 1);
}

void World::CompareTrees(Scope scope) {
  Note("compare the trees");
  const std::string difference =
      TreeDifference(*this, "", scope == Scope::kTouched ? cold : std::vector<std::string>());
  if (!difference.empty()) Differ(difference);
}

}  // namespace model
