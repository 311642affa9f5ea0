#pragma once

// An ordered key-value store with serializable transactions under optimistic concurrency: the one
// place where Tarn keeps metadata. Engines: memory (tests), RocksDB (embedded default),
// FoundationDB. All obey FoundationDB's limits and answer kTooBig past them: a key of 10,000 bytes,
// a value of 100,000, 10,000,000 bytes a transaction, 5 s of life.
//
// Versions are totally ordered and visibility order: a read at version v sees exactly the commits
// whose version is <= v.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "kv/keys.h"

namespace tarn::kv {

inline constexpr size_t kMaxKeyBytes = 10'000;
inline constexpr size_t kMaxValueBytes = 100'000;
inline constexpr size_t kMaxTransactionBytes = 10'000'000;
inline constexpr Nanos kMaxTransactionLife = std::chrono::seconds(5);
inline constexpr size_t kStampBytes =
    10;  // 8 bytes of version, 2 of order within the commit, big-endian.

using Version = uint64_t;

struct Pair {
  std::string key;
  std::string value;
  friend bool operator==(const Pair&, const Pair&) = default;
};

enum class Reads { kSerializable, kSnapshot };  // Snapshot reads add no read conflict.
enum class Order { kForward, kReverse };
// kDurable: on stable storage when Commit returns, with every earlier commit. kBuffered: survives
// the death of the process, not of the machine, until a later durable commit or Sync.
enum class Durability { kBuffered, kDurable };

struct ScanOptions {
  size_t limit = SIZE_MAX;       // Pairs.
  size_t byte_limit = SIZE_MAX;  // Keys and values; at least one pair is returned if there is one.
  Order order = Order::kForward;
  Reads reads = Reads::kSerializable;  // Only the range actually returned conflicts.
};

struct ScanPage {
  std::vector<Pair> pairs;
  // A limit ended the page: go on behind (or, in reverse, before) the last key, where there may be
  // nothing.
  bool more = false;
};

// One serializable transaction: reads see one snapshot plus this transaction's own writes. For one
// thread at a time. Destroying it uncommitted discards its writes. Past kMaxTransactionLife reads
// and Commit give kTooOld.
class Transaction {
 public:
  virtual ~Transaction() = default;

  virtual Result<std::optional<std::string>> Get(std::string_view key,
                                                 Reads reads = Reads::kSerializable) = 0;
  // One answer a key, in the keys' order.
  virtual Result<std::vector<std::optional<std::string>>> GetMany(
      std::span<const std::string> keys, Reads reads = Reads::kSerializable) = 0;
  // Pairs with begin <= key < end. In every range an empty `end` means no bound, so any answer of
  // PrefixEnd (kv/keys.h) fits.
  virtual Result<ScanPage> Scan(std::string_view begin, std::string_view end,
                                const ScanOptions& options) = 0;
  // The version that reads see.
  virtual Result<Version> ReadVersion() = 0;
  // As if begin <= key < end had been read.
  virtual void AddReadConflict(std::string_view begin, std::string_view end) = 0;

  // Writes are buffered; a bad size is reported by Commit.
  virtual void Put(std::string_view key, std::string_view value) = 0;
  virtual void Delete(std::string_view key) = 0;
  virtual void DeleteRange(std::string_view begin, std::string_view end) = 0;
  // Atomic and without a read conflict; an absent value counts as 0. EncodeCounter (kv/keys.h) makes
  // the values. Within the transaction a later Get of the key sees the result and then conflicts.
  virtual void Add(std::string_view key, int64_t delta) = 0;
  virtual void Max(std::string_view key, int64_t value) = 0;
  // Puts prefix + stamp + suffix, where the stamp (kStampBytes) is given at commit; not visible to
  // own reads.
  virtual void PutStamped(std::string_view prefix, std::string_view suffix,
                          std::string_view value) = 0;

  // kConflict, kTooOld, kTooBig: nothing was written. kMaybeCommitted: unknown. Call at most once.
  // The version is of this commit; a transaction without writes gives its read version.
  virtual Result<Version> Commit(Durability durability) = 0;
};

class Store {  // Thread-safe. Outlives its transactions.
 public:
  virtual ~Store() = default;
  virtual std::unique_ptr<Transaction> Begin() = 0;
  // Makes every commit that has returned durable.
  virtual Status Sync() = 0;
  // Blocks until `key` differs from what it is now, `deadline` passes (kDeadlineExceeded) or `stop`
  // fires (kCancelled). Wake-ups may be spurious.
  virtual Status Watch(std::string_view key, const std::optional<std::string>& seen,
                       Deadline deadline, const std::stop_token& stop) = 0;
  // Syncs and closes; later calls give kUnavailable. Transactions must be gone. Idempotent.
  virtual Status Close() = 0;
};

// A store whose keys all live below `prefix` of `store`, which must outlive it. Close closes
// nothing below.
std::unique_ptr<Store> NewPrefixedStore(Store& store, std::string prefix);

// The transaction wrote nothing and may run again: it lost a race (kConflict) or is too old.
inline bool MayRunAgain(Code code) { return code == Code::kConflict || code == Code::kTooOld; }

struct TransactOptions {
  Durability durability = Durability::kBuffered;
  Deadline deadline = Deadline::Never();
  // Non-empty: the key under which the body records that it ran (inside its own transaction). After
  // kMaybeCommitted the loop looks there: if present the operation took effect and Transact answers
  // OK; if absent it runs again. Empty: kMaybeCommitted is returned.
  std::string operation_key;
  Clock* clock = nullptr;  // That the deadline is of, and that waits use; the machine's if null.
};

// Runs `body` on a fresh transaction and commits, anew after each kConflict or kTooOld (of the
// commit or returned by the body), with jittered and capped waits, until it settles or the deadline
// passes (the last code is returned). Any other error of `body` ends it and writes nothing. `body`
// may run many times, so it has no effects but those on its transaction and on variables that it
// sets anew each time. Returns the commit's version.
Result<Version> Transact(Store& store, const TransactOptions& options,
                         const std::function<Status(Transaction&)>& body);

}  // namespace tarn::kv
