#pragma once

// An ordered key-value store with serializable transactions under optimistic concurrency: the one
// place where Tarn keeps metadata. Engines: memory (for tests) and RocksDB. All obey FoundationDB's
// limits and answer kTooBig past them: a key of 10,000 bytes, a value of 100,000, 10,000,000 bytes
// a transaction. A transaction lives for 5 s.
//
// The bytes of a transaction that writes are those of each write (its key and value, or the bounds
// of the range that it deletes, and kWriteBytes) and of each range that may conflict (both bounds
// and kRangeBytes). Each write and each serializable read has such a range. The range of one key
// ends at the key's successor, so a small record counts about three times its key. A repeated write
// may count each time; a range that is read repeatedly counts once. A transaction without writes is
// never too big.
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
inline constexpr size_t kWriteBytes = 64;
inline constexpr size_t kRangeBytes = 32;
inline constexpr Nanos kMaxTransactionLife = std::chrono::seconds(5);
// A stamp is big-endian. All stamps of a commit share 8 bytes of its version and 2 of its order
// among the commits of one version. The last 2 bytes count the stamps of the transaction.
inline constexpr size_t kCommitStampBytes = 10;
inline constexpr size_t kStampBytes = kCommitStampBytes + 2;
inline constexpr size_t kMaxStampedKeys = 65'536;  // In a transaction.

using Version = uint64_t;

struct Pair {
  std::string key;
  std::string value;
  friend bool operator==(const Pair&, const Pair&) = default;
};

enum class Reads { kSerializable, kSnapshot };  // Snapshot reads add no read conflict.
enum class Order { kForward, kReverse };
// kDurable: on stable storage when Commit returns, with every earlier commit. kBuffered: survives
// the death of the process, but not of the machine before a later durable commit or Sync.
enum class Durability { kBuffered, kDurable };

struct ScanOptions {
  size_t limit = SIZE_MAX;  // The number of pairs.
  // The sum of the bytes of keys and values. At least one pair is returned if there is one.
  size_t byte_limit = SIZE_MAX;
  Order order = Order::kForward;
  Reads reads = Reads::kSerializable;  // Only the range actually returned conflicts.
};

struct ScanPage {
  std::vector<Pair> pairs;
  // A limit ended the page: continue after the last key (in reverse: before it), where there may be
  // no pair.
  bool more = false;
};

struct BeginOptions {
  // By the store's clock. Past it reads give kDeadlineExceeded, and no read waits longer for an
  // answer. A commit of writes is made whatever the time is; it gives kMaybeCommitted if no answer
  // has come by then.
  Deadline deadline = Deadline::Never();
  // The transaction reads this version or a later one. Give a version of this store: it may come
  // from another process. kUnavailable: the store has not reached it.
  Version at_least = 0;
};

struct Range {
  std::string begin;
  std::string end;  // Empty: no bound.
};

// The reads of a transaction: they see one snapshot plus the transaction's own writes.
class ReadTransaction {
 public:
  virtual ~ReadTransaction() = default;

  virtual Result<std::optional<std::string>> Get(std::string_view key,
                                                 Reads reads = Reads::kSerializable) = 0;
  // One answer for each key, in the order of `keys`.
  virtual Result<std::vector<std::optional<std::string>>> GetMany(
      std::span<const std::string> keys, Reads reads = Reads::kSerializable) = 0;
  // Pairs with begin <= key < end. In every range an empty `end` means no bound, so any answer of
  // PrefixEnd (kv/keys.h) fits.
  virtual Result<ScanPage> Scan(std::string_view begin, std::string_view end,
                                const ScanOptions& options) = 0;
  // The version that reads see.
  virtual Result<Version> ReadVersion() = 0;
  // Adds the read conflict of a scan of begin <= key < end.
  virtual void AddReadConflict(std::string_view begin, std::string_view end) = 0;
  // Starts reads of these keys and ranges together. It changes no answer, adds no conflict and
  // never fails; a later Get, GetMany or Scan of them waits less. Engines that read from this
  // machine do nothing.
  virtual void Want(std::span<const std::string> keys, std::span<const Range> ranges) = 0;
};

// One serializable transaction. For one thread at a time. Destroying it uncommitted discards its
// writes. Past kMaxTransactionLife reads and Commit give kTooOld.
class Transaction : public ReadTransaction {
 public:
  // Writes are buffered; Commit reports a bad size or operand.
  virtual void Put(std::string_view key, std::string_view value) = 0;
  virtual void Delete(std::string_view key) = 0;
  virtual void DeleteRange(std::string_view begin, std::string_view end) = 0;
  // Atomic and without a read conflict; an absent value counts as 0. EncodeCounter (kv/keys.h)
  // makes the values. Within the transaction a later Get of the key sees the result and then
  // conflicts.
  virtual void Add(std::string_view key, int64_t delta) = 0;
  // For counters that are never negative, because engines may compare without the sign. A negative
  // `value` is kInvalid.
  virtual void Max(std::string_view key, int64_t value) = 0;
  // Puts prefix + stamp + suffix. The commit gives the stamp (kStampBytes), so the keys of one
  // prefix rise in commit order, those of one commit in the order of the calls, and no two are
  // equal. Reads of this transaction do not see the pair. kTooBig past kMaxStampedKeys.
  virtual void PutStamped(std::string_view prefix, std::string_view suffix,
                          std::string_view value) = 0;

  // kConflict, kTooOld, kTooBig, kInvalid: nothing was written. kMaybeCommitted: unknown. Call at
  // most once. Returns the version of this commit; without writes, the read version.
  virtual Result<Version> Commit(Durability durability) = 0;
};

class Store {  // Thread-safe. Outlives its transactions.
 public:
  virtual ~Store() = default;
  virtual std::unique_ptr<Transaction> Begin(const BeginOptions& options = {}) = 0;
  // Makes every commit that has returned durable.
  virtual Status Sync() = 0;
  // Blocks until the value of `key` is not `seen` (nullopt: absent): then OK, at once if it differs
  // already. When this returns the value may be `seen` again. kDeadlineExceeded: `deadline` passed
  // first. kCancelled: `stop` fired first.
  virtual Status Watch(std::string_view key, const std::optional<std::string>& seen,
                       Deadline deadline, const std::stop_token& stop) = 0;
  // Syncs, ends watches (kUnavailable) and closes; later calls give kUnavailable. Transactions must
  // be gone. Idempotent.
  virtual Status Close() = 0;
};

// A store whose keys all live below `prefix` of `store`, which must outlive it. Its Close leaves
// `store` open.
std::unique_ptr<Store> NewPrefixedStore(Store& store, std::string prefix);

// The transaction wrote nothing and may run again: it lost a race (kConflict) or is too old.
inline bool MayRunAgain(Code code) { return code == Code::kConflict || code == Code::kTooOld; }

struct TransactOptions {
  Clock& clock;  // Times the waits between runs, and `deadline`.
  Durability durability = Durability::kBuffered;
  Deadline deadline = Deadline::Never();
};

// Runs `body` on a fresh transaction and commits. Runs it again after each kConflict or kTooOld (of
// the commit, or returned by the body), with jittered and capped waits, until it settles or the
// deadline passes; then it returns the last code. The deadline is that of the transactions too. Any
// other error of `body` ends it, and nothing is written. `body` may run many times, so it has no
// effects except on its transaction and on variables that each run sets first. Returns the commit's
// version. kMaybeCommitted: the answer to the commit was lost.
Result<Version> Transact(Store& store, const TransactOptions& options,
                         const std::function<Status(Transaction&)>& body);

// The effect of an operation, whichever run of it committed.
struct Outcome {
  Version version = 0;  // Readers of this version and later ones see the effect.
  std::string reply;
};

// Transacts an operation that takes effect once, however often it is run and whichever answers are
// lost. `body` returns the encoded reply, which is put at `operation_key` in the same transaction.
// If the key has a reply already, the body does not run, and the remembered reply is returned. A
// lost answer is settled by running again: that finds the reply, or shuts out the lost commit,
// which may still be on its way. An error of the body is not remembered. kMaybeCommitted: the
// deadline passed, or the store failed, before a lost answer was settled; a repeat with the same
// key settles it.
Result<Outcome> TransactOnce(Store& store, const TransactOptions& options,
                             std::string_view operation_key,
                             const std::function<Result<std::string>(Transaction&)>& body);

}  // namespace tarn::kv
