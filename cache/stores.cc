// The two cache stores: on directories, and in memory.

#include "cache/store/live_store.h"
#include "kv/memory.h"

namespace tarn::cache {

Result<std::unique_ptr<CacheStore>> OpenDiskCacheStore(const CacheOptions& options,
                                                       kv::Store& index, Clock& clock,
                                                       Clock& machine) {
  if (options.directories.empty() ||
      options.directories.size() != options.capacities_bytes.size()) {
    return Status(Code::kInvalid, "cache: each directory needs a size");
  }
  LiveStore::Parts parts;
  parts.pinned_ratio = options.pinned_ratio;
  parts.scrub = options.scrub;
  parts.capacities_bytes = options.capacities_bytes;
  for (size_t i = 0; i < options.directories.size(); ++i) {
    ASSIGN_OR_RETURN(auto policy, NewEvictionPolicy(options.evictor, options.capacities_bytes[i]));
    ASSIGN_OR_RETURN(auto place, OpenDirectory(options.directories[i]));
    parts.policies.push_back(std::move(policy));
    parts.places.push_back(std::move(place));
  }
  return LiveStore::Start(std::move(parts), index, clock, machine);
}

std::unique_ptr<CacheStore> NewMemoryCacheStore(uint64_t capacity_bytes, Clock& machine) {
  LiveStore::Parts parts;
  std::shared_ptr<kv::Store> index = kv::NewMemoryStore(machine);
  parts.capacities_bytes = {capacity_bytes};
  parts.policies.push_back(NewS3Fifo(capacity_bytes));
  parts.places.push_back(NewMemoryPlace());
  parts.keep = index;
  return std::move(LiveStore::Start(std::move(parts), *index, machine, machine).value());
}

}  // namespace tarn::cache
