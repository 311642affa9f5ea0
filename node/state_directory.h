#pragma once

// The directory with the metadata, cache, log and lock of one source.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "cache/cache_store.h"
#include "config/properties.h"
#include "node/made_directories.h"
#include "node/mount_checks.h"

namespace tarn {

// The least capacity of a cache directory: below it, a program that reads or writes a few files at
// a time would wait for room.
inline constexpr uint64_t kLeastCacheBytes = 16 << 20;

// Holds the directory for this process, until it is destroyed or the process ends.
class StateDirectory {
 public:
  // `path` empty: the default directory of the source. Makes it, with its parents, if it is absent.
  // kBusy: another process, named by its pid, holds it. kPermission, kNoSpace, ...: it cannot be
  // made.
  static Result<std::unique_ptr<StateDirectory>> Open(const std::string& path,
                                                      const Source& source);
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string MetadataPath() const { return path_ + "/meta"; }
  std::string LogPath() const { return path_ + "/tarn.log"; }
  // Writes the pid into the lock file, for users and other processes. The kernel keeps the lock
  // itself. The pid stays there, also over a power cut, until NoteCleanEnd.
  Status NotePid() const;
  Status NoteCleanEnd() const;
  // The last process that used the directory called NoteCleanEnd, or there was none.
  bool ended_cleanly() const { return ended_cleanly_; }
  std::string Boot() const;  // BootAndMount of the directory. Empty: unknown.
  // Makes the cache directories that are absent. kInvalid: the number of sizes is not that of the
  // directories, or a size is less than kLeastCacheBytes or more than its disk has.
  Result<cache::CacheOptions> CacheFor(const Properties& properties);
  // Call it if the mount never served a request. The directories that this object has made are
  // removed when it is destroyed.
  void Discard() { discarded_ = true; }

 private:
  StateDirectory(std::string path, int lock, bool ended_cleanly, MadeDirectories made)
      : path_(std::move(path)),
        lock_(lock),
        ended_cleanly_(ended_cleanly),
        made_(std::move(made)) {}
  const std::string path_;
  const int lock_;
  const bool ended_cleanly_;
  MadeDirectories made_;
  bool discarded_ = false;
};

std::string DefaultStatePath(const Source& source);

}  // namespace tarn
