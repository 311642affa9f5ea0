#pragma once

// For the tests of persistence: a namespace over the memory store and a UFS, contents as strings,
// and a worker that can be stopped, killed or made to fail between any two of its steps.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "kv/memory.h"
#include "meta/testing/namespace_fixture.h"
#include "ufs/expectation.h"

namespace tarn::meta {

// Path -> bytes of a file, or "-> target" for a symlink. A directory ends in '/' and has "".
using Tree = std::map<std::string, std::string>;

enum class Pace {
  kNothing,       // The worker does nothing until the end.
  kOneStep,       // It does one whole step after each operation.
  kAll,           // It does all steps after each operation.
  kHoldPrepared,  // It prepares a step and does it only after the next operation.
  kHoldDone,      // It does a step and settles it only after the next operation.
};

// Tests try each kPointStride-th of the points where a process may end or a step may fail. It is
// odd, because a test uses the parity of a step. A sanitizer makes each point several times slower,
// and the faults that it finds are not at one point alone.
#ifdef TARN_SANITIZED
inline constexpr int kPointStride = 13;
#else
inline constexpr int kPointStride = 1;
#endif

class Rig {
 public:
  // Owns the UFS, and puts `before` into it before it opens the namespace.
  Rig(std::unique_ptr<ufs::UnderFileSystem> ufs, const Tree& before, Pace pace,
      const kv::MemoryFaults& faults = {});
  ~Rig();

  void SetPace(Pace pace) { pace_ = pace; }
  // The process ends at the n-th point from now. The worker has a point before and after each step.
  void CrashAt(int point) { crash_at_ = point; }
  bool Crashed() const { return crashes_ > 0; }
  // The n-th step of the worker fails, before or after its effect.
  enum class Effect { kNone, kDone };
  void FailAt(int step, Status status, Effect effect);
  bool Failed() const { return failures_ > 0; }

  // Operations by path. Each must succeed, and then lets the worker continue at its pace.
  void Put(const std::string& path, const std::string& bytes);  // Writes a whole file.
  // Appends to a base that stays in the UFS.
  void Append(const std::string& path, const std::string& bytes);
  void Remove(const std::string& path);
  void Move(const std::string& from, const std::string& to,
            role::RenameMode mode = role::RenameMode::kReplace);
  void Exchange(const std::string& a, const std::string& b) {
    Move(a, b, role::RenameMode::kExchange);
  }
  void MakeDir(const std::string& path);
  void RemoveDir(const std::string& path);
  void Link(const std::string& from, const std::string& to);
  void Symlink(const std::string& path, const std::string& target);
  void Keep(const std::string& path, const std::string& bytes);  // Adds a clean content.
  void Fetch(const std::string& path);                           // Fetches absent bytes.
  void Chmod(const std::string& path, uint32_t mode);
  void SetTime(const std::string& path, int64_t mtime_ns);
  InodeId Open(const std::string& path);  // Its bytes can be read until Close.
  std::string ReadOpen(InodeId ino);
  void Close(InodeId ino);

  // Mounts another UFS, which it then owns, at a path.
  MountId Mount(const std::string& path, std::unique_ptr<ufs::UnderFileSystem> ufs);

  void Restart();
  void Reboot();
  void Drain();  // Runs the worker until the queue is empty; the test fails if it never is.
  void OneStep();
  std::string LastAttempt() const { return last_attempt_; }  // The id of the last attempt.
  Status Revalidate(const std::string& path);
  Tree Names();                             // The tree of the namespace.
  Tree Stored(MountId mount = MountId(1));  // The tree of the UFS.
  // Expects that the namespace is `expected`, and that the UFS is too once all is persisted, with
  // no entry and no record left over.
  void ExpectAtEnd(const Tree& expected);

  ufs::UnderFileSystem& ufs() { return *ufs_; }
  Namespace& ns() { return *namespace_; }
  InodeId Find(const std::string& path);
  bool Has(const std::string& path);  // The parent must exist.
  role::Attr AttrOf(const std::string& path);
  size_t Records(char kind);
  std::string Dump();   // All inodes and ledger records, for the message of a failure.
  size_t PlacesLeft();  // Places other than those of hard links, which stay.
  TickingClock& clock() { return clock_; }

 private:
  struct Content {
    Generation generation;
    std::string bytes;
    bool on_base = false;  // The bytes follow those of the bound object.
    uint64_t base_bytes = 0;
    bool whole = false;  // The content is made from nothing.
  };
  struct Held {
    role::Task task;
    role::Action action;
    std::optional<role::Outcome> outcome;
  };
  void Open();
  void After();
  bool CrashPoint();
  std::optional<Held> PrepareNext();
  void Do(Held& held);
  void SettleHeld(const Held& held);
  role::Outcome FailedOutcome() const;
  role::Outcome Run(const role::Action& action);
  Result<ufs::ObjectInfo> Effect_(const role::Action& action, role::Outcome* outcome);
  Result<ufs::ObjectInfo> Upload(const role::Action& action, role::Outcome* outcome);
  Result<ufs::ObjectInfo> CopyOrMove(const role::Action& action, role::Outcome* outcome);
  Result<ufs::ObjectInfo> Changed(const role::Action& action, const ufs::Change& change,
                                  bool marked, role::Outcome* outcome);
  Result<ufs::ObjectInfo> Attributed(const role::Action& action, role::Outcome* outcome);
  static ufs::AttributeChange AttributesOf(const role::Action& action);
  Result<ufs::ObjectInfo> WithAttributes(const role::Action& action);
  Status Complete(const role::Action& action, Content& content, role::Outcome* outcome);
  Status CheckBase(const role::Action& action, const std::string& key, const Status& why,
                   role::Outcome* outcome);
  Status Localize(const role::Action& action, role::Outcome* outcome);
  Result<std::string> ReadUfs(MountId mount, const std::string& key, const std::string& etag);
  Result<std::string> BytesOf(InodeId ino);
  void WalkNames(InodeId dir, const std::string& path, Tree& tree);
  void ExpectAttributes(const Tree& expected);
  void WalkUfs(MountId mount, const std::string& key, Tree& tree);
  std::pair<InodeId, std::string> Split(const std::string& path);
  void Forget(const role::FileInfo& info);
  void Commit(InodeId ino, Content content);

  TickingClock clock_;
  std::unique_ptr<kv::Store> store_;
  ufs::UfsMounts mounts_;
  ufs::UnderFileSystem* ufs_ = nullptr;
  MetaOptions options_;
  std::unique_ptr<Namespace> namespace_;
  Pace pace_;
  role::Caller caller_{SessionId(1), 0, 0, 0};
  std::map<InodeId, Content> contents_;
  std::set<InodeId> open_;
  std::optional<Held> held_;
  int crash_at_ = 0;
  int crashes_ = 0;
  int fail_at_ = 0;
  int failures_ = 0;
  Status failure_;
  std::string last_attempt_;
  Effect failure_effect_ = Effect::kNone;
};

Result<ufs::ObjectInfo> PutBytes(ufs::UnderFileSystem& ufs, const std::string& key,
                                 const std::string& bytes, ufs::CreateOptions options = {},
                                 const std::function<Status(const ufs::Upload&)>& ready = {});
// Makes a directory, or its marker if the store has no directories.
Status MakeDirectoryIn(ufs::UnderFileSystem& ufs, const std::string& key, uint32_t mode);
// Puts bytes at a key, as another client does.
void PutOutside(ufs::UnderFileSystem& ufs, const std::string& key, const std::string& bytes);

}  // namespace tarn::meta
