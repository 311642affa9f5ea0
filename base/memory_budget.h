#pragma once

// A budget of bytes that many threads draw from, so that a process stays within its memory under
// any load. When it is used up, callers wait or are refused. Waiters are served in order, so that a
// large request does not starve. Thread-safe.

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/status.h"

namespace tarn {

class MemoryBudget;

// Bytes taken from a budget, which its destructor gives back. Movable; the budget outlives it.
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

  // Nullopt: there is no room now, or other callers wait already.
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
