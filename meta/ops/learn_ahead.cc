#include "meta/ops/learn_ahead.h"

#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/mutex.h"
#include "base/thread_pool.h"
#include "meta/ops/learn.h"
#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

constexpr size_t kThreads = 16;
constexpr size_t kQueued = 256;
constexpr size_t kWindow = 64;    // Names that are asked for ahead.
constexpr int kFew = 8;           // So few looks do not predict the next one.
constexpr uint64_t kNear = 1024;  // Looks with cursors farther apart follow no order.
constexpr size_t kMaxDirectories = 1024;

// The position of a name in the listing of its directory.
struct Position {
  InodeId dir;
  uint64_t cursor = 0;
};

class PooledLearnAhead final : public LearnAhead {
 public:
  explicit PooledLearnAhead(const Env& env)
      : env_(env), pool_({.name = "tarn-learn", .threads = kThreads, .queue_capacity = kQueued}) {}
  ~PooledLearnAhead() override {
    stopping_ = true;
    pool_.Shutdown();
  }

  void Note(InodeId ino) override {
    const Result<Position> position = Find(ino);
    if (!position.ok() || !IsDue(*position)) return;
    const Status begun = AskBehind(*position);
    if (!begun.ok()) LogDebug("ask for attributes ahead: ", begun);
  }

 private:
  Result<Position> Find(InodeId ino) const {
    return ReadValue<Position>(env_, [ino](Operation& operation) -> Result<Position> {
      ASSIGN_OR_RETURN(const InodeRecord inode, operation.Inode(ino));
      ASSIGN_OR_RETURN(const DentryRecord dentry, operation.ExistingName(inode.parent, inode.name));
      return Position{inode.parent, dentry.cursor};
    });
  }

  // Whether the program is near the end of the names that were asked for.
  bool IsDue(const Position& position) {
    MutexLock lock(mutex_);
    if (directories_.size() >= kMaxDirectories) directories_.clear();
    Progress& progress = directories_[position.dir];
    const uint64_t last = std::exchange(progress.last, position.cursor);
    const bool near = position.cursor <= last + kNear && last <= position.cursor + kNear;
    progress.looks = near ? progress.looks + 1 : 1;
    if (progress.looks <= kFew) return false;
    if (position.cursor >= progress.from && position.cursor < progress.middle) return false;
    progress.from = progress.middle = position.cursor;
    return true;
  }

  Status AskBehind(const Position& position) {
    std::vector<InodeId> guessed;
    uint64_t middle = position.cursor;
    RETURN_IF_ERROR(RunRead(env_, [&](Operation& operation) {
      guessed.clear();
      return ReadWindow(operation, position, guessed, middle);
    }));
    {
      MutexLock lock(mutex_);
      directories_[position.dir].middle = middle;
    }
    for (const InodeId ino : guessed) {
      RETURN_IF_ERROR(pool_.TrySubmit([this, ino] {
        if (!stopping_) Learn(ino);
      }));
    }
    return OkStatus();
  }

  static Status ReadWindow(Operation& operation, const Position& position,
                           std::vector<InodeId>& guessed, uint64_t& middle) {
    kv::ScanOptions options;
    options.limit = kWindow;
    options.reads = operation.reads;
    const std::string begin = keys::Cursor(position.dir, position.cursor) + '\0';
    const std::string end = kv::PrefixEnd(keys::CursorPrefix(position.dir));
    ASSIGN_OR_RETURN(const kv::ScanPage page, operation.txn.Scan(begin, end, options));
    std::vector<std::string> wanted;
    for (const kv::Pair& pair : page.pairs) {
      ASSIGN_OR_RETURN(const CursorRecord record, CursorRecord::Decode(pair.value));
      wanted.push_back(keys::Inode(record.ino));
    }
    if (!page.pairs.empty()) middle = keys::CursorOf(page.pairs[page.pairs.size() / 2].key);
    ASSIGN_OR_RETURN(const auto found, operation.txn.GetMany(wanted, operation.reads));
    for (const std::optional<std::string>& bytes : found) {
      if (!bytes) continue;
      ASSIGN_OR_RETURN(const InodeRecord inode, InodeRecord::Decode(*bytes));
      if (inode.guessed) guessed.push_back(inode.ino);
    }
    return OkStatus();
  }

  void Learn(InodeId ino) const {
    const Status learnt = LearnAttributes(env_, ino).status();
    if (!learnt.ok()) LogDebug("ask for attributes ahead: ", learnt);
  }

  struct Progress {
    int looks = 0;      // Looks near each other.
    uint64_t last = 0;  // Cursor of the last look.
    uint64_t from = 0;  // Looks in [from, middle) ask for no further names.
    uint64_t middle = 0;
  };
  const Env env_;
  std::atomic<bool> stopping_ = false;
  Mutex mutex_;  // Taken alone.
  std::unordered_map<InodeId, Progress> directories_ GUARDED_BY(mutex_);
  ThreadPool pool_;  // Last: its tasks use all of the above.
};

}  // namespace

std::unique_ptr<LearnAhead> NewLearnAhead(const Env& env) {
  return std::make_unique<PooledLearnAhead>(env);
}

}  // namespace tarn::meta
