#include "meta/store/records.h"

#include "base/encoding.h"

// Each record starts with its version. A new field needs a new version, and Decode still reads the
// old versions.

namespace tarn::meta {
namespace {

constexpr uint8_t kVersion = 1;

std::string Start(size_t reserve) {
  std::string out;
  out.reserve(reserve);
  out.push_back(static_cast<char>(kVersion));
  return out;
}

void AppendByte(std::string& out, uint8_t value) { out.push_back(static_cast<char>(value)); }

Status CheckVersion(Reader& in, const char* what) {
  if (uint8_t version = in.U8(); version != kVersion) {
    return Status(Code::kCorruption,
                  std::string("decode ") + what + ": version " + std::to_string(version));
  }
  return OkStatus();
}

Status BadField(const char* what, const char* field) {
  return Status(Code::kCorruption, std::string("decode ") + what + ": bad " + field);
}

bool Known(role::FileType type) { return type <= role::FileType::kBlockDevice; }

// The first byte of flags of an inode record.
enum InodeFlag : uint8_t {
  kSynced = 1,
  kLost = 2,
  kNeverPersist = 4,
  kBound = 8,
  kMade = 16,
  kPlaces = 32,
  kConflicting = 64,
  kXattrs = 128
};

// The second byte of flags.
enum MoreInodeFlag : uint8_t { kGuessed = 1, kAttributesHere = 2 };

constexpr uint8_t kMountVersion = 2;
enum MountFlag : uint8_t { kReadOnlyMount = 1, kUnmounting = 2 };

uint8_t FlagsOf(const InodeRecord& r) {
  return static_cast<uint8_t>((r.synced ? kSynced : 0) | (r.lost ? kLost : 0) |
                              (r.never_persist ? kNeverPersist : 0) | (r.bound ? kBound : 0) |
                              (r.made ? kMade : 0) | (r.places ? kPlaces : 0) |
                              (r.conflict ? kConflicting : 0) | (r.xattrs ? kXattrs : 0));
}

uint8_t MoreFlagsOf(const InodeRecord& r) {
  return static_cast<uint8_t>((r.guessed ? kGuessed : 0) |
                              (r.attributes_here ? kAttributesHere : 0));
}

void AppendAttributes(std::string& out, const InodeRecord& r) {
  AppendVarint(out, r.ino.value);
  AppendByte(out, static_cast<uint8_t>(r.type));
  AppendByte(out, FlagsOf(r));
  AppendByte(out, MoreFlagsOf(r));
  AppendVarint(out, r.mode);
  AppendVarint(out, r.uid);
  AppendVarint(out, r.gid);
  AppendVarint(out, r.nlink);
  AppendVarint(out, r.rdev);
  AppendVarint(out, r.size_bytes);
  AppendVarint(out, r.allocated_bytes);
  AppendBig64(out, static_cast<uint64_t>(r.atime_ns));
  AppendBig64(out, static_cast<uint64_t>(r.mtime_ns));
  AppendBig64(out, static_cast<uint64_t>(r.ctime_ns));
  AppendBig64(out, static_cast<uint64_t>(r.btime_ns));
  AppendSignedVarint(out, r.stored_s);
}

void AppendNames(std::string& out, const InodeRecord& r) {
  AppendVarint(out, r.parent.value);
  AppendString(out, r.name);
  AppendString(out, r.symlink_target);
}

void AppendPersistence(std::string& out, const InodeRecord& r) {
  AppendVarint(out, r.generation.value);
  AppendVarint(out, r.attr_version);
  AppendVarint(out, r.persisted_generation.value);
  AppendVarint(out, r.persisted_attr_version);
  AppendVarint(out, r.mount.value);
  AppendString(out, r.key);
  AppendString(out, r.etag);
  AppendString(out, r.identity);
  AppendVarint(out, r.bound_size_bytes);
  AppendString(out, r.made_key);
  AppendString(out, r.attempt);
  AppendString(out, r.attempt_key);
  AppendVarint(out, r.attempt_generation.value);
  AppendVarint(out, r.attempt_attr_version);
  AppendSignedVarint(out, r.attempt_started_ns);
  AppendVarint(out, r.attempt_size_bytes);
  AppendSignedVarint(out, r.attempt_mtime_ns);
  AppendString(out, r.attempt_file);
  AppendVarint(out, r.origin_generation.value);
  AppendString(out, r.queue_key);
}

void AppendMarks(std::string& out, const std::vector<AttemptMark>& marks) {
  AppendVarint(out, marks.size());
  for (const AttemptMark& mark : marks) {
    AppendString(out, mark.id);
    AppendVarint(out, mark.size_bytes);
    AppendSignedVarint(out, mark.mtime_ns);
    AppendString(out, mark.file);
  }
}

void ReadMarks(Reader& in, std::vector<AttemptMark>& marks) {
  marks.resize(in.Count(4));
  for (AttemptMark& mark : marks) {
    mark.id = in.String();
    mark.size_bytes = in.Varint();
    mark.mtime_ns = in.SignedVarint();
    mark.file = in.String();
  }
}

uint8_t ReadAttributes(Reader& in, InodeRecord& r) {
  r.ino = InodeId(in.Varint());
  r.type = static_cast<role::FileType>(in.U8());
  const uint8_t flags = in.U8();
  const uint8_t more = in.U8();
  r.guessed = (more & kGuessed) != 0;
  r.attributes_here = (more & kAttributesHere) != 0;
  r.mode = in.Varint32();
  r.uid = in.Varint32();
  r.gid = in.Varint32();
  r.nlink = in.Varint32();
  r.rdev = in.Varint();
  r.size_bytes = in.Varint();
  r.allocated_bytes = in.Varint();
  r.atime_ns = static_cast<int64_t>(in.Big64());
  r.mtime_ns = static_cast<int64_t>(in.Big64());
  r.ctime_ns = static_cast<int64_t>(in.Big64());
  r.btime_ns = static_cast<int64_t>(in.Big64());
  r.stored_s = in.SignedVarint();
  return flags;
}

void ReadNames(Reader& in, InodeRecord& r) {
  r.parent = InodeId(in.Varint());
  r.name = in.String();
  r.symlink_target = in.String();
}

void ReadPersistence(Reader& in, InodeRecord& r) {
  r.generation = Generation(in.Varint());
  r.attr_version = in.Varint();
  r.persisted_generation = Generation(in.Varint());
  r.persisted_attr_version = in.Varint();
  r.mount = MountId(in.Varint32());
  r.key = in.String();
  r.etag = in.String();
  r.identity = in.String();
  r.bound_size_bytes = in.Varint();
  r.made_key = in.String();
  r.attempt = in.String();
  r.attempt_key = in.String();
  r.attempt_generation = Generation(in.Varint());
  r.attempt_attr_version = in.Varint();
  r.attempt_started_ns = in.SignedVarint();
  r.attempt_size_bytes = in.Varint();
  r.attempt_mtime_ns = in.SignedVarint();
  r.attempt_file = in.String();
  r.origin_generation = Generation(in.Varint());
  r.queue_key = in.String();
}

}  // namespace

std::string InodeRecord::Encode() const {
  std::string out =
      Start(128 + name.size() + symlink_target.size() + key.size() + etag.size() + identity.size() +
            made_key.size() + attempt.size() + attempt_key.size() + queue_key.size());
  AppendAttributes(out, *this);
  AppendNames(out, *this);
  AppendPersistence(out, *this);
  return out;
}

Result<InodeRecord> InodeRecord::Decode(std::string_view bytes) {
  Reader in(bytes);
  RETURN_IF_ERROR(CheckVersion(in, "inode"));
  InodeRecord r;
  const uint8_t flags = ReadAttributes(in, r);
  ReadNames(in, r);
  ReadPersistence(in, r);
  RETURN_IF_ERROR(in.Finish("inode"));
  if (!Known(r.type)) return BadField("inode", "type");
  r.synced = (flags & kSynced) != 0;
  r.lost = (flags & kLost) != 0;
  r.never_persist = (flags & kNeverPersist) != 0;
  r.bound = (flags & kBound) != 0;
  r.made = (flags & kMade) != 0;
  r.places = (flags & kPlaces) != 0;
  r.conflict = (flags & kConflicting) != 0;
  r.xattrs = (flags & kXattrs) != 0;
  return r;
}

std::string DentryRecord::Encode() const {
  std::string out = Start(24);
  AppendVarint(out, ino.value);
  AppendByte(out, static_cast<uint8_t>(type));
  AppendVarint(out, cursor);
  return out;
}

Result<DentryRecord> DentryRecord::Decode(std::string_view bytes) {
  Reader in(bytes);
  RETURN_IF_ERROR(CheckVersion(in, "dentry"));
  DentryRecord r;
  r.ino = InodeId(in.Varint());
  r.type = static_cast<role::FileType>(in.U8());
  r.cursor = in.Varint();
  RETURN_IF_ERROR(in.Finish("dentry"));
  if (!Known(r.type)) return BadField("dentry", "type");
  return r;
}

std::string CursorRecord::Encode() const {
  std::string out = Start(16 + name.size());
  AppendString(out, name);
  AppendVarint(out, ino.value);
  AppendByte(out, static_cast<uint8_t>(type));
  return out;
}

Result<CursorRecord> CursorRecord::Decode(std::string_view bytes) {
  Reader in(bytes);
  RETURN_IF_ERROR(CheckVersion(in, "cursor"));
  CursorRecord r;
  r.name = in.String();
  r.ino = InodeId(in.Varint());
  r.type = static_cast<role::FileType>(in.U8());
  RETURN_IF_ERROR(in.Finish("cursor"));
  if (!Known(r.type)) return BadField("cursor", "type");
  return r;
}

// Version 1 has only the path, URI and identity. The mount of the root without options is still
// written that way.
std::string MountRecord::Encode() const {
  const bool first = root == kRootInode && !read_only && !unmounting && options.empty();
  std::string out = Start(16 + path.size() + uri.size() + identity.size());
  if (!first) out.back() = static_cast<char>(kMountVersion);
  AppendString(out, path);
  AppendString(out, uri);
  AppendString(out, identity);
  if (first) return out;
  AppendVarint(out, root.value);
  AppendByte(
      out, static_cast<uint8_t>((read_only ? kReadOnlyMount : 0) | (unmounting ? kUnmounting : 0)));
  AppendVarint(out, options.size());
  for (const auto& [name, value] : options) {
    AppendString(out, name);
    AppendString(out, value);
  }
  return out;
}

Result<MountRecord> MountRecord::Decode(std::string_view bytes) {
  const bool later = !bytes.empty() && bytes.front() == static_cast<char>(kMountVersion);
  Reader in(bytes);
  if (later) {
    in.U8();
  } else {
    RETURN_IF_ERROR(CheckVersion(in, "mount"));
  }
  MountRecord r;
  r.path = in.String();
  r.uri = in.String();
  r.identity = in.String();
  uint8_t flags = 0;
  if (later) {
    r.root = InodeId(in.Varint());
    flags = in.U8();
    r.options.resize(in.Count(2));
    for (auto& [name, value] : r.options) {
      name = in.String();
      value = in.String();
    }
  }
  RETURN_IF_ERROR(in.Finish("mount"));
  if ((flags & ~(kReadOnlyMount | kUnmounting)) != 0) return BadField("mount", "flags");
  r.read_only = (flags & kReadOnlyMount) != 0;
  r.unmounting = (flags & kUnmounting) != 0;
  return r;
}

std::string PlaceRecord::Encode() const {
  std::string out = Start(12);
  AppendByte(out, static_cast<uint8_t>(kind));
  AppendVarint(out, generation.value);
  AppendString(out, etag);
  return out;
}

Result<PlaceRecord> PlaceRecord::Decode(std::string_view bytes) {
  Reader in(bytes);
  RETURN_IF_ERROR(CheckVersion(in, "place"));
  PlaceRecord r;
  r.kind = static_cast<Kind>(in.U8());
  r.generation = Generation(in.Varint());
  r.etag = in.String();
  RETURN_IF_ERROR(in.Finish("place"));
  if (r.kind > Kind::kMarkers) return BadField("place", "kind");
  return r;
}

std::string LedgerRecord::Encode() const {
  std::string out = Start(32 + etag.size() + queue_key.size() + 8 * claimants.size());
  AppendByte(out, static_cast<uint8_t>(intent));
  AppendVarint(out, owner.value);
  AppendSignedVarint(out, attempt_started_ns);
  AppendString(out, etag);
  AppendMarks(out, marks);
  AppendString(out, queue_key);
  AppendVarint(out, claimants.size());
  for (InodeId claimant : claimants) AppendVarint(out, claimant.value);
  return out;
}

Result<LedgerRecord> LedgerRecord::Decode(std::string_view bytes) {
  Reader in(bytes);
  RETURN_IF_ERROR(CheckVersion(in, "ledger"));
  LedgerRecord r;
  r.intent = static_cast<Intent>(in.U8());
  r.owner = InodeId(in.Varint());
  r.attempt_started_ns = in.SignedVarint();
  r.etag = in.String();
  ReadMarks(in, r.marks);
  r.queue_key = in.String();
  r.claimants.resize(in.Count(1));
  for (InodeId& claimant : r.claimants) claimant = InodeId(in.Varint());
  RETURN_IF_ERROR(in.Finish("ledger"));
  if (r.intent > Intent::kClaim) return BadField("ledger", "intent");
  return r;
}

std::string ListingRecord::Encode() const {
  std::string out = Start(16);
  AppendByte(out, complete ? 1 : 0);
  AppendSignedVarint(out, listed_ns);
  return out;
}

Result<ListingRecord> ListingRecord::Decode(std::string_view bytes) {
  Reader in(bytes);
  RETURN_IF_ERROR(CheckVersion(in, "listing"));
  ListingRecord r;
  r.complete = in.Bool();
  r.listed_ns = in.SignedVarint();
  RETURN_IF_ERROR(in.Finish("listing"));
  return r;
}

std::string QueueRecord::Encode() const {
  std::string out = Start(40 + key.size() + last_error.size());
  AppendByte(out, static_cast<uint8_t>(what));
  AppendVarint(out, ino.value);
  AppendVarint(out, mount.value);
  AppendString(out, key);
  AppendSignedVarint(out, queued_ns);
  AppendVarint(out, attempts);
  AppendString(out, last_error);
  return out;
}

Result<QueueRecord> QueueRecord::Decode(std::string_view bytes) {
  Reader in(bytes);
  RETURN_IF_ERROR(CheckVersion(in, "queue entry"));
  QueueRecord r;
  r.what = static_cast<What>(in.U8());
  r.ino = InodeId(in.Varint());
  r.mount = MountId(in.Varint32());
  r.key = in.String();
  r.queued_ns = in.SignedVarint();
  r.attempts = in.Varint32();
  r.last_error = in.String();
  RETURN_IF_ERROR(in.Finish("queue entry"));
  if (r.what > What::kDeleteKey) return BadField("queue entry", "kind");
  return r;
}

}  // namespace tarn::meta
