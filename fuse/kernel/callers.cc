#include "fuse/kernel/callers.h"

namespace tarn::fuse {
namespace {

constexpr size_t kMost = 4096;
constexpr Nanos kPause = std::chrono::seconds(1);  // A longer one: the caller has stopped listing.

}  // namespace

void Callers::Listed(pid_t caller, InodeId dir, MonotonicTime now) {
  MutexLock lock(mutex_);
  if (listing_.size() >= kMost) {
    std::erase_if(listing_, [now](const auto& one) { return one.second <= now; });
  }
  if (listing_.size() < kMost) listing_[{caller, dir}] = now + kPause;
}

void Callers::EndedListing(pid_t caller, InodeId dir) {
  MutexLock lock(mutex_);
  listing_.erase({caller, dir});
}

bool Callers::IsListing(pid_t caller, InodeId dir, MonotonicTime now) {
  MutexLock lock(mutex_);
  const auto found = listing_.find({caller, dir});
  if (found == listing_.end()) return false;
  if (found->second > now) {
    found->second = now + kPause;
    return true;
  }
  listing_.erase(found);
  return false;
}

void Callers::ToldGuess(pid_t caller, InodeId ino) {
  MutexLock lock(mutex_);
  LookOf(caller).guessed = ino;
}

void Callers::AskedFor(pid_t caller, InodeId ino) {
  MutexLock lock(mutex_);
  Look& look = LookOf(caller);
  if (look.asked) look.opens = false;  // The file of the last look was not opened.
  look.asked = ino;
  look.guessed = InodeId();
}

bool Callers::PassedByGuess(pid_t caller, InodeId ino) {
  if (!any_looks_) return false;
  MutexLock lock(mutex_);
  const auto found = looks_.find(caller);
  if (found == looks_.end() || found->second.guessed != ino) return false;
  found->second.guessed = InodeId();
  return true;
}

void Callers::Opened(pid_t caller, InodeId ino) {
  if (!any_looks_) return;
  MutexLock lock(mutex_);
  const auto found = looks_.find(caller);
  if (found == looks_.end() || found->second.asked != ino) return;
  found->second.asked = InodeId();
  found->second.opens = true;
}

bool Callers::OpensWhatItLooksAt(pid_t caller) {
  MutexLock lock(mutex_);
  const auto found = looks_.find(caller);
  return found != looks_.end() && found->second.opens && !found->second.asked;
}

// When there are too many, all are dropped: that costs a caller at most one request to the source,
// or a second look by the kernel.
Callers::Look& Callers::LookOf(pid_t caller) {
  if (looks_.size() >= kMost && !looks_.contains(caller)) looks_.clear();
  any_looks_ = true;
  return looks_[caller];
}

}  // namespace tarn::fuse
