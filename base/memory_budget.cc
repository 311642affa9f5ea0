#include "base/memory_budget.h"

#include <algorithm>
#include <deque>

#include "base/mutex.h"
#include "base/strings.h"

namespace tarn {
namespace {
// How often a waiter checks its deadline, since a manual clock does not wake it.
constexpr Nanos kLook = std::chrono::milliseconds(20);
}  // namespace

struct MemoryBudget::State {
  const uint64_t limit;
  const Clock& clock;
  Mutex mutex;
  CondVar changed;
  uint64_t used GUARDED_BY(mutex) = 0;
  uint64_t next_ticket GUARDED_BY(mutex) = 0;
  std::deque<uint64_t> waiting GUARDED_BY(mutex);  // Tickets in order of arrival.

  State(uint64_t limit_bytes, const Clock& c) : limit(limit_bytes), clock(c) {}

  bool Fits(uint64_t bytes) const REQUIRES(mutex) { return bytes <= limit - used; }
};

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  Release();
  budget_ = std::exchange(other.budget_, nullptr);
  bytes_ = std::exchange(other.bytes_, 0);
  return *this;
}

void Reservation::Release() {
  if (budget_ != nullptr) budget_->Return(bytes_);
  budget_ = nullptr;
  bytes_ = 0;
}

MemoryBudget::MemoryBudget(uint64_t limit_bytes, const Clock& clock)
    : state_(std::make_unique<State>(limit_bytes, clock)) {}

MemoryBudget::~MemoryBudget() { CHECK(used_bytes() == 0); }

std::optional<Reservation> MemoryBudget::TryReserve(uint64_t bytes) {
  MutexLock lock(state_->mutex);
  if (!state_->waiting.empty() || !state_->Fits(bytes)) return std::nullopt;
  state_->used += bytes;
  return Reservation(this, bytes);
}

Result<Reservation> MemoryBudget::Reserve(uint64_t bytes, Deadline deadline) {
  State& s = *state_;
  if (bytes > s.limit) {
    return Status(Code::kInvalid,
                  Concat("reserve ", bytes, " bytes of a memory budget of ", s.limit));
  }
  MutexLock lock(s.mutex);
  const uint64_t ticket = s.next_ticket++;
  s.waiting.push_back(ticket);
  while (s.waiting.front() != ticket || !s.Fits(bytes)) {
    if (deadline.PassedBy(s.clock.Now())) {
      s.waiting.erase(std::find(s.waiting.begin(), s.waiting.end(), ticket));
      s.changed.NotifyAll();
      return Status(Code::kDeadlineExceeded, Concat("reserve ", bytes, " bytes of memory: ", s.used,
                                                    " of ", s.limit, " are in use"));
    }
    s.changed.WaitFor(s.mutex, kLook);
  }
  s.waiting.pop_front();
  s.used += bytes;
  s.changed.NotifyAll();  // The next waiter may fit too.
  return Reservation(this, bytes);
}

void MemoryBudget::Return(uint64_t bytes) {
  MutexLock lock(state_->mutex);
  CHECK(bytes <= state_->used);
  state_->used -= bytes;
  state_->changed.NotifyAll();
}

uint64_t MemoryBudget::used_bytes() const {
  MutexLock lock(state_->mutex);
  return state_->used;
}

uint64_t MemoryBudget::limit_bytes() const { return state_->limit; }

}  // namespace tarn
