#pragma once

// Walks over all that is below a path. Symlinks are visited and not followed. A tree may be deep:
// it costs neither descriptors nor stack, and paths may be longer than PATH_MAX.

#include <sys/stat.h>

#include <cstdint>
#include <string>

#include "base/status.h"

namespace tarn {

// Failures of a command that goes on after each of them. For one thread at a time.
class Failures {
 public:
  enum class Report { kPrint, kCount };
  explicit Failures(Report report = Report::kPrint) : report_(report) {}
  // An OK status is no failure. True: it is OK.
  bool Check(const Status& status);
  uint64_t count() const { return count_; }
  int ExitStatus() const { return count_ == 0 ? 0 : 1; }

 private:
  const Report report_;
  uint64_t count_ = 0;
};

// What a visitor sees. All of it is valid during the call.
struct TreeEntry {
  int directory;  // The open directory that holds it.
  const char* name;
  const std::string& path;  // For messages; a user would write it so.
  const struct stat& attributes;
};

// kCancelled from any call ends the walk.
class TreeVisitor {
 public:
  enum class Below { kWhole, kFailed };
  virtual ~TreeVisitor() = default;
  // A directory, before its entries. After an error its entries are left out.
  virtual Status Enter(const TreeEntry& directory) = 0;
  virtual Status Visit(const TreeEntry& leaf) = 0;
  // A directory that was entered, after its entries. `below` says whether one of them failed.
  virtual Status Leave(const TreeEntry& directory, Below below) = 0;
};

// Visits `path` of the directory `root` and, by name, what is below. `text` names it in
// messages. Each error goes to `failures`, and the walk goes on.
void WalkTree(int root, const std::string& path, const std::string& text, TreeVisitor& visitor,
              Failures& failures);

}  // namespace tarn
