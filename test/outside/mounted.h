#pragma once

// The whole file system without the kernel: client, coordinator, cache, filler and the actions of
// the persist queue, over one source. The test decides when files are persisted. Paths are relative
// to the root. For one thread.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cache/cache_store.h"
#include "client/file_system.h"
#include "client/testing/file_system_fixture.h"
#include "kv/store.h"
#include "meta/namespace.h"
#include "outside/scratch.h"
#include "ufs/mounts.h"
#include "worker/filler.h"
#include "worker/persisting/action.h"

namespace tarn::outside {

// What a reader finds at a name of the mount.
struct Name {
  InodeId ino;
  bool directory = false;
  std::string state;                  // "PERSISTED"
  std::optional<std::string> bytes;   // Nullopt: a part cannot be read.
  std::vector<Status> errors;         // The errors of the parts that cannot be read.
  std::vector<std::string> readable;  // The parts that can be read: the first page, the rest.
};

// The process is killed at the n-th step of the worker, and starts again. 0: never.
struct Kill {
  int step = 0;
  bool done = false;  // Killed after the step, before the coordinator learned of it.
};

class Mounted {
 public:
  Mounted(client::RequestClock& clock, Kill kill);
  ~Mounted();
  // Call it first. `source` comes from the clock's own store.
  void Open(std::unique_ptr<ufs::UnderFileSystem> source);
  void ListAll();  // Lists every directory, so that none is asked of the source again.

  // Operations of an application. Each returns the first error that the application gets.
  using Body = std::function<Status(client::OpenFile&)>;
  Status WithOpen(const std::string& path, int flags, const Body& body);  // Closed at the end.
  Status Create(const std::string& path, const std::string& bytes);
  Status Write(client::OpenFile& file, uint64_t offset_bytes, const std::string& bytes);
  Result<std::string> Read(client::OpenFile& file, uint64_t offset_bytes, size_t size);
  Status Truncate(const std::string& path, uint64_t size_bytes);
  Status SetAttributes(const std::string& path, const role::AttrChange& change);
  Status Link(const std::string& from, const std::string& to);
  Status Rename(const std::string& from, const std::string& to, role::RenameMode mode);
  Status Unlink(const std::string& path);
  Status MakeDirectory(const std::string& path);
  Status RemoveDirectory(const std::string& path);
  Result<bool> AreSame(const std::string& one, const std::string& other);
  int Steps() const { return steps_; }

  // Runs the persist queue until it is empty, or no entry of it makes progress.
  void Persist();
  // Asks the source for every directory, as an access after the sync interval does.
  Status LookAgain();
  std::map<std::string, Name> Names();
  std::vector<role::QueueEntry> Queue();

 private:
  Result<InodeId> Find(const std::string& path);
  template <typename Call>  // Status or Result<T> of an InodeId.
  auto OnFound(const std::string& path, const Call& call) -> decltype(call(InodeId()));
  Result<std::pair<InodeId, std::string>> Split(const std::string& path);
  void Start();
  Result<std::unique_ptr<cache::CacheStore>> OpenCache();
  void Die();
  bool IsKilledNow(bool done);
  bool WorkOff(role::TaskClass task_class);
  void Work(const role::Task& task);
  Name ReadAll(InodeId ino, const role::Attr& attr);
  void Walk(InodeId directory, const std::string& path, std::map<std::string, Name>& found,
            std::vector<InodeId>* directories);
  void ForgetUnlinked();

  const role::Caller caller_{SessionId(1), 0, 0, 0};
  client::RequestClock& clock_;
  const Kill kill_;
  int steps_ = 0;
  int starts_ = 0;
  std::vector<client::OpenFile*> open_;  // The files of WithOpen.
  Scratch scratch_;                      // The cache of a process that is killed.
  ufs::UfsMounts mounts_;
  std::unique_ptr<kv::Store> store_;
  std::unique_ptr<kv::Store> metadata_;  // Both are parts of it.
  std::unique_ptr<kv::Store> index_;
  std::unique_ptr<meta::Namespace> namespace_;
  std::unique_ptr<cache::CacheStore> cache_;
  std::unique_ptr<worker::Filler> filler_;
  std::unique_ptr<client::DemandedPages> pages_;
  std::unique_ptr<client::FileSystem> fs_;
};

}  // namespace tarn::outside
