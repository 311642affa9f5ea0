#include "kv/rocksdb/rocksdb_setup.h"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "kv/rocksdb.h"

namespace tarn::kv {
namespace {

// Turns automatic recovery off: with it RocksDB looks for space every five seconds, and refuses to
// be resumed meanwhile.
class FailureListener final : public rocksdb::EventListener {
 public:
  explicit FailureListener(std::shared_ptr<Signals> signals) : signals_(std::move(signals)) {}
  void OnBackgroundError(rocksdb::BackgroundErrorReason, rocksdb::Status*) override {
    signals_->job_failed = true;
  }
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status,
                            bool* auto_recovery) override {
    *auto_recovery = false;
  }

 private:
  const std::shared_ptr<Signals> signals_;
};

// The first bytes of a key say what kind of record it has. Records of one kind are mostly written
// in the order of their keys.
class KindOfKey final : public rocksdb::SliceTransform {
 public:
  explicit KindOfKey(std::shared_ptr<Signals> signals) : signals_(std::move(signals)) {}
  const char* Name() const override { return "tarn.KindOfKey"; }
  rocksdb::Slice Transform(const rocksdb::Slice& key) const override {
    return {key.data(), std::min(key.size(), kKindBytes)};
  }
  bool InDomain(const rocksdb::Slice&) const override {
    return signals_->insert_hints.load(std::memory_order_relaxed);
  }

 private:
  static constexpr size_t kKindBytes = 4;
  const std::shared_ptr<Signals> signals_;
};

rocksdb::CompressionType BestCompression() {
  const auto known = rocksdb::GetSupportedCompressions();
  const bool lz4 = std::find(known.begin(), known.end(), rocksdb::kLZ4Compression) != known.end();
  return lz4 ? rocksdb::kLZ4Compression : rocksdb::kNoCompression;
}

// Index and filters are partitioned and counted in the cache, so that memory stays bounded as the
// namespace grows.
rocksdb::BlockBasedTableOptions TableOptions(size_t cache_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(cache_bytes, 4);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.whole_key_filtering = true;
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.cache_index_and_filter_blocks = true;
  table.pin_top_level_index_and_filter = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.data_block_index_type = rocksdb::BlockBasedTableOptions::kDataBlockBinaryAndHash;
  table.format_version = 5;
  return table;
}

void LimitFilesAndThreads(rocksdb::Options& o) {
  o.max_open_files = 256;
  o.table_cache_numshardbits = 4;
  o.max_background_jobs = 2;
  o.max_subcompactions = 1;
  o.max_file_opening_threads = 1;
  o.skip_stats_update_on_db_open = true;
  o.info_log_level = rocksdb::WARN_LEVEL;
  o.max_log_file_size = 1 << 20;
  o.keep_log_file_num = 2;
  o.max_manifest_file_size = 16 << 20;
  o.stats_dump_period_sec = 0;
  o.max_bgerror_resume_count = 0;  // The store resumes RocksDB when it writes next.
  o.stats_persist_period_sec = 0;
}

void ShapeTree(rocksdb::Options& o, size_t write_buffer_bytes) {
  o.write_buffer_size = write_buffer_bytes;
  o.max_write_buffer_number = 3;
  o.memtable_prefix_bloom_size_ratio = 0.05;
  o.memtable_whole_key_filtering = true;
  o.target_file_size_base = 32 << 20;
  o.max_bytes_for_level_base = 64 << 20;
  o.level_compaction_dynamic_level_bytes = true;
  o.bytes_per_sync = 1 << 20;
  o.compression = BestCompression();
  // The levels near the top are small and read most.
  o.compression_per_level = {rocksdb::kNoCompression, rocksdb::kNoCompression, o.compression};
}

bool IsLockConflict(const rocksdb::Status& status) {
  if (!status.IsIOError()) return false;
  const std::string text = status.ToString();
  return text.find("While lock file") != std::string::npos ||
         text.find("lock hold by current process") != std::string::npos;
}

Code CodeOf(const rocksdb::Status& status) {
  if (IsLockConflict(status)) return Code::kBusy;
  if (status.IsNoSpace()) return Code::kNoSpace;
  switch (status.code()) {
    case rocksdb::Status::kCorruption:
      return Code::kCorruption;
    case rocksdb::Status::kInvalidArgument:
      return Code::kInvalid;
    case rocksdb::Status::kShutdownInProgress:
      return Code::kUnavailable;
    case rocksdb::Status::kBusy:
    case rocksdb::Status::kAborted:
      return Code::kBusy;
    default:
      return Code::kIo;
  }
}

}  // namespace

rocksdb::Options TunedOptions(const RocksdbOptions& options, std::shared_ptr<Signals> signals) {
  rocksdb::Options o;
  o.create_if_missing = true;
  // The store serialises commits, so RocksDB's support for concurrent writes only costs time.
  o.allow_concurrent_memtable_write = false;
  o.enable_write_thread_adaptive_yield = false;
  o.table_factory.reset(
      rocksdb::NewBlockBasedTableFactory(TableOptions(options.block_cache_bytes)));
  o.listeners.push_back(std::make_shared<FailureListener>(signals));
  o.memtable_insert_with_hint_prefix_extractor = std::make_shared<KindOfKey>(std::move(signals));
  LimitFilesAndThreads(o);
  ShapeTree(o, options.write_buffer_bytes);
  return o;
}

Status StatusOf(const rocksdb::Status& status, std::string_view what) {
  if (status.ok()) return OkStatus();
  return Status(CodeOf(status), std::string(what) + ": " + status.ToString());
}

}  // namespace tarn::kv
