#include "main/tree_walk.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <vector>

#include "base/descriptor.h"
#include "main/commands.h"
#include "main/descent.h"
#include "main/fs_place.h"

namespace tarn {
namespace {

using Names = std::vector<std::string>;

// Takes all names before one of them is visited, because a visitor may remove or make some.
Result<Names> NamesIn(int directory, const std::string& path) {
  Descriptor readable(openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!readable) return PathError(errno, "list", path);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(readable.get()), closedir);
  if (!stream) return PathError(errno, "list", path);
  readable.Release();
  Names names;
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return PathError(errno, "list", path);
  std::sort(names.begin(), names.end());
  return names;
}

class Walk {
 public:
  Walk(int root, const std::string& text, TreeVisitor& visitor, Failures& failures)
      : visitor_(visitor), failures_(failures), descent_(root), path_(text) {}

  void Run(const std::string& path) {
    Visit(path, path_.size());
    while (!levels_.empty()) {
      Level& level = levels_.back();
      if (level.next == level.names.size()) {
        LeaveDirectory();
      } else {
        VisitNext(level.names[level.next++]);
      }
    }
  }

 private:
  struct Level {
    std::string name;
    struct stat attributes = {};
    size_t parent_size = 0;  // The size of path_ in the directory above.
    uint64_t failures_before = 0;
    Names names{};
    size_t next = 0;
  };

  void VisitNext(const std::string& name) {
    const size_t parent_size = path_.size();
    if (!path_.ends_with('/')) path_ += '/';
    path_ += name;
    Visit(name, parent_size);
  }

  // Visits what path_ names; afterwards path_ has `parent_size` bytes, unless a directory is
  // entered.
  void Visit(const std::string& name, size_t parent_size) {
    struct stat st = {};
    if (fstatat(descent_.current(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
      Check(PathError(errno, "look at", path_));
    } else if (!S_ISDIR(st.st_mode)) {
      Check(visitor_.Visit({descent_.current(), name.c_str(), path_, st}));
    } else {
      return EnterDirectory(Level{name, st, parent_size, failures_.count()});
    }
    path_.resize(parent_size);
  }

  void EnterDirectory(Level level) {
    const TreeEntry entry = {descent_.current(), level.name.c_str(), path_, level.attributes};
    if (!Check(visitor_.Enter(entry))) return path_.resize(level.parent_size);
    if (!Check(descent_.Down(level.name.c_str(), path_))) return LeaveEntered(level);
    Result<Names> names = NamesIn(descent_.current(), path_);
    if (Check(names.status())) level.names = *std::move(names);
    levels_.push_back(std::move(level));
  }

  void LeaveDirectory() {
    const Level level = std::move(levels_.back());
    levels_.pop_back();
    // What is left cannot be reached any more.
    if (!Check(descent_.Up(path_))) return levels_.clear();
    LeaveEntered(level);
  }

  void LeaveEntered(const Level& level) {
    const bool whole = failures_.count() == level.failures_before;
    Check(visitor_.Leave({descent_.current(), level.name.c_str(), path_, level.attributes},
                         whole ? TreeVisitor::Below::kWhole : TreeVisitor::Below::kFailed));
    path_.resize(level.parent_size);
  }

  bool Check(const Status& status) {
    if (status.code() == Code::kCancelled) levels_.clear();
    return failures_.Check(status);
  }

  TreeVisitor& visitor_;
  Failures& failures_;
  Descent descent_;
  std::string path_;
  std::vector<Level> levels_;
};

}  // namespace

bool Failures::Check(const Status& status) {
  if (status.ok()) return true;
  ++count_;
  if (report_ == Report::kPrint) Fail(status);
  return false;
}

void WalkTree(int root, const std::string& path, const std::string& text, TreeVisitor& visitor,
              Failures& failures) {
  Walk(root, text, visitor, failures).Run(path);
}

}  // namespace tarn
