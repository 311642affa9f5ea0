#pragma once

// Reads the names of one directory of a LocalUfs. For one thread at a time.

#include <dirent.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace tarn::ufs {

class DirectoryStream {
 public:
  // `root`: a descriptor of the root.
  static Result<DirectoryStream> Open(int root, std::string_view key);

  // The next name, "." and ".." left out; null at the end. It is valid until the next call.
  Result<const dirent*> Next();
  bool IsDirectory(const dirent& entry) const;
  int get() const { return dirfd(stream_.get()); }

 private:
  struct Close {
    void operator()(DIR* directory) const { closedir(directory); }
  };
  DirectoryStream(std::string key, DIR* stream) : key_(std::move(key)), stream_(stream) {}

  std::string key_;  // For messages.
  std::unique_ptr<DIR, Close> stream_;
};

}  // namespace tarn::ufs
