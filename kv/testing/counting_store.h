#pragma once

// For tests: a store that counts what its transactions would cost a store on another machine.
//
// A round is one wait for reads. The clock of a transaction counts its rounds, from 0. A read that
// starts at round r is answered at round r + 1, however many reads start at that round. Want starts
// its reads and does not wait. Get, GetMany and Scan start those of their reads that did not start
// before, and then wait: the clock moves to the round of the last answer, unless it is there
// already. So these cost no round:
// - a key that an earlier call of this transaction read or wanted, once a later round has ended;
// - a key below the part of a range that a Scan returned, and a Scan of that part;
// - a Scan within a range that was wanted, whatever its limit and order;
// - a key that this transaction put or deleted, also as a part of a range.
//
// To read a key that this transaction changed by Add or Max costs a round, because the result needs
// the value in the store. A wanted read that no call waits for costs nothing. ReadVersion and the
// start of the transaction are not counted: each transaction has one such wait. Failed reads count.

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "kv/testing/forwarding_store.h"

namespace tarn::kv {

// The sum over some transactions.
struct Counts {
  uint64_t transactions = 0;
  uint64_t rounds = 0;
  uint64_t commits = 0;  // Those that succeeded and wrote, durable ones too.
  uint64_t durable = 0;  // Durable commits, and calls of Store::Sync.
  friend bool operator==(const Counts&, const Counts&) = default;
};

// Thread-safe. `below` outlives it.
class CountingStore final : public ForwardingStore {
 public:
  explicit CountingStore(Store& below) : ForwardingStore(below) {}

  std::unique_ptr<Transaction> Begin(const BeginOptions& options) override;
  Status Sync() override;

  // The counts since the last call. A transaction counts when it is destroyed.
  Counts Take();

 private:
  class CountingTransaction;

  Mutex mutex_;
  Counts counts_ GUARDED_BY(mutex_);
};

}  // namespace tarn::kv
