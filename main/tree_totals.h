#pragma once

// Counts what is below a path.

#include <cstdint>

#include "main/tree_walk.h"

namespace tarn {

// The files, directories and bytes of what it visits. What is no directory counts as a file, with
// its size if it is a regular file.
class TreeTotals final : public TreeVisitor {
 public:
  Status Enter(const TreeEntry&) override {
    ++directories_;
    return OkStatus();
  }
  Status Visit(const TreeEntry& leaf) override {
    ++files_;
    if (S_ISREG(leaf.attributes.st_mode)) bytes_ += static_cast<uint64_t>(leaf.attributes.st_size);
    return OkStatus();
  }
  Status Leave(const TreeEntry&, Below) override { return OkStatus(); }

  uint64_t files() const { return files_; }
  uint64_t directories() const { return directories_; }
  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t files_ = 0;
  uint64_t directories_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace tarn
