#pragma once

// Runs an operation as one transaction. It runs again if it lost a race, or if it met a name that
// only the UFS knows; that name is loaded in between, outside any transaction.

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "kv/store.h"
#include "meta/loading/loader.h"
#include "meta/store/change.h"
#include "meta/store/context.h"
#include "meta/store/tree.h"

namespace tarn::meta {

// The parts that every operation uses. Both outlive it.
struct Env {
  const Context& context;
  Loader& loader;
};

// The names that an operation needs from the UFS, over all its transactions. For one thread.
class Wants {
 public:
  // Adds a need. False: it was loaded for this operation already, so a name that is absent now does
  // not exist.
  bool Name(InodeId dir, std::string_view name);
  bool Whole(InodeId dir);
  // Loads the last need; nullopt: there is none.
  std::optional<Status> Load(Loader& loader);

 private:
  struct Want {
    InodeId dir;
    std::optional<std::string> name;  // Nullopt: all names of `dir`.
    friend auto operator<=>(const Want&, const Want&) = default;
  };
  bool Add(Want want);

  std::set<Want> loaded_;
  std::optional<Want> pending_;
};

// One try of an operation, in one transaction. For one thread.
class Operation {
 public:
  // One that reads only, in a snapshot.
  Operation(const Env& env, kv::Transaction& transaction, Wants& wants)
      : Operation(env, transaction, kv::Reads::kSnapshot, nullptr, wants) {}
  // One that makes a change.
  Operation(const Env& env, ChangeRun& run, Wants& wants)
      : Operation(env, run.txn, kv::Reads::kSerializable, &run, wants) {}

  const Context& context;
  kv::Transaction& txn;
  const kv::Reads reads;
  const int64_t now_ns;

  Result<InodeRecord> Inode(InodeId ino);
  Result<InodeRecord> Directory(InodeId ino);  // kStale, kNotDirectory.
  Result<role::FileInfo> Info(const InodeRecord& inode);

  // A directory, and the dentry of a name in it, if there is one.
  struct Place {
    InodeRecord dir;
    std::optional<DentryRecord> dentry;
  };
  // Starts the reads of FindPlace, and of all directories above for CheckKeyFits, for a caller that
  // reads something else first.
  void WantPlace(InodeId dir, std::string_view name);
  // Reads directory and dentry for a caller that adds the name: a concurrent rmdir of the directory
  // then conflicts. kNotFound: the directory was removed.
  Result<Place> FindPlace(InodeId dir, std::string_view name);
  // Reads the directory only if the name is absent.
  Result<std::optional<DentryRecord>> FindName(InodeId dir, std::string_view name);
  // kNotFound: no such name.
  Result<DentryRecord> ExistingName(InodeId dir, std::string_view name);
  // The next two are for an operation that makes a change; see ChangeRun.
  Status MayChange(const InodeRecord& inode) { return run_->MayChange(inode.mount); }
  void Report(role::Change change) { run_->Report(std::move(change)); }
  // OK only if all names of `dir` are known. Otherwise they are loaded, and the operation runs
  // again.
  Status NeedWhole(InodeId dir);

 private:
  Operation(const Env& env, kv::Transaction& transaction, kv::Reads how_to_read, ChangeRun* run,
            Wants& wants)
      : context(env.context),
        txn(transaction),
        reads(how_to_read),
        now_ns(env.context.clock.WallNs()),
        run_(run),
        wants_(wants) {}
  // Starts the reads that a new name in `dir` needs besides directory and dentry.
  void WantAround(InodeId dir);
  // Call it if `dir` lacks the dentry. OK: the name does not exist.
  Status Missing(InodeId dir, std::string_view name);

  ChangeRun* const run_;  // Null for an operation that reads only.
  Wants& wants_;
};

using Body = std::function<Status(Operation&)>;

// Runs `body` in a transaction that reads one snapshot and commits nothing. `body` may run many
// times.
Status RunRead(const Env& env, const Body& body);
// Runs `body` in a transaction and commits it. kReadOnly: nothing may be changed. `body` may run
// many times.
Status RunChange(const Env& env, kv::Durability durability, const Body& body);
inline Status RunChange(const Env& env, const Body& body) {
  return RunChange(env, kv::Durability::kBuffered, body);
}

// RunRead and RunChange for a body that returns a value.
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
