#include "cache/index/content_index.h"

#include "base/checksum.h"
#include "base/encoding.h"
#include "kv/keys.h"

namespace tarn::cache {
namespace {

constexpr char kRecord = 'r';
constexpr char kMarker = 'p';
constexpr char kBytes = 'b';
constexpr std::string_view kEpochs = "e";
constexpr size_t kScanPairs = 512;
constexpr int kAttempts = 5;

std::string Key(char kind, InodeId ino) {
  std::string key(1, kind);
  AppendBig64(key, ino.value);
  return key;
}

}  // namespace

bool Epochs::Lost(uint64_t epoch) const {
  for (const auto& [above, below] : lost) {
    if (epoch > above && epoch < below) return true;
  }
  return false;
}

// Blind writes are idempotent, so a write whose answer was lost is made again.
Status ContentIndex::Write(kv::Durability durability,
                           const std::function<void(kv::Transaction&)>& body) {
  Status status;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::unique_ptr<kv::Transaction> t = store_.Begin();
    body(*t);
    status = t->Commit(durability).status();
    const Code code = status.code();
    if (!kv::MayRunAgain(code) && code != Code::kMaybeCommitted) return status;
  }
  return status;
}

Result<std::optional<Record>> ContentIndex::Find(InodeId ino) {
  ASSIGN_OR_RETURN(std::optional<std::string> value,
                   store_.Begin()->Get(Key(kRecord, ino), kv::Reads::kSnapshot));
  if (!value) return std::optional<Record>();
  ASSIGN_OR_RETURN(Record record, DecodeRecord(*value));
  return std::optional<Record>(std::move(record));
}

Status ContentIndex::Put(InodeId ino, const Record& record, StoredKeys& keys,
                         kv::Durability durability, std::string_view bytes) {
  const bool marker = record.state != ContentState::kClean;
  const std::string value = EncodeRecord(record);
  RETURN_IF_ERROR(Write(durability, [&](kv::Transaction& t) {
    t.Put(Key(kRecord, ino), value);
    if (marker && !keys.marker) t.Put(Key(kMarker, ino), "");
    if (!marker && keys.marker) t.Delete(Key(kMarker, ino));
    if (record.has_bytes && !bytes.empty()) t.Put(Key(kBytes, ino), bytes);
    if (!record.has_bytes && keys.bytes) t.Delete(Key(kBytes, ino));
  }));
  keys = {true, marker, record.has_bytes};
  return OkStatus();
}

Status ContentIndex::Remove(InodeId ino, StoredKeys& keys) {
  if (!keys.record) return OkStatus();
  RETURN_IF_ERROR(Write(kv::Durability::kBuffered, [&](kv::Transaction& t) {
    t.Delete(Key(kRecord, ino));
    if (keys.marker) t.Delete(Key(kMarker, ino));
    if (keys.bytes) t.Delete(Key(kBytes, ino));
  }));
  keys = {};
  return OkStatus();
}

Result<std::string> ContentIndex::Bytes(InodeId ino, const Record& record) {
  if (record.size_bytes == 0) return std::string();
  ASSIGN_OR_RETURN(std::optional<std::string> bytes,
                   store_.Begin()->Get(Key(kBytes, ino), kv::Reads::kSnapshot));
  if (!bytes || bytes->size() != record.size_bytes || Checksum(*bytes) != record.bytes_checksum) {
    return Status(Code::kCorruption,
                  "bytes of inode " + std::to_string(ino.value) + " in the index");
  }
  return std::move(*bytes);
}

Status ContentIndex::Each(char kind,
                          const std::function<Status(InodeId, std::string_view)>& visit) {
  const std::string end = kv::PrefixEnd(std::string(1, kind));
  std::string from(1, kind);
  for (;;) {
    kv::ScanOptions options;
    options.limit = kScanPairs;
    options.byte_limit = 1 << 20;
    options.reads = kv::Reads::kSnapshot;
    ASSIGN_OR_RETURN(kv::ScanPage page, store_.Begin()->Scan(from, end, options));
    for (const kv::Pair& pair : page.pairs) {
      Reader key(pair.key);
      key.U8();
      const InodeId ino(key.Big64());
      RETURN_IF_ERROR(key.Finish("key of a cached content"));
      RETURN_IF_ERROR(visit(ino, pair.value));
    }
    if (!page.more) return OkStatus();
    from = page.pairs.back().key + '\0';
  }
}

Status ContentIndex::EachMarked(const std::function<Status(InodeId)>& visit) {
  return Each(kMarker, [&](InodeId ino, std::string_view) { return visit(ino); });
}

Status ContentIndex::EachRecord(const std::function<Status(InodeId, Result<Record>)>& visit) {
  return Each(kRecord,
              [&](InodeId ino, std::string_view v) { return visit(ino, DecodeRecord(v)); });
}

Result<Epochs> ContentIndex::ReadEpochs() {
  ASSIGN_OR_RETURN(std::optional<std::string> value,
                   store_.Begin()->Get(kEpochs, kv::Reads::kSnapshot));
  Epochs epochs;
  if (!value) return epochs;
  Reader in(*value);
  epochs.run = in.Varint();
  epochs.durable = in.Varint();
  epochs.lost.resize(in.Count(2));
  for (auto& [above, below] : epochs.lost) {
    above = in.Varint();
    below = in.Varint();
  }
  epochs.unsure_below = in.Varint();
  RETURN_IF_ERROR(in.Finish("epochs of the cache"));
  return epochs;
}

Status ContentIndex::WriteEpochs(const Epochs& epochs, kv::Durability durability) {
  std::string value;
  AppendVarint(value, epochs.run);
  AppendVarint(value, epochs.durable);
  AppendVarint(value, epochs.lost.size());
  for (const auto& [above, below] : epochs.lost) {
    AppendVarint(value, above);
    AppendVarint(value, below);
  }
  AppendVarint(value, epochs.unsure_below);
  return Write(durability, [&](kv::Transaction& t) { t.Put(kEpochs, value); });
}

}  // namespace tarn::cache
