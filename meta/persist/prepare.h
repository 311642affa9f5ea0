#pragma once

// Decides the next safe step for one entry of the persist queue, in one transaction, from the
// inode, its path and the ledger (doc/metadata.md). The same transaction writes the intent, before
// the step begins.

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "kv/store.h"
#include "meta/ledger/occupants.h"
#include "meta/ledger/paths.h"
#include "meta/persist/leases.h"
#include "meta/store/context.h"
#include "meta/store/records.h"
#include "role/persist_queue.h"

namespace tarn::meta {

struct Step {
  role::Action action;
  // Work to do outside a transaction before the step is prepared again.
  enum class First : uint8_t {
    kNothing,
    kProbe,
    kRelocate,
    kLoad,
    kLearn,  // Learn attributes that guesses would overwrite.
  } first = First::kNothing;
  InodeId ino;        // The inode for `first`.
  bool gone = false;  // The entry has left the queue.
};

// For one thread and one transaction. It locks in `leases` the UFS keys that the step changes; they
// stay locked after the commit.
class Preparation {
 public:
  Preparation(const Context& context, kv::Transaction& txn, Leases& leases, const std::string& id)
      : context_(context),
        txn_(txn),
        leases_(leases),
        id_(id),
        now_ns_(context.queue_clock.NowNs()) {}

  Result<Step> Run();

 private:
  struct Target {
    Chain chain;
    std::string key;
    std::string repeated_attempt;  // This attempt may have written the object already.
  };

  // What an inode may do if another one occupies its path key. kMayLocalize: copy its own bytes to
  // this node, to break a cycle. kWaits: only wait, because its object is at its path key and
  // blocks no other inode.
  enum class Blocked { kMayLocalize, kWaits };

  // prepare.cc
  Result<Step> Inode(const QueueRecord& entry);
  Result<Chain> ChainAbove(const InodeRecord& inode);
  Step Reclassify(const QueueRecord& entry, InodeRecord& inode, role::TaskClass task_class);
  Result<Step> DeletedKey(const QueueRecord& entry);
  Result<Step> DeletedFile(const QueueRecord& entry, LedgerRecord& record,
                           std::optional<InodeRecord> there);
  Result<bool> WillWrite(const std::optional<InodeRecord>& there, const std::string& key);
  Result<Step> DeletedDirectory(const QueueRecord& entry, LedgerRecord& record,
                                std::optional<InodeRecord> there);
  Step Done();
  Step Wait(std::string reason);
  Step WaitUntil(std::string_view event);  // The event is in the work of another entry.
  Step Before(Step::First first, InodeId ino);
  Result<Step> Finish(InodeRecord& inode);
  Result<Step> Begin(InodeRecord& inode, role::Action action, char kind);
  Step Guarded(role::Action action);
  Result<Step> Localize(const InodeRecord& inode);
  Result<Step> LocalizeOrphan(InodeId ino, const Occupant& occupant);
  Status Wake(InodeId ino);
  Result<bool> WaitsFor(InodeId start, InodeId end);
  Result<std::optional<InodeId>> BlockerOf(InodeId ino);
  Result<Step> ParentMissing(InodeRecord& inode, const InodeRecord& parent, const std::string& key,
                             Blocked blocked);
  Status AddAttributes(const InodeRecord& inode, role::Action& action);
  Result<role::Action> NewAction(role::Action::Kind kind, const InodeRecord& inode,
                                 std::string key);
  bool MayLandLate(int64_t started_ns) const;

  // prepare_file.cc
  Result<Step> File(InodeRecord& inode);
  Status KeepMark(InodeRecord& inode, Target& target);
  // `made`: the UFS has all directories above `key`.
  Status TidyPlaces(InodeRecord& inode, const std::string& key, bool made);
  Status ReleaseSymlink(InodeRecord& inode, const std::string& key);
  Result<std::optional<Step>> MakeRoom(InodeRecord& inode, const Target& target, Blocked blocked);
  Result<Step> Write(InodeRecord& inode, const Target& target);
  // Notes in the action which versions it may find at its key.
  Status Expect(const InodeRecord& inode, role::Action& action);
  Result<Step> Attributes(InodeRecord& inode, const std::string& key);
  Result<std::optional<Step>> Links(InodeRecord& inode, const std::string& key);
  Result<std::optional<Step>> OneLink(InodeRecord& inode, const std::string& primary_key,
                                      InodeId parent, std::string_view name);
  Status SwapWithLink(InodeRecord& inode, const std::string& key);

  // prepare_directory.cc
  Result<Step> Directory(InodeRecord& inode);
  Status ClaimOldPlaces(InodeRecord& inode, const std::string& key);
  Result<std::optional<Step>> MakeRoomForDirectory(InodeRecord& inode, const std::string& key);
  Result<std::optional<Step>> Make(InodeRecord& inode, const Target& target);
  Result<std::optional<Step>> MoveMarkers(InodeRecord& inode, const std::string& key);
  Result<bool> WaitsForMarkersOf(InodeId start, InodeId end);

  const Context& context_;
  kv::Transaction& txn_;
  Leases& leases_;
  const std::string& id_;
  const int64_t now_ns_;  // By the queue clock.
  const ufs::UfsTraits* traits_ = nullptr;
};

// The first letter of the ids of attempts.
inline constexpr char kMoveAttempt = 'm';
inline constexpr char kUploadAttempt = 'u';
inline constexpr char kAttributesAttempt = 'a';
inline constexpr char kLinkAttempt = 'l';
inline constexpr char kDirectoryAttempt = 'd';
// Not an attempt: the object of a file without unpersisted data is no longer at its key.
inline constexpr char kSourceGone = 'g';

}  // namespace tarn::meta
