// An object store in memory: flat keys in one ordered map.

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "ufs/memory.h"
#include "ufs/shared/call.h"
#include "ufs/shared/coverage.h"

namespace tarn::ufs {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

struct Object {
  std::shared_ptr<const std::string> bytes;
  std::string etag;
  int64_t mtime_ns = 0;
  std::map<std::string, std::string> metadata;
  std::optional<FileAttributes> attributes;
};

struct OpenUpload {
  OpenUpload(std::string_view its_key, const CreateOptions& its_options, int64_t now_ns)
      : key(its_key),
        options(its_options),
        started_ns(now_ns),
        bytes(its_options.size_bytes, '\0'),
        coverage(its_options.size_bytes) {}

  const std::string key;
  const CreateOptions options;
  const int64_t started_ns;
  bool held = true;  // An Upload object refers to it.
  std::string bytes;
  Coverage coverage;
};

// The part of `key` directly below `prefix`; a directory's ends in '/'.
std::string_view NameBelow(std::string_view key, size_t prefix_size) {
  const std::string_view rest = key.substr(prefix_size);
  const size_t slash = rest.find('/');
  return slash == std::string_view::npos ? rest : rest.substr(0, slash + 1);
}

// The least string after all strings that start with `prefix`, which ends in '/'.
std::string BehindPrefix(std::string prefix) {
  prefix.back() = '/' + 1;
  return prefix;
}

std::string PrefixOf(std::string_view directory_key) {
  return directory_key.empty() ? "" : Concat(directory_key, "/");
}

class MemoryUfs final : public UnderFileSystem {
 public:
  MemoryUfs(const Clock& clock, Markers markers, Keeps keeps) : clock_(clock), keeps_(keeps) {
    traits_.scheme = "mem";
    traits_.conditional_writes = true;
    traits_.object_metadata = true;
    traits_.directory_markers = traits_.writes_markers = markers == Markers::kWritten;
  }

  const UfsTraits& Traits() const override { return traits_; }
  AttributeStore* Attributes() override { return nullptr; }
  Result<std::string> SourceIdentity(const CallOptions& call) override;
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) override;
  Result<ObjectInfo> StatObject(std::string_view key, ObjectType type,
                                const CallOptions& call) override;
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call) override;
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call) override;
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call) override;
  Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) override;
  Status AbortUpload(const PendingUpload& upload, const CallOptions& call) override;
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override;
  std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                             const CallOptions& call) override;
  Status Sync(const CallOptions& call) override { return CheckCall(call, clock_); }

  // Called by uploads, which name themselves by their ids. kNotFound: it was committed or aborted.
  Status WritePart(const std::string& id, uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call);
  Result<ObjectInfo> Commit(const std::string& id, const Precondition& precondition,
                            std::string_view key, const CallOptions& call);
  Status Abort(const std::string& id, const CallOptions& call);
  void LetGo(const std::string& id);

 private:
  Status CheckObjectKey(std::string_view key) const;
  bool IsPrefix(std::string_view key) const REQUIRES(mutex_);
  Status CheckPrecondition(std::string_view key, const Precondition& precondition) const
      REQUIRES(mutex_);
  ObjectInfo InfoOf(std::string_view key, const Object& object) const REQUIRES(mutex_);
  ObjectInfo Store(std::string_view key, Object object) REQUIRES(mutex_);
  ObjectInfo MoveMarker(std::string_view from, std::string_view to) REQUIRES(mutex_);
  Status DeleteOne(const DeleteRequest& request) REQUIRES(mutex_);

  void TellAttributes(const Object& object, ObjectInfo& info) const REQUIRES(mutex_);

  const Clock& clock_;
  const Keeps keeps_;
  UfsTraits traits_;
  Mutex mutex_;
  std::map<std::string, Object, std::less<>> objects_ GUARDED_BY(mutex_);
  std::map<std::string, OpenUpload> uploads_ GUARDED_BY(mutex_);
  uint64_t last_number_ GUARDED_BY(mutex_) = 0;  // Counts ETags and uploads.
};

class MemoryUpload final : public Upload {
 public:
  MemoryUpload(MemoryUfs& ufs, std::string id, std::string_view key, Precondition precondition)
      : ufs_(ufs), id_(std::move(id)), key_(key), precondition_(std::move(precondition)) {}
  ~MemoryUpload() override { ufs_.LetGo(id_); }

  std::string UploadId() const override { return id_; }
  std::string File() const override { return ""; }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override {
    return ufs_.WritePart(id_, offset_bytes, data, call);
  }
  Status CopyPart(uint64_t offset_bytes, const PartSource& from, uint64_t length_bytes,
                  const CallOptions& call) override {
    std::vector<std::byte> bytes(length_bytes);
    ASSIGN_OR_RETURN(const size_t got,
                     ufs_.Read(from.key, from.etag, from.offset_bytes, bytes, call));
    if (got < length_bytes) {
      return Status(Code::kStale, Concat("copy of ", from.key, ": too short"));
    }
    return ufs_.WritePart(id_, offset_bytes, bytes, call);
  }
  Result<ObjectInfo> Commit(const CallOptions& call) override {
    return ufs_.Commit(id_, precondition_, key_, call);
  }
  Status Abort(const CallOptions& call) override { return ufs_.Abort(id_, call); }

 private:
  MemoryUfs& ufs_;
  const std::string id_;
  const std::string key_;
  const Precondition precondition_;
};

Status MemoryUfs::CheckObjectKey(std::string_view key) const {
  RETURN_IF_ERROR(CheckKey(key));
  if (key.empty()) return Status(Code::kIsDirectory, "the root is no object");
  if (key.size() <= traits_.max_key_bytes) return OkStatus();
  return Status(Code::kNameTooLong, Concat("key of ", key.size(), " bytes"));
}

bool MemoryUfs::IsPrefix(std::string_view key) const {
  if (key.empty()) return true;
  const std::string prefix = PrefixOf(key);
  auto it = objects_.lower_bound(prefix);
  return it != objects_.end() && it->first.starts_with(prefix);
}

Status MemoryUfs::CheckPrecondition(std::string_view key, const Precondition& precondition) const {
  if (precondition.kind == Precondition::Kind::kNone) return OkStatus();
  auto it = objects_.find(key);
  const bool there = it != objects_.end();
  const bool wants_absent = precondition.kind == Precondition::Kind::kAbsent;
  const bool holds = wants_absent ? !there : there && it->second.etag == precondition.etag;
  return holds ? OkStatus() : Status(Code::kStale, Concat(key, ": something else is there"));
}

ObjectInfo MemoryUfs::InfoOf(std::string_view key, const Object& object) const {
  ObjectInfo info;
  info.key = std::string(key);
  if (key.ends_with('/')) {
    info.key.pop_back();
    info.type = ObjectType::kDirectory;
    return info;
  }
  info.size_bytes = object.bytes->size();
  info.etag = object.etag;
  info.mtime_ns = object.mtime_ns;
  if (keeps_ == Keeps::kAttributes) info.stored_s = object.mtime_ns / kNsPerSecond;
  return info;
}

ObjectInfo MemoryUfs::Store(std::string_view key, Object object) {
  ++last_number_;
  object.etag = keeps_ == Keeps::kAttributes ? Concat("h", std::hash<std::string>()(*object.bytes))
                                             : Concat("e", last_number_);
  object.mtime_ns = clock_.WallNs();
  auto stored = objects_.insert_or_assign(std::string(key), std::move(object)).first;
  return InfoOf(key, stored->second);
}

Result<std::string> MemoryUfs::SourceIdentity(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  return std::string("mem");
}

Result<ObjectInfo> MemoryUfs::Stat(std::string_view key, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  RETURN_IF_ERROR(CheckKey(key));
  MutexLock lock(mutex_);
  auto it = objects_.find(key);
  if (it != objects_.end()) {
    ObjectInfo info = InfoOf(key, it->second);
    info.metadata = it->second.metadata;
    TellAttributes(it->second, info);
    return info;
  }
  if (!IsPrefix(key)) return Status(Code::kNotFound, Concat("stat ", key));
  ObjectInfo info;
  info.key = std::string(key);
  info.type = ObjectType::kDirectory;
  info.attributes_untold = keeps_ == Keeps::kAttributes;
  const auto marker = objects_.find(ObjectKey(key, info.type));
  if (marker != objects_.end()) info.metadata = marker->second.metadata;
  return info;
}

void MemoryUfs::TellAttributes(const Object& object, ObjectInfo& info) const {
  if (!object.attributes) return;
  info.mode_kept = info.uid_kept = info.gid_kept = true;
  info.mode = object.attributes->mode;
  info.uid = object.attributes->uid;
  info.gid = object.attributes->gid;
  info.mtime_ns = object.attributes->mtime_ns;
}

Result<ObjectInfo> MemoryUfs::StatObject(std::string_view key, ObjectType type,
                                         const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  MutexLock lock(mutex_);
  auto it = objects_.find(ObjectKey(key, type));
  if (it == objects_.end()) return Status(Code::kNotFound, Concat("stat object ", key));
  ObjectInfo info = InfoOf(it->first, it->second);
  TellAttributes(it->second, info);
  return info;
}

Result<ListPage> MemoryUfs::List(std::string_view directory_key, const ListOptions& options,
                                 const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  RETURN_IF_ERROR(CheckKey(directory_key));
  const std::string prefix = PrefixOf(directory_key);
  const std::string after = prefix + options.start_after;
  MutexLock lock(mutex_);
  auto it = options.start_after.empty()         ? objects_.lower_bound(prefix)
            : options.start_after.back() == '/' ? objects_.lower_bound(BehindPrefix(after))
                                                : objects_.upper_bound(after);
  ListPage page;
  const size_t page_size = std::max<size_t>(options.page_size, 1);
  std::string last;
  while (it != objects_.end() && it->first.starts_with(prefix)) {
    if (page.entries.size() == page_size) {
      page.next_start_after = last;
      break;
    }
    last = NameBelow(it->first, prefix.size());
    if (last.empty()) {  // The directory's own marker.
      ++it;
      continue;
    }
    if (last.back() != '/') {
      page.entries.push_back(InfoOf(it->first, it->second));
      page.entries.back().attributes_untold = keeps_ == Keeps::kAttributes;
      ++it;
      continue;
    }
    ObjectInfo& directory = page.entries.emplace_back();
    directory.key = prefix + last.substr(0, last.size() - 1);
    directory.type = ObjectType::kDirectory;
    directory.attributes_untold = keeps_ == Keeps::kAttributes;
    it = objects_.lower_bound(BehindPrefix(prefix + last));
  }
  return page;
}

Result<size_t> MemoryUfs::Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                               std::span<std::byte> out, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  RETURN_IF_ERROR(CheckObjectKey(key));
  std::shared_ptr<const std::string> bytes;
  {
    MutexLock lock(mutex_);
    auto it = objects_.find(key);
    if (it == objects_.end() && IsPrefix(key)) {
      return Status(Code::kIsDirectory, Concat("read ", key));
    }
    if (it == objects_.end()) return Status(Code::kNotFound, Concat("read ", key));
    if (!etag.empty() && it->second.etag != etag) {
      return Status(Code::kStale, Concat("read ", key, ": it was replaced"));
    }
    bytes = it->second.bytes;
    if (call.told != nullptr) {
      *call.told = InfoOf(it->first, it->second);
      TellAttributes(it->second, *call.told);
    }
  }
  if (offset_bytes >= bytes->size()) return size_t{0};
  const size_t size = std::min(out.size(), bytes->size() - static_cast<size_t>(offset_bytes));
  std::copy_n(reinterpret_cast<const std::byte*>(bytes->data()) + offset_bytes, size, out.begin());
  return size;
}

Result<std::unique_ptr<Upload>> MemoryUfs::Create(std::string_view key,
                                                  const CreateOptions& options,
                                                  const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  RETURN_IF_ERROR(CheckObjectKey(key));
  RETURN_IF_ERROR(CheckMarker(traits_, key, options));
  const std::string object_key = ObjectKey(key, options.type);
  const int64_t now_ns = clock_.WallNs();
  MutexLock lock(mutex_);
  std::string id = Concat("u", ++last_number_);
  uploads_.try_emplace(id, object_key, options, now_ns);
  return std::unique_ptr<Upload>(
      std::make_unique<MemoryUpload>(*this, std::move(id), object_key, options.precondition));
}

Status MemoryUfs::WritePart(const std::string& id, uint64_t offset_bytes,
                            std::span<const std::byte> data, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  MutexLock lock(mutex_);
  auto it = uploads_.find(id);
  if (it == uploads_.end()) return Status(Code::kNotFound, Concat("write to upload ", id));
  OpenUpload& upload = it->second;
  RETURN_IF_ERROR(upload.coverage.CheckPart(offset_bytes, data.size()));
  const auto* bytes = reinterpret_cast<const char*>(data.data());
  std::copy_n(bytes, data.size(), upload.bytes.begin() + static_cast<ptrdiff_t>(offset_bytes));
  upload.coverage.Add(offset_bytes, data.size());
  return OkStatus();
}

Result<ObjectInfo> MemoryUfs::Commit(const std::string& id, const Precondition& precondition,
                                     std::string_view key, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  MutexLock lock(mutex_);
  RETURN_IF_ERROR(CheckPrecondition(key, precondition));
  auto it = uploads_.find(id);
  if (it == uploads_.end()) return Status(Code::kNotFound, Concat("commit upload ", id));
  RETURN_IF_ERROR(it->second.coverage.CheckComplete());
  Object object;
  object.bytes = std::make_shared<const std::string>(std::move(it->second.bytes));
  object.metadata = it->second.options.metadata;
  if (keeps_ == Keeps::kAttributes) object.attributes = it->second.options.attributes;
  uploads_.erase(it);
  return Store(key, std::move(object));
}

Status MemoryUfs::Abort(const std::string& id, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  MutexLock lock(mutex_);
  uploads_.erase(id);
  return OkStatus();
}

void MemoryUfs::LetGo(const std::string& id) {
  MutexLock lock(mutex_);
  auto it = uploads_.find(id);
  if (it != uploads_.end()) it->second.held = false;
}

Result<std::vector<PendingUpload>> MemoryUfs::ListUploads(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  MutexLock lock(mutex_);
  std::vector<PendingUpload> found;
  for (const auto& [id, upload] : uploads_) {
    if (upload.held) continue;
    found.push_back(
        {upload.key.substr(0, upload.key.find_last_not_of('/') + 1), id, upload.started_ns});
  }
  return found;
}

Status MemoryUfs::AbortUpload(const PendingUpload& upload, const CallOptions& call) {
  return Abort(upload.upload_id, call);
}

ObjectInfo MemoryUfs::MoveMarker(std::string_view from, std::string_view to) {
  const std::string key = ObjectKey(to, ObjectType::kDirectory);
  const auto it = objects_.find(ObjectKey(from, ObjectType::kDirectory));
  if (it == objects_.end()) return InfoOf(key, {});
  Object marker = std::move(it->second);
  objects_.erase(it);
  // A marker without bytes and metadata does not replace one that may have them.
  const bool says_more = !marker.metadata.empty() || marker.attributes;
  const auto there = objects_.find(key);
  if (there != objects_.end() && !says_more) return InfoOf(key, there->second);
  return Store(key, std::move(marker));
}

Result<ObjectInfo> MemoryUfs::Move(std::string_view from, std::string_view to,
                                   const MoveOptions& options, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call, clock_));
  RETURN_IF_ERROR(CheckObjectKey(from));
  RETURN_IF_ERROR(CheckObjectKey(to));
  MutexLock lock(mutex_);
  if (options.type == ObjectType::kDirectory) return MoveMarker(from, to);
  auto it = objects_.find(from);
  if (it == objects_.end()) return Status(Code::kNotFound, Concat("copy ", from));
  RETURN_IF_ERROR(CheckPrecondition(from, options.source));
  RETURN_IF_ERROR(CheckPrecondition(to, options.target));
  Object made = it->second;
  for (const auto& [name, value] : options.metadata) made.metadata[name] = value;
  return Store(to, std::move(made));
}

Status MemoryUfs::DeleteOne(const DeleteRequest& request) {
  RETURN_IF_ERROR(CheckObjectKey(request.key));
  auto it = objects_.find(ObjectKey(request.key, request.type));
  if (it == objects_.end()) return OkStatus();
  RETURN_IF_ERROR(CheckPrecondition(it->first, request.precondition));
  objects_.erase(it);
  return OkStatus();
}

std::vector<Status> MemoryUfs::Delete(std::span<const DeleteRequest> requests,
                                      const CallOptions& call) {
  std::vector<Status> results;
  results.reserve(requests.size());
  MutexLock lock(mutex_);
  for (const DeleteRequest& request : requests) {
    Status status = CheckCall(call, clock_);
    results.push_back(status.ok() ? DeleteOne(request) : status);
  }
  return results;
}

}  // namespace

std::unique_ptr<UnderFileSystem> NewMemoryUfs(const Clock& clock, Markers markers, Keeps keeps) {
  return std::make_unique<MemoryUfs>(clock, markers, keeps);
}

}  // namespace tarn::ufs
