#pragma once

// Runs an operation as one transaction. It starts again if the transaction lost a race, or if it
// needs a name that only the UFS knows: the name is loaded in between, outside any transaction.

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

// The services of every operation. Both outlive it.
struct Env {
  const Context& context;
  Loader& loader;
};

// The names that an operation must load from the UFS, over all its transactions. For one thread.
class Wants {
 public:
  // False: it has been loaded for this operation already. A name that is absent now does not exist.
  bool Name(InodeId dir, std::string_view name);
  bool Whole(InodeId dir);
  // Loads what the last transaction wanted. Nullopt: it wanted nothing.
  std::optional<Status> Load(Loader& loader);

 private:
  struct Want {
    InodeId dir;
    std::optional<std::string> name;  // None: all names of the directory.
    friend auto operator<=>(const Want&, const Want&) = default;
  };
  bool Add(Want want);

  std::set<Want> loaded_;
  std::optional<Want> pending_;
};

// One transaction of an operation. For one thread.
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
  // Reads both at once, for a caller that is about to add the name: an rmdir of the directory then
  // conflicts. kNotFound: the directory was removed.
  Result<Place> FindPlace(InodeId dir, std::string_view name);
  // Reads the directory only if the name is not there.
  Result<std::optional<DentryRecord>> FindName(InodeId dir, std::string_view name);
  // kNotFound: no such name.
  Result<DentryRecord> ExistingName(InodeId dir, std::string_view name);
  // kReadOnly, kBusy: nothing in the inode's mount may be changed.
  Status MayChange(const InodeRecord& inode) { return context.mounts.CheckWritable(inode.mount); }
  // Returns only when every name of `dir` is known.
  Status NeedWhole(InodeId dir);

 private:
  // `dir` has no such dentry. OK: the name does not exist. An error: it must be loaded first.
  Status Missing(InodeId dir, std::string_view name);

  Wants& wants_;
};

using Body = std::function<Status(Operation&)>;

// Runs `body`, which may run many times, in a transaction that reads one snapshot and commits
// nothing.
Status RunRead(const Env& env, const Body& body);
// Runs `body`, which may run many times, and commits. kReadOnly: nothing may be changed.
Status RunChange(const Env& env, kv::Durability durability, const Body& body);
inline Status RunChange(const Env& env, const Body& body) {
  return RunChange(env, kv::Durability::kBuffered, body);
}

// Like RunRead and RunChange, for a body that returns a value.
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
