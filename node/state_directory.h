#pragma once

// Where one source's metadata, cache, log and lock live.

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "cache/cache_store.h"
#include "config/properties.h"
#include "node/mount_checks.h"

namespace tarn {

// Held by the process that uses the directory; let go when destroyed or when the process ends.
class StateDirectory {
 public:
  // `path` empty: the default one of the source. Made, with its parents, if absent. kBusy, naming
  // the pid: another process holds it. kPermission, kNoSpace, ...: it cannot be made.
  static Result<std::unique_ptr<StateDirectory>> Open(const std::string& path,
                                                      const Source& source);
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string MetadataPath() const { return path_ + "/meta"; }
  std::string LogPath() const { return path_ + "/tarn.log"; }
  // The pid in the lock file is for people and other processes; the lock itself is the kernel's.
  // It is there from NotePid, also after a power cut, to NoteCleanEnd.
  Status NotePid() const;
  Status NoteCleanEnd() const;
  // The last process that used the directory called NoteCleanEnd, or there was none.
  bool ended_cleanly() const { return ended_cleanly_; }
  std::string Boot() const;  // BootAndMount of it; empty: it cannot be told.
  Result<cache::CacheOptions> CacheFor(const Properties& properties) const;

 private:
  StateDirectory(std::string path, int lock, bool ended_cleanly)
      : path_(std::move(path)), lock_(lock), ended_cleanly_(ended_cleanly) {}
  const std::string path_;
  const int lock_;
  const bool ended_cleanly_;
};

std::string DefaultStatePath(const Source& source);

}  // namespace tarn
