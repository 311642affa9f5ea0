#pragma once

// Copies one file so that its final name never shows a part of it: writes a new file under a
// temporary name in the same directory, syncs and closes that file, and renames it. For one thread
// at a time.

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "main/copy_progress.h"

namespace tarn {

// A name in an open directory, and how messages call it.
struct NameAt {
  int directory;
  const char* name;
  const std::string& text;
};

// SIGINT and SIGTERM now end a copy with kCancelled; its temporary file is removed.
void StopCopiesBySignals();
// kCancelled: a signal has come.
Status NotStopped();

class FileCopy {
 public:
  enum class Attributes { kNew, kKept };
  // kNew: the permission bits of the source's mode without those of the umask, no set-ID and no
  // sticky bit; the owner is the caller. kKept: mode and times are the source's and, if root
  // copies, the owner.
  FileCopy(Attributes attributes, CopyProgress& progress)
      : attributes_(attributes), progress_(progress) {}

  // Copies the bytes of a regular file, through symlinks, and replaces `to`. After a failure `to`
  // is as before. kIsDirectory: `from` or `to` is a directory. kInvalid: `from` is another kind of
  // file, or is the same file as `to`.
  Status CopyBytes(const NameAt& from, const NameAt& to);
  // Makes a symlink with the same target. Replaces `to`.
  Status CopySymlink(const NameAt& from, const NameAt& to);
  // Gives the open file or directory `copy` its final attributes, made from those of `from` as
  // Attributes says.
  Status Finish(const struct stat& from, int copy, const std::string& text) const;

 private:
  std::string NextTemporaryName();
  Status Write(int from, const std::string& from_text, const NameAt& to, const char* temporary);
  Status Transfer(int from, const std::string& from_text, int to, const std::string& to_text);

  const Attributes attributes_;
  CopyProgress& progress_;
  uint64_t temporaries_ = 0;
  std::vector<char> buffer_;  // Empty until a file needs it; then all files use it.
};

}  // namespace tarn
