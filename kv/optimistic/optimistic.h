#pragma once

// What the memory and RocksDB engines share: a transaction that reads a snapshot through its own
// buffered writes and notes what it read. At its commit the engine checks the reads and applies the
// writes in one step.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kv/optimistic/resolver.h"
#include "kv/optimistic/write_set.h"
#include "kv/store.h"

namespace tarn::kv {

// Walks the pairs of a range in the order asked for. Views last until Next.
class Cursor {
 public:
  virtual ~Cursor() = default;
  virtual bool Valid() const = 0;
  virtual void Next() = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual Status status() const = 0;  // Why it became invalid: OK at the end.
};

// One version of the store. For one thread at a time; destroying it lets the engine forget the
// version.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  virtual Version version() const = 0;
  virtual Result<std::optional<std::string>> Get(std::string_view key) const = 0;
  virtual Result<std::vector<std::optional<std::string>>> GetMany(
      std::span<const std::string_view> keys) const = 0;
  // `begin` and `end` outlive the cursor. `end` is never empty: PastAllKeys() means no bound.
  virtual std::unique_ptr<Cursor> Walk(std::string_view begin, std::string_view end,
                                       Order order) const = 0;
};

// What a transaction hands to the engine. `snapshot` is null if it read nothing.
struct CommitRequest {
  std::unique_ptr<Snapshot> snapshot;
  ReadSet reads;
  WriteSet writes;  // Not empty, and within the limits.
  Durability durability = Durability::kBuffered;
};

class Engine {  // Thread-safe.
 public:
  virtual ~Engine() = default;
  virtual Result<std::unique_ptr<Snapshot>> OpenSnapshot() = 0;
  virtual Result<Version> Commit(CommitRequest request) = 0;
  virtual Status Sync() = 0;
};

std::unique_ptr<Transaction> NewOptimisticTransaction(Engine& engine, const Clock& clock,
                                                      const BeginOptions& options);

}  // namespace tarn::kv
