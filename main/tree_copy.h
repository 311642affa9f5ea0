#pragma once

// Copies a tree: the visitor of a walk over the source.

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "main/descent.h"
#include "main/file_copy.h"
#include "main/fs_place.h"
#include "main/tree_walk.h"

namespace tarn {

// A directory that is there already gets the entries of the source's; it keeps its attributes.
// Symlinks are copied as symlinks; fifos, sockets and devices are errors.
class TreeCopy final : public TreeVisitor {
 public:
  // `target` and `copy` outlive it. `target` is the copy of what the walk visits first.
  TreeCopy(const Target& target, FileCopy& copy)
      : target_(target), copy_(copy), descent_(target.directory.get()), path_(target.text) {}

  Status Enter(const TreeEntry& directory) override;
  Status Visit(const TreeEntry& leaf) override;
  Status Leave(const TreeEntry& directory, Below below) override;

 private:
  struct Level {
    size_t parent_size = 0;  // The size of path_ in the directory above.
    bool made = false;       // By this copy.
  };
  struct Identity {
    dev_t device;
    ino_t inode;
  };

  // Where the copy of the source's `name` stands; makes path_ name it.
  const char* NameOfCopy(const char* name);
  Status EnterCopy(const TreeEntry& directory, const char* name, bool* made);
  Status CopyLeaf(const TreeEntry& leaf, const NameAt& to);

  const Target& target_;
  FileCopy& copy_;
  Descent descent_;
  std::string path_;
  std::vector<Level> levels_;
  std::optional<Identity> top_;  // The topmost directory of the copy.
};

}  // namespace tarn
