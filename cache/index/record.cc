#include "cache/index/record.h"

#include "base/encoding.h"

namespace tarn::cache {
namespace {

constexpr char kFormat = 2;

constexpr uint64_t kBaseInUfs = 1;
constexpr uint64_t kSynced = 2;
constexpr uint64_t kPriorSynced = 4;
constexpr uint64_t kHasBytes = 8;
constexpr uint64_t kHasMtime = 16;
constexpr uint64_t kSealed = 32;
constexpr uint64_t kCut = 64;
constexpr uint64_t kDamaged = 128;

uint64_t FlagsOf(const Record& r) {
  return (r.base_in_ufs ? kBaseInUfs : 0) | (r.synced ? kSynced : 0) |
         (r.prior_synced ? kPriorSynced : 0) | (r.has_bytes ? kHasBytes : 0) |
         (r.mtime_ns ? kHasMtime : 0) | (r.sealed ? kSealed : 0) | (r.cut ? kCut : 0) |
         (r.damaged ? kDamaged : 0);
}

void SetFlags(uint64_t flags, Record& r) {
  r.base_in_ufs = (flags & kBaseInUfs) != 0;
  r.synced = (flags & kSynced) != 0;
  r.prior_synced = (flags & kPriorSynced) != 0;
  r.has_bytes = (flags & kHasBytes) != 0;
  if ((flags & kHasMtime) == 0) r.mtime_ns.reset();
  r.sealed = (flags & kSealed) != 0;
  r.cut = (flags & kCut) != 0;
  r.damaged = (flags & kDamaged) != 0;
}

}  // namespace

std::string EncodeRecord(const Record& r) {
  std::string out;
  out.reserve(96 + r.bitmap.size() + r.checksums.size() * 8);
  out.push_back(kFormat);
  out.push_back(static_cast<char>(r.state));
  AppendVarint(out, FlagsOf(r));
  AppendVarint(out, r.generation.value);
  AppendVarint(out, r.base_generation.value);
  AppendVarint(out, r.prior_generation.value);
  AppendVarint(out, r.size_bytes);
  AppendVarint(out, r.prior_size_bytes);
  AppendSignedVarint(out, r.mtime_ns.value_or(0));
  AppendBig64(out, r.place_id);
  AppendVarint(out, r.file_id);
  AppendVarint(out, r.allocated_bytes);
  AppendSignedVarint(out, r.last_use_ns);
  AppendVarint(out, r.sync_epoch);
  AppendBig64(out, r.bytes_checksum);
  AppendVarint(out, r.file_inode);
  AppendSignedVarint(out, r.file_ctime_ns);
  AppendVarint(out, r.limit_bytes);
  AppendString(out, r.bitmap);
  AppendVarint(out, r.checksums.size());
  for (const uint64_t checksum : r.checksums) AppendBig64(out, checksum);
  return out;
}

Result<Record> DecodeRecord(std::string_view value) {
  Reader in(value);
  Record r;
  const bool known = in.U8() == kFormat;
  const uint8_t state = in.U8();
  r.state = static_cast<ContentState>(state);
  const uint64_t flags = in.Varint();
  r.generation = Generation(in.Varint());
  r.base_generation = Generation(in.Varint());
  r.prior_generation = Generation(in.Varint());
  r.size_bytes = in.Varint();
  r.prior_size_bytes = in.Varint();
  r.mtime_ns = in.SignedVarint();
  SetFlags(flags, r);
  r.place_id = in.Big64();
  r.file_id = in.Varint();
  r.allocated_bytes = in.Varint();
  r.last_use_ns = in.SignedVarint();
  r.sync_epoch = in.Varint();
  r.bytes_checksum = in.Big64();
  r.file_inode = in.Varint();
  r.file_ctime_ns = in.SignedVarint();
  r.limit_bytes = in.Varint();
  r.bitmap = in.String();
  r.checksums.resize(in.Count(8));
  for (uint64_t& checksum : r.checksums) checksum = in.Big64();
  RETURN_IF_ERROR(in.Finish("record of a cached content"));
  if (!known || state > static_cast<uint8_t>(ContentState::kDirty)) {
    return Status(Code::kCorruption, "record of a cached content: unknown format or state");
  }
  return r;
}

ContentInfo InfoOf(InodeId ino, const Record& r) {
  ContentInfo info;
  info.ino = ino;
  info.generation = r.generation;
  info.state = r.state;
  info.size_bytes = r.size_bytes;
  info.base_in_ufs = r.base_in_ufs;
  info.base_generation = r.base_generation;
  info.complete = r.bitmap.empty();
  info.synced = r.synced;
  info.allocated_bytes = r.allocated_bytes;
  info.prior_generation = r.prior_generation;
  info.prior_size_bytes = r.prior_size_bytes;
  info.prior_synced = r.prior_synced;
  return info;
}

}  // namespace tarn::cache
