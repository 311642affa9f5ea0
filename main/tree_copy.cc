#include "main/tree_copy.h"

#include <fcntl.h>

#include <cerrno>

namespace tarn {

const char* TreeCopy::NameOfCopy(const char* name) {
  if (levels_.empty()) return target_.name.c_str();
  if (!path_.ends_with('/')) path_ += '/';
  path_ += name;
  return name;
}

Status TreeCopy::Enter(const TreeEntry& directory) {
  RETURN_IF_ERROR(NotStopped());
  const struct stat& st = directory.attributes;
  if (top_ && top_->device == st.st_dev && top_->inode == st.st_ino) {
    return PathError(Code::kInvalid, "copy", directory.path, "it would be copied into itself");
  }
  Level level = {path_.size()};
  const Status entered = EnterCopy(directory, NameOfCopy(directory.name), &level.made);
  if (!entered.ok()) return path_.resize(level.parent_size), entered;
  levels_.push_back(level);
  return OkStatus();
}

Status TreeCopy::EnterCopy(const TreeEntry& directory, const char* name, bool* made) {
  // Open for this copy until it has all entries; then it gets the mode of the source's.
  *made = mkdirat(descent_.current(), name, 0700) == 0;
  if (!*made && errno != EEXIST) return PathError(errno, "make directory", path_);
  RETURN_IF_ERROR(descent_.Down(name, path_));
  if (top_) return OkStatus();
  struct stat st = {};
  if (fstat(descent_.current(), &st) != 0) return PathError(errno, "look at", path_);
  top_ = {st.st_dev, st.st_ino};
  if (st.st_dev != directory.attributes.st_dev || st.st_ino != directory.attributes.st_ino) {
    return OkStatus();
  }
  return PathError(Code::kInvalid, "copy", directory.path, "it is the same directory as " + path_);
}

Status TreeCopy::Visit(const TreeEntry& leaf) {
  const size_t parent_size = path_.size();
  const char* name = NameOfCopy(leaf.name);
  const Status copied = CopyLeaf(leaf, {descent_.current(), name, path_});
  path_.resize(parent_size);
  return copied;
}

Status TreeCopy::CopyLeaf(const TreeEntry& leaf, const NameAt& to) {
  const NameAt from = {leaf.directory, leaf.name, leaf.path};
  if (S_ISLNK(leaf.attributes.st_mode)) return copy_.CopySymlink(from, to);
  if (S_ISREG(leaf.attributes.st_mode)) return copy_.CopyBytes(from, to);
  return PathError(Code::kInvalid, "copy", leaf.path, "it is a fifo, socket or device");
}

Status TreeCopy::Leave(const TreeEntry& directory, Below) {
  const Level level = levels_.back();
  levels_.pop_back();
  const std::string path = path_;
  path_.resize(level.parent_size);
  Status finished;
  if (level.made) {
    const Descriptor made(openat(descent_.current(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    finished = made ? copy_.Finish(directory.attributes, made.get(), path)
                    : PathError(errno, "open", path);
  }
  // Without the way back nothing more can be copied.
  const Status up = descent_.Up(path);
  return up.ok() ? finished : Status(Code::kCancelled, up.message());
}

}  // namespace tarn
