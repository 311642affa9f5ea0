#pragma once

// The model test's world: one tree on the file system under test and one on a file system taken as
// the model, changed by the same calls. Every call is made on both and its results are compared;
// the first difference ends the process with the seed, the step and the last operations.
// Single-threaded; owns its open descriptors and mappings.

#include <sys/stat.h>

#include <cerrno>
#include <cstdint>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace model {

// One of the two trees: paths below it are `root + "/" + path`.
struct Side {
  std::string root;
  std::string At(const std::string& path) const { return root + "/" + path; }
};

// A file open on both sides.
struct Handle {
  int fd[2];
  std::string path;  // Its name when it was opened, which may be gone by now.
  bool readable;
  bool writable;
};

// An O_PATH or directory descriptor of the same object on both sides. Its name may be gone.
struct Held {
  int fd[2];
  std::string path;
  mode_t type;  // S_IFMT bits.
};

// What name_to_handle_at(2) gave for the same object on both sides.
struct Exported {
  std::string path;  // Its name when the handle was taken.
  std::vector<char> handle[2];
};

// A process of its own makes the call, with these ids and no privilege.
struct User {
  uid_t uid;
  gid_t gid;
  gid_t group;  // The supplementary group.
};

// A shared mapping of the same file on both sides. The file may have been closed, unlinked or
// shrunk since; O_PATH descriptors of both tell its attributes.
struct Mapping {
  char* data[2];
  size_t length;
  int fd[2];
  bool writable;
  std::string path;  // Its name when it was opened.
};

// The outcome of a call: its result, or minus errno.
inline long Outcome(long result) { return result < 0 ? -errno : result; }

class World {
 public:
  World(Side tested, Side model, uint64_t seed, const std::string& log_path);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // Runs `call(side)` for both sides, which returns a result or minus errno, and ends the test if
  // they differ. Returns the common result.
  long Both(const std::string& what, const std::function<long(int side)>& call);
  // Like Both, but a child process makes each call, as `user`.
  long BothAs(const User& user, const std::string& what, const std::function<long(int side)>& call);
  // Prints `what`, and ends the test.
  [[noreturn]] void Differ(const std::string& what);
  void Note(const std::string& operation);  // Writes it to the log, before it is run.

  const Side& At(int side) const { return sides_[side]; }
  std::string Path(int side, const std::string& path) const { return sides_[side].At(path); }

  // Random choices, all from the seed.
  uint64_t Below(uint64_t n) { return random_() % n; }
  bool Chance(int percent) { return Below(100) < static_cast<uint64_t>(percent); }
  size_t SomeSize();                     // Mostly small, now and then beyond a page of the cache.
  const char* SomeBytes(size_t length);  // Valid until the program ends; at most kMaxBytes.
  std::string SomePath();                // Often one that exists.
  std::string NewPath();                 // Mostly one that does not exist.
  std::string SomeDirectory();           // Often one that exists; "" is the root.
  Handle* SomeHandle();                  // Null if none is open.

  // Names that may exist; a hint for SomePath.
  void Remember(const std::string& path);
  void RememberMove(const std::string& from, const std::string& to);
  size_t KnownCount() const { return known_.size(); }
  void Refresh();  // Takes the known names from the model's tree again.

  // Directories of the source that no step has looked into yet.
  std::vector<std::string> cold;

  // Moments of the run between two steps, each a clock tick away from all changes. Times of both
  // sides are compared by the moments that they lie between. This is exact on a slow machine too.
  void TakeMoment();
  long MomentOf(const timespec& time) const;  // -1: before the run.
  static constexpr long kFuture = 1 << 20;

  // The side under test fetches a file up to this size whole when it is opened.
  static constexpr off_t kFetchedAtOpen = off_t{4} << 20;
  // Inodes of the model that the source had at the start, and that are larger.
  std::set<ino_t> came_large;
  // The side under test may drop bytes that the source has, and fetch them again. A small cache and
  // a restart do so.
  bool drops = false;
  // Inodes of the model that the side under test may have had in part when they were opened.
  std::set<ino_t> opened_in_part;
  // The file system under test has no passthrough.
  bool stores_are_late = false;

  // Inodes of the model that were mapped for writing: how soon the kernel notices a store depends
  // on when it wrote the page back last.
  std::set<ino_t> mapped;

  std::vector<Handle> handles;
  std::vector<Mapping> mappings;
  std::vector<Held> held;
  std::vector<Exported> exported;
  void Drop(size_t held_index);
  void AddHandle(const Handle& handle);
  void CloseHandle(size_t index);
  void Unmap(size_t index);
  // Syncs and closes everything open, so that all that was done is acknowledged.
  void Settle();

  // Compares both whole trees but for what is still cold (`everything`: that too).
  enum class Scope { kTouched, kEverything };
  void CompareTrees(Scope scope);

  uint64_t step = 0;
  static constexpr size_t kMaxBytes = size_t{4} << 20;

 private:
  std::string SomeName();

  Side sides_[2];
  uint64_t seed_;
  std::mt19937_64 random_;
  std::vector<char> bytes_;
  std::vector<std::string> known_;
  std::vector<std::string> recent_;
  size_t recent_at_ = 0;
  std::vector<timespec> moments_;
  int log_ = -1;
};

// One kind of operation and how often it is chosen.
struct Step {
  const char* name;
  int weight;
  void (*run)(World&);
};
// Each is defined in the source of its name.
const std::vector<Step>& NameSteps();       // Names, links, directories, attributes.
const std::vector<Step>& DataSteps();       // Contents, handles, mappings, forks.
const std::vector<Step>& ColdSteps();       // Files of the source that no step has read.
const std::vector<Step>& AttributeSteps();  // Times, set-ID bits, other users.
const std::vector<Step>& ObjectSteps();     // Special files, and objects without names.

// How the two objects differ, apart from their contents; or "".
std::string StatDifference(const World& world, const std::string& tested, const std::string& model);
// Compares the results of lstat of `path` on both sides.
void CompareStat(World& world, const std::string& path);
// Compares the results of fstat of both descriptors.
void CompareDescriptors(World& world, const std::string& what, const int fd[2]);
// Compares one random field of statx, and asks for that field alone.
void CompareField(World& world, const std::string& path);
void CompareMode(World& world, const std::string& path);
void CompareField(World& world, const std::string& what, const int fd[2]);
// A hole that SEEK_DATA and SEEK_HOLE report has no data.
void CheckHoles(World& world, const Handle& handle);
// The difference between the two trees below `path`, or "".
std::string TreeDifference(const World& world, const std::string& path,
                           const std::vector<std::string>& skip);
// Makes the source's initial content in `directory`.
void Populate(const std::string& directory, int cold_directories);
std::string ColdName(int index);

}  // namespace model
