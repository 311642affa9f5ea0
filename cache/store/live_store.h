#pragma once

// The cache store over places of files: composes the parts. See cache_store.h for the contract.

#include <cstdint>
#include <memory>
#include <vector>

#include "cache/cache_store.h"
#include "cache/files/file_place.h"
#include "cache/handle/committing.h"
#include "cache/handle/filling.h"
#include "cache/handle/live_handle.h"
#include "cache/handle/opening.h"
#include "cache/handle/reading.h"
#include "cache/handle/settling.h"
#include "cache/handle/writing.h"
#include "cache/live/charges.h"
#include "cache/live/contents.h"
#include "cache/live/damage.h"
#include "cache/live/evictor.h"
#include "cache/live/run.h"
#include "cache/live/seal_queue.h"
#include "cache/live/takeovers.h"
#include "cache/persist/freezer.h"
#include "cache/persist/sealing.h"
#include "cache/room/space.h"
#include "cache/store/background.h"
#include "cache/store/inventory.h"
#include "cache/store/recovery.h"
#include "cache/store/scrub.h"

namespace tarn::cache {

class LiveStore final : public CacheStore {
 public:
  struct Parts {
    Places places;
    std::vector<std::unique_ptr<EvictionPolicy>> policies;
    std::vector<uint64_t> capacities_bytes;
    double pinned_ratio = 0.3;
    ScrubOptions scrub;
    std::shared_ptr<void> keep;  // Destroyed last.
  };
  static Result<std::unique_ptr<CacheStore>> Start(Parts parts, kv::Store& index, Clock& clock,
                                                   Clock& machine);

  Result<std::unique_ptr<LiveFile>> Open(const ContentId& content) override {
    return opening_.Open(content);
  }
  std::optional<ContentInfo> Find(InodeId ino) override { return contents_.Find(ino); }
  Result<std::unique_ptr<LiveFile>> AddClean(const ContentId& content,
                                             uint64_t size_bytes) override {
    return opening_.AddClean(content, size_bytes);
  }
  Result<std::unique_ptr<LiveFile>> Stage(InodeId ino) override { return opening_.Stage(ino); }
  Result<std::unique_ptr<FrozenContent>> Freeze(const ContentId& content,
                                                Freezing freezing) override;
  Status MarkDirty(const ContentId& content) override { return freezer_.MarkDirty(content); }
  Status Erase(InodeId ino) override;
  uint64_t Evict(uint64_t target_used_bytes) override { return evictor_.Evict(target_used_bytes); }
  Status Recover(const Judge& judge) override { return recovery_.Recover(judge); }
  Usage GetUsage() override { return space_.GetUsage(); }
  Status Close() override;

 private:
  LiveStore(Parts parts, std::unique_ptr<Places> places, std::unique_ptr<Run> run, kv::Store& index,
            Clock& clock, Clock& machine);

  const std::shared_ptr<void> keep_;
  const std::unique_ptr<Places> places_;  // `run_` refers to it since before this was made.
  const std::unique_ptr<Run> run_;
  Space space_;
  Charges charges_;
  SealQueue seals_;
  Contents contents_;
  Evictor evictor_;
  Damage damage_;
  TakeOvers takeovers_;
  Reading reading_;
  Filling filling_;
  Writing writing_;
  Committing committing_;
  Settling settling_;
  const HandleParts handles_;
  Opening opening_;
  Freezer freezer_;
  Sealing sealing_;
  ContentRecovery recovery_;
  Inventory inventory_;
  Scrub scrub_;
  bool closed_ = false;
  Background background_;  // Its threads are joined first.
};

}  // namespace tarn::cache
