#include "meta/store/key_changes.h"

#include <algorithm>

#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

constexpr size_t kFewKeys = 1024;

// Whether `matches` is true for the value of `name` or, with kBelow, of a name below it.
template <typename Map, typename Matches>
bool Finds(const Map& map, const std::string& name, KeyChanges::Look::Reach reach,
           const Matches& matches) {
  if (auto found = map.find(name); found != map.end() && matches(found->second)) return true;
  if (reach == KeyChanges::Look::Reach::kKey) return false;
  const std::string below = name + "/";
  for (auto at = map.lower_bound(below); at != map.end() && at->first.starts_with(below); ++at) {
    if (matches(at->second)) return true;
  }
  return false;
}

}  // namespace

void KeyChanges::Locked(const std::string& name) {
  MutexLock lock(mutex_);
  ++locked_[name];
}

void KeyChanges::Unlocked(const std::string& name) {
  MutexLock lock(mutex_);
  auto found = locked_.find(name);
  if (found == locked_.end()) return;
  if (--found->second == 0) locked_.erase(found);
  if (looks_.empty()) return;
  unlocked_[name] = ++now_;
  if (unlocked_.size() >= trim_at_) Trim();
}

// A key unlocked before the oldest look began disturbs no look.
void KeyChanges::Trim() {
  const uint64_t oldest = *looks_.begin();
  std::erase_if(unlocked_, [oldest](const auto& item) { return item.second <= oldest; });
  trim_at_ = std::max(kFewKeys, unlocked_.size() * 2);
}

KeyChanges::Look::Look(KeyChanges& changes) : changes_(changes) {
  MutexLock lock(changes_.mutex_);
  began_ = changes_.now_;
  changes_.looks_.insert(began_);
}

KeyChanges::Look::~Look() {
  MutexLock lock(changes_.mutex_);
  changes_.looks_.erase(changes_.looks_.find(began_));
  if (changes_.looks_.empty()) changes_.unlocked_.clear();
}

bool KeyChanges::Look::Disturbed(MountId mount, std::string_view key, Reach reach) const {
  const std::string name = keys::Ledger(mount, key);
  MutexLock lock(changes_.mutex_);
  return Finds(changes_.locked_, name, reach, [](int) { return true; }) ||
         Finds(changes_.unlocked_, name, reach, [this](uint64_t at) { return at > began_; });
}

}  // namespace tarn::meta
