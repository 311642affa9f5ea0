#pragma once

// How an operation runs: as one transaction, started anew when it lost a race, or when it met a
// name that only the UFS can tell about; that is loaded in between, outside any transaction.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/status.h"
#include "kv/store.h"
#include "meta/loading/loader.h"
#include "meta/store/context.h"
#include "meta/store/tree.h"

namespace tarn::meta {

// What every operation gets. Both outlive it.
struct Env {
  const Context& context;
  Loader& loader;
};

// What an operation learned that it must have from the UFS, over all its transactions. For one
// thread.
class Wants {
 public:
  // False when it has been loaded for this operation already: what is not there now does not exist.
  bool Name(InodeId dir, std::string_view name);
  bool Whole(InodeId dir);
  // Loads what was wanted last; nullopt when nothing was.
  std::optional<Status> Load(Loader& loader);

 private:
  struct Want {
    InodeId dir;
    std::optional<std::string> name;  // None: all of it.
    friend auto operator<=>(const Want&, const Want&) = default;
  };
  bool Add(Want want);

  std::set<Want> loaded_;
  std::optional<Want> pending_;
};

// One try. For one thread.
class Operation {
 public:
  Operation(const Env& env, kv::Transaction& transaction, kv::Reads how_to_read, Wants& wants)
      : context(env.context),
        txn(transaction),
        reads(how_to_read),
        now_ns(env.context.clock.WallNs()),
        wants_(wants) {}

  const Context& context;
  kv::Transaction& txn;
  const kv::Reads reads;
  const int64_t now_ns;

  Result<InodeRecord> Inode(InodeId ino) { return ReadInode(txn, ino, reads); }
  Result<InodeRecord> Directory(InodeId ino);  // kStale, kNotDirectory.
  Result<role::FileInfo> Info(const InodeRecord& inode);

  // A name and the directory it is in, or would be.
  struct Place {
    InodeRecord dir;
    std::optional<DentryRecord> dentry;
  };
  // Reads both at once, for whoever is about to add the name: rmdir of the directory then
  // conflicts. kNotFound: the directory was removed.
  Result<Place> FindPlace(InodeId dir, std::string_view name);
  // Reads the directory only when the name is not there.
  Result<std::optional<DentryRecord>> FindName(InodeId dir, std::string_view name);
  // kNotFound: no such name.
  Result<DentryRecord> ExistingName(InodeId dir, std::string_view name);
  // kReadOnly, kBusy: nothing of the mount that the inode is in may be changed.
  Status MayChange(const InodeRecord& inode) { return context.mounts.CheckWritable(inode.mount); }
  // Returns only when every name of `dir` is known.
  Status NeedWhole(InodeId dir);

 private:
  // `dir` has no such dentry: OK when that is the truth.
  Status Missing(InodeId dir, std::string_view name);

  Wants& wants_;
};

using Body = std::function<Status(Operation&)>;

// Runs `body`, which may run many times, in a transaction that reads one snapshot and commits
// nothing.
Status RunRead(const Env& env, const Body& body);
// Runs and commits; kReadOnly where nothing may be changed.
Status RunChange(const Env& env, kv::Durability durability, const Body& body);
inline Status RunChange(const Env& env, const Body& body) {
  return RunChange(env, kv::Durability::kBuffered, body);
}

// The same of a body that gives a value.
template <typename T>
Result<T> ReadValue(const Env& env, const std::function<Result<T>(Operation&)>& body) {
  std::optional<T> value;
  Status status = RunRead(env, [&](Operation& operation) -> Status {
    ASSIGN_OR_RETURN(value, body(operation));
    return OkStatus();
  });
  if (!status.ok()) return status;
  return *std::move(value);
}

template <typename T>
Result<T> ChangeValue(const Env& env, kv::Durability durability,
                      const std::function<Result<T>(Operation&)>& body) {
  std::optional<T> value;
  Status status = RunChange(env, durability, [&](Operation& operation) -> Status {
    ASSIGN_OR_RETURN(value, body(operation));
    return OkStatus();
  });
  if (!status.ok()) return status;
  return *std::move(value);
}

template <typename T>
Result<T> ChangeValue(const Env& env, const std::function<Result<T>(Operation&)>& body) {
  return ChangeValue<T>(env, kv::Durability::kBuffered, body);
}

}  // namespace tarn::meta
