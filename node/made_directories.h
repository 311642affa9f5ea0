#pragma once

// The directories that the start of a mount makes, and removes again if the mount never serves. For
// one thread at a time.

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"

namespace tarn {

class MadeDirectories {
 public:
  // Makes the directory at the absolute `path`, with its parents. An existing one is OK.
  Status Make(const std::string& path);
  // Removes, with all that is in them, the directories that were absent; of those that were empty,
  // all that is in them now. A parent that was made stays if another process has put something into
  // it. Call it once, when no file in them is used any more. Logs what fails.
  void Remove();

 private:
  enum class What { kTree, kContents, kParent };
  std::vector<std::pair<std::string, What>> made_;  // A parent stands before what is in it.
};

}  // namespace tarn
