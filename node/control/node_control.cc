#include "node/control/node_control.h"

#include <algorithm>
#include <optional>

namespace tarn {
namespace {

class EmbeddedNode final : public role::NodeControl {
 public:
  EmbeddedNode(client::Upkeep& upkeep, cache::CacheStore& cache) : upkeep_(upkeep), cache_(cache) {}

  Result<role::NodeUsage> Usage() override {
    const cache::Usage usage = cache_.GetUsage();
    return role::NodeUsage{usage.capacity_bytes, usage.used_bytes, usage.pinned_bytes,
                           usage.pinned_limit_bytes, upkeep_.OpenFiles()};
  }

  Result<std::vector<uint32_t>> CachedPercents(std::span<const role::FileSize> files) override {
    std::vector<uint32_t> percents;
    percents.reserve(files.size());
    for (const role::FileSize& file : files) percents.push_back(Cached(file));
    return percents;
  }

  Result<uint64_t> Forgetting() override { return upkeep_.Forgetting(); }

 private:
  uint32_t Cached(const role::FileSize& file) const {
    const std::optional<cache::ContentInfo> content = cache_.Find(file.ino);
    if (!content) return file.size_bytes == 0 ? 100 : 0;
    if (content->complete || file.size_bytes == 0) return 100;
    // At most 99: before the coordinator takes ours in a conflict, it relies on 100 for all bytes.
    const uint64_t here = std::min(content->allocated_bytes, file.size_bytes);
    return static_cast<uint32_t>(static_cast<double>(here) / static_cast<double>(file.size_bytes) *
                                 99);
  }

  client::Upkeep& upkeep_;
  cache::CacheStore& cache_;
};

}  // namespace

std::unique_ptr<role::NodeControl> NewNodeControl(client::Upkeep& upkeep,
                                                  cache::CacheStore& cache) {
  return std::make_unique<EmbeddedNode>(upkeep, cache);
}

}  // namespace tarn
