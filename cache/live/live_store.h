#pragma once

// The cache store over places of files. Internal to cache/: see cache_store.h for the contract.

#include <atomic>
#include <deque>
#include <memory>
#include <set>
#include <stop_token>
#include <unordered_set>
#include <utility>

#include "cache/cache_store.h"
#include "cache/files/file_place.h"
#include "cache/index/content_index.h"
#include "cache/live/live.h"
#include "cache/room/space.h"

namespace tarn::cache {

class LiveStore final : public CacheStore {
 public:
  struct Parts {
    std::vector<std::unique_ptr<FilePlace>> places;
    std::vector<std::unique_ptr<EvictionPolicy>> policies;
    std::vector<uint64_t> capacities_bytes;
    double pinned_ratio = 0.3;
    ScrubOptions scrub;
    std::shared_ptr<void> keep;  // Destroyed last.
  };
  static Result<std::unique_ptr<CacheStore>> Start(Parts parts, kv::Store& index, Clock& clock);
  ~LiveStore() override;

  Result<std::unique_ptr<LiveFile>> Open(const ContentId& content) override;
  std::optional<ContentInfo> Find(InodeId ino) override;
  Result<std::unique_ptr<LiveFile>> AddClean(const ContentId& content,
                                             uint64_t size_bytes) override;
  Result<std::unique_ptr<LiveFile>> Stage(InodeId ino) override;
  Status BeginWriting(LiveFile& file, Truncate truncate) override;
  void EndWriting(LiveFile& file) override;
  Result<Changed> CheckChanged(LiveFile& file) override;
  Status SetModifiedTime(LiveFile& file, int64_t mtime_ns) override;
  Result<ContentInfo> Commit(LiveFile& file, Generation generation, Syncing syncing) override;
  Status Uncommit(LiveFile& file) override;
  Status Settle(LiveFile& file) override;
  Result<std::unique_ptr<FrozenContent>> Freeze(const ContentId& content,
                                                Freezing freezing) override;
  Status MarkClean(FrozenContent& content) override;
  Status MarkDirty(const ContentId& content) override;
  Status Erase(InodeId ino) override;
  uint64_t Evict(uint64_t target_used_bytes) override;
  Status Recover(const Judge& judge) override;
  Usage GetUsage() override { return space_.GetUsage(); }
  Status Close() override;

 private:
  friend class LiveHandle;
  friend class Frozen;

  LiveStore(Parts parts, kv::Store& index, Clock& clock, Epochs epochs);

  // Runs `body` on the inode's loaded state, with its mutex held.
  template <typename Body>
  auto With(InodeId ino, Body body) -> decltype(body(std::declval<const LivePtr&>())) {
    for (;;) {
      const LivePtr live = table_.Get(ino);
      Live& state = *live;
      MutexLock lock(state.mutex);
      if (state.dead) continue;  // Lost a race against Rest, which has already taken it out.
      Status status = Load(state);
      if (!status.ok()) {
        Rest(state);
        return status;
      }
      auto result = body(live);
      Rest(state);
      return result;
    }
  }

  // live_store.cc
  Status Load(Live& live) REQUIRES(live.mutex);
  Status LoadRecord(Live& live, Record record) REQUIRES(live.mutex);
  void Rest(Live& live) REQUIRES(live.mutex);
  std::unique_ptr<LiveFile> Pin(const LivePtr& live) REQUIRES(live->mutex);
  void Unpin(Live& live);
  Result<Descriptor> MakeFile(Live& live) REQUIRES(live.mutex);
  Status StoreRecord(Live& live, kv::Durability durability, std::string_view bytes = {})
      REQUIRES(live.mutex);
  Status EraseLocked(Live& live) REQUIRES(live.mutex);
  Status OpenForReading(Live& live) const;
  Result<std::unique_ptr<LiveFile>> OpenLocked(const LivePtr& live, const ContentId& content);
  Result<std::unique_ptr<LiveFile>> AddCleanLocked(const LivePtr& live, const ContentId& content,
                                                   uint64_t size_bytes);
  Result<std::unique_ptr<LiveFile>> StageLocked(const LivePtr& live);
  size_t PlaceWithId(uint64_t id) const;  // places_.size(): none.

  // live_store_writing.cc
  Status BecomeStaging(Live& live, Truncate truncate) REQUIRES(live.mutex);
  Status ResizeLocked(Live& live, uint64_t size_bytes) REQUIRES(live.mutex);
  Result<Changed> CheckLocked(Live& live) REQUIRES(live.mutex);
  Result<ContentInfo> CommitLocked(Live& live, Generation generation, Syncing syncing)
      REQUIRES(live.mutex);
  Status SyncBytes(Live& live) REQUIRES(live.mutex);
  Status SettleLocked(Live& live) REQUIRES(live.mutex);
  Status CarryInFile(Live& live) REQUIRES(live.mutex);
  Result<bool> Quiet(Live& live) REQUIRES(live.mutex);
  Result<bool> IsLetGo(Live& live) REQUIRES(live.mutex);

  // live_store_freezing.cc
  Result<std::unique_ptr<FrozenContent>> FreezeLocked(const LivePtr& live, const ContentId& content,
                                                      Freezing freezing);
  Status SealFrozen(FrozenContent& content);
  Status BecomeClean(Live& live) REQUIRES(live.mutex);
  Status MarkDirtyLocked(Live& live, const ContentId& content) REQUIRES(live.mutex);

  // live_store_care.cc
  void NoteFile(Live& live) REQUIRES(live.mutex);
  Status CheckFile(Live& live) REQUIRES(live.mutex);
  Status CheckClean(Live& live) REQUIRES(live.mutex);
  static void Suspect(Live& live) REQUIRES(live.mutex, live.fill_mutex);
  Status VerifyAll(Live& live) REQUIRES(live.mutex);
  void Trust(Live& live) REQUIRES(live.mutex);
  Status NoteDamage(Live& live, std::string_view why) REQUIRES(live.mutex);
  Status CheckDirty(Live& live) REQUIRES(live.mutex);
  Status Touched(Live& live, const FileFacts& facts) REQUIRES(live.mutex);
  void Unseal(Live& live) REQUIRES(live.mutex);
  void QueueSeal(InodeId ino);
  void UnqueueSeal(InodeId ino);
  Status Seal(InodeId ino);
  void SealDue(MonotonicTime until);
  void RunCare(const std::stop_token& stop);
  void Scrub(const std::stop_token& stop);
  uint64_t ScrubOne(InodeId ino, const std::stop_token& stop);

  // live_store_takeover.cc
  Status CloseToOldWriters(Live& live) REQUIRES(live.mutex);
  Status TakeOver(Live& live, int old_file, const std::stop_token& stop) REQUIRES(live.mutex);
  bool AwaitsTakeOver(InodeId ino);
  void TakeOverDue(const std::stop_token& stop);

  // live_store_recovery.cc
  Status RecoverOne(InodeId ino, const Judge& judge);
  Status JudgeAbsent(InodeId ino, const Record& record, const Judge& judge);
  Status JudgeLocked(Live& live, const Judge& judge) REQUIRES(live.mutex);
  Status InspectSealed(Live& live, bool power_cut, const FileFacts& facts) REQUIRES(live.mutex);
  Status Inspect(Live& live, bool power_cut, ContentInfo& info) REQUIRES(live.mutex);
  Status RestoreBytes(Live& live, bool missing, const FileFacts& facts) REQUIRES(live.mutex);
  Status KeepDirty(Live& live, const Recovered& recovered) REQUIRES(live.mutex);
  Status CommitLive(Live& live, const Recovered& recovered) REQUIRES(live.mutex);
  void LoadClean(const std::stop_token& stop);
  void RemoveStrays(const std::stop_token& stop);

  // live_store_room.cc
  // Both answer kNoSpace when nothing evictable is left.
  Status MakeRoom(size_t place, uint64_t bytes);
  // Something may be evictable again.
  void NoteRoom(size_t place) { crowded_[place].store(false, std::memory_order_relaxed); }
  Status MakePinnedRoom(Live& live, uint64_t bytes) REQUIRES(live.mutex);
  uint64_t EvictFrom(size_t place, uint64_t bytes);
  bool EvictOne(size_t place, const Victim& victim);
  void Recharge(Live& live, uint64_t bytes) REQUIRES(live.mutex);
  void ChargePinned(Live& live) REQUIRES(live.mutex);
  void ChargeClean(Live& live) REQUIRES(live.mutex);
  void StartThreads();
  void StopThreads();
  void RunUpkeep(const std::stop_token& stop);
  void SampleGrowth();
  void WriteMaps();
  Status AdvanceEpoch();

  std::shared_ptr<void> keep_;
  std::vector<std::unique_ptr<FilePlace>> places_;
  ContentIndex index_;
  Clock& clock_;
  Space space_;
  LiveTable table_;
  // Places that had nothing to evict when it was last tried: a search a page would be in vain.
  std::deque<std::atomic<bool>> crowded_;
  const uint64_t first_id_;  // File ids and epochs of this run begin here.
  std::atomic<uint64_t> next_file_id_;
  std::atomic<uint64_t> epoch_;  // That clean pages written now belong to.
  std::atomic<bool> epoch_used_{false};
  std::atomic<bool> maps_behind_{false};
  Mutex epochs_mutex_;  // Held over writing them.
  Epochs epochs_ GUARDED_BY(epochs_mutex_);
  std::atomic<bool> has_lost_epochs_;
  const ScrubOptions scrub_;
  Mutex care_mutex_;
  std::deque<std::pair<MonotonicTime, InodeId>> seals_ GUARDED_BY(care_mutex_);  // Since when.
  std::unordered_set<InodeId> unsealed_ GUARDED_BY(care_mutex_);  // Of these, still dirty.
  std::set<InodeId> takeovers_ GUARDED_BY(care_mutex_);
  std::atomic<bool> has_takeovers_{false};
  uint64_t copied_at_start_ = 0;
  bool closed_ = false;
  struct Threads;
  std::unique_ptr<Threads> threads_;  // Ended, and joined, first.
};

}  // namespace tarn::cache
