#include "cache/store/background.h"

#include <thread>

#include "base/log.h"
#include "base/priority.h"

namespace tarn::cache {
namespace {

constexpr auto kSampleInterval = std::chrono::milliseconds(100);
constexpr int kSamplesPerEpoch = 300;
constexpr Nanos kRest = std::chrono::seconds(5);  // A content rests so long before it is sealed.
constexpr Nanos kLook = std::chrono::milliseconds(250);

}  // namespace

struct Background::Threads {
  std::jthread loader;
  std::jthread upkeep;
  std::jthread care;
};

Background::Background(const Parts& parts, const ScrubOptions& scrub)
    : parts_(parts), scrub_(scrub) {}

Background::~Background() { Stop(); }

void Background::Start() {
  threads_ = std::make_unique<Threads>();
  threads_->loader = std::jthread([this](const std::stop_token& stop) {
    parts_.inventory.CountClean(stop);
    parts_.inventory.RemoveStrays(stop);
  });
  threads_->upkeep = std::jthread([this](const std::stop_token& stop) { RunUpkeep(stop); });
  threads_->care = std::jthread([this](const std::stop_token& stop) { RunCare(stop); });
}

void Background::Stop() { threads_.reset(); }

void Background::RunUpkeep(const std::stop_token& stop) {
  for (int sample = 1; parts_.clock.SleepFor(kSampleInterval, stop); ++sample) {
    parts_.evictor.SampleGrowth();
    parts_.contents.StoreResting();
    if (sample % kSamplesPerEpoch != 0) continue;
    Status advanced = parts_.run.AdvanceEpoch();
    if (!advanced.ok()) LogWarning("sync the cache: ", advanced);
  }
}

void Background::RunCare(const std::stop_token& stop) {
  GiveWay();
  Clock& clock = parts_.clock;
  MonotonicTime next_scrub = clock.Now() + scrub_.period;
  while (clock.SleepFor(kLook, stop)) {
    parts_.takeovers.TakeOverDue(stop);
    parts_.sealing.SealRestedSince(clock.Now() - kRest);
    if (scrub_.bytes_per_second == 0 || clock.Now() < next_scrub) continue;
    parts_.scrub.Run(stop);
    next_scrub = clock.Now() + scrub_.period;
  }
}

}  // namespace tarn::cache
