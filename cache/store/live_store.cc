#include "cache/store/live_store.h"

#include <utility>

namespace tarn::cache {

LiveStore::LiveStore(Parts parts, std::unique_ptr<Places> places, std::unique_ptr<Run> run,
                     kv::Store& index, Clock& clock, Clock& machine)
    : keep_(std::move(parts.keep)),
      places_(std::move(places)),
      run_(std::move(run)),
      space_(std::move(parts.capacities_bytes), std::move(parts.policies), parts.pinned_ratio),
      charges_(space_, places_->size(), clock),
      seals_(clock),
      contents_({*places_, *run_, space_, charges_, seals_}, index),
      evictor_({*places_, space_, charges_, contents_, clock}),
      damage_(contents_),
      takeovers_({contents_, evictor_, *run_, seals_}),
      reading_(contents_, damage_),
      filling_({space_, charges_, contents_, evictor_}),
      writing_({space_, charges_, contents_, evictor_, damage_}),
      committing_(contents_, charges_),
      settling_({charges_, contents_, seals_, machine}),
      handles_{contents_, reading_, filling_, writing_, committing_, settling_},
      opening_(
          {*places_, *run_, space_, contents_, evictor_, damage_, takeovers_, handles_, clock}),
      freezer_({charges_, contents_, seals_, damage_, takeovers_, settling_}),
      sealing_(contents_, seals_, freezer_),
      recovery_({*places_, space_, charges_, contents_, seals_, damage_, takeovers_}),
      inventory_({*places_, *run_, space_, contents_}),
      scrub_({contents_, damage_, clock}, parts.scrub.bytes_per_second),
      background_({*run_, contents_, evictor_, takeovers_, sealing_, inventory_, scrub_, clock},
                  parts.scrub) {
  space_.LoadBegins();
}

Result<std::unique_ptr<CacheStore>> LiveStore::Start(Parts parts, kv::Store& index, Clock& clock,
                                                     Clock& machine) {
  auto places = std::make_unique<Places>(std::move(parts.places));
  ASSIGN_OR_RETURN(std::unique_ptr<Run> run, Run::Begin(*places, index));
  std::unique_ptr<LiveStore> store(
      new LiveStore(std::move(parts), std::move(places), std::move(run), index, clock, machine));
  store->background_.Start();
  return std::unique_ptr<CacheStore>(std::move(store));
}

Result<std::unique_ptr<FrozenContent>> LiveStore::Freeze(const ContentId& content,
                                                         Freezing freezing) {
  ASSIGN_OR_RETURN(std::unique_ptr<Frozen> frozen, freezer_.Freeze(content, freezing));
  return std::unique_ptr<FrozenContent>(std::move(frozen));
}

Status LiveStore::Erase(InodeId ino) {
  return contents_.With(ino, [&](const LivePtr& live) NO_THREAD_SAFETY_ANALYSIS {
    return live->exists ? contents_.Erase(*live) : OkStatus();
  });
}

Status LiveStore::Close() {
  if (closed_) return OkStatus();
  closed_ = true;
  background_.Stop();
  sealing_.SealRestedSince(MonotonicTime::max());
  contents_.StoreResting();
  RETURN_IF_ERROR(run_->AdvanceEpoch());
  RETURN_IF_ERROR(contents_.index().Sync());
  for (const auto& place : *places_) RETURN_IF_ERROR(place->MarkEnd());
  return OkStatus();
}

}  // namespace tarn::cache
