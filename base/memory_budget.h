#pragma once

// A budget of bytes that many threads draw from: over it callers wait or are refused, so that a
// process stays within its memory whatever is asked of it. Thread-safe. Waiters are served in
// order, so that a large request is not starved.

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/status.h"

namespace tarn {

class MemoryBudget;

// Bytes taken from a budget, given back at the end of life. Movable; the budget outlives it.
class Reservation {
 public:
  Reservation() = default;
  Reservation(Reservation&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Reservation& operator=(Reservation&& other) noexcept;
  ~Reservation() { Release(); }

  uint64_t bytes() const { return bytes_; }
  void Release();  // Idempotent.

 private:
  friend class MemoryBudget;
  Reservation(MemoryBudget* budget, uint64_t bytes) : budget_(budget), bytes_(bytes) {}
  MemoryBudget* budget_ = nullptr;
  uint64_t bytes_ = 0;
};

class MemoryBudget {
 public:
  MemoryBudget(uint64_t limit_bytes, const Clock& clock);
  ~MemoryBudget();
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // Nullopt: there is no room now, or others wait already.
  std::optional<Reservation> TryReserve(uint64_t bytes);
  // Waits for room. kDeadlineExceeded: nothing was taken. kInvalid: more than the whole budget.
  Result<Reservation> Reserve(uint64_t bytes, Deadline deadline);
  uint64_t used_bytes() const;
  uint64_t limit_bytes() const;

 private:
  friend class Reservation;
  void Return(uint64_t bytes);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tarn
