#include "ufs/local/local_upload.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"
#include "ufs/local/fresh_name.h"
#include "ufs/local/local_attributes.h"
#include "ufs/local/local_exchange.h"
#include "ufs/local/local_paths.h"
#include "ufs/shared/coverage.h"

namespace tarn::ufs {
namespace {

class LocalUpload final : public Upload {
 public:
  LocalUpload(LocalRoot& root, std::string_view key, std::unique_ptr<FreshName> source,
              Descriptor file, const CreateOptions& options)
      : root_(root),
        key_(key),
        source_(std::move(source)),
        file_(std::move(file)),
        precondition_(options.precondition),
        exactly_(options.exactly),
        size_bytes_(options.size_bytes),
        coverage_(options.size_bytes) {
    for (const Extent& hole : options.holes) coverage_.Add(hole.offset_bytes, hole.length_bytes);
  }

  std::string UploadId() const override { return source_->id(); }
  std::string File() const override {
    const Result<struct statx> st = StatDescriptor(file_.get());
    return st.ok() ? FileOf(*st) : "";
  }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override;
  Status CopyPart(uint64_t, const PartSource&, uint64_t, const CallOptions&) override {
    return Status(Code::kUnsupported, Concat("copy a part of ", key_, ": a directory copies none"));
  }
  Result<ObjectInfo> Commit(const CallOptions& call) override;
  Status Abort(const CallOptions& call) override;

 private:
  Status WriteBytes(uint64_t offset_bytes, std::span<const std::byte> data,
                    const CallOptions& call);

  LocalRoot& root_;
  const std::string key_;
  const std::unique_ptr<FreshName> source_;
  const Descriptor file_;
  const Precondition precondition_;
  const std::optional<AttributeChange> exactly_;
  const uint64_t size_bytes_;
  Mutex mutex_;  // A leaf.
  Coverage coverage_ GUARDED_BY(mutex_);
};

constexpr uint64_t kHoleBytes = 64 << 10;

bool IsZero(std::span<const std::byte> bytes) {
  return bytes[0] == std::byte{0} && memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

// Whether the file has no data there. A part that is sent again finds the data of the first.
bool HoldsNothing(int file, uint64_t begin, uint64_t end) {
  const off_t data = lseek(file, static_cast<off_t>(begin), SEEK_DATA);
  return data < 0 ? errno == ENXIO : static_cast<uint64_t>(data) >= end;
}

// Bytes of a part that are written together, or that are zeros and stay a hole.
struct Run {
  size_t end;  // In the part.
  bool is_hole;
};

// The end, in the part, of the block of the file that has byte `begin` of the part.
size_t BlockEnd(uint64_t offset_bytes, std::span<const std::byte> data, size_t begin) {
  const uint64_t left = kHoleBytes - (offset_bytes + begin) % kHoleBytes;
  return begin + static_cast<size_t>(std::min<uint64_t>(left, data.size() - begin));
}

Run NextRun(int file, uint64_t offset_bytes, std::span<const std::byte> data, size_t begin) {
  size_t end = begin;
  bool zeros = false;
  do {
    const size_t next = BlockEnd(offset_bytes, data, end);
    const bool zero = IsZero(data.subspan(end, next - end));
    if (end > begin && zero != zeros) break;
    zeros = zero;
    end = next;
  } while (end < data.size());
  return {end, zeros && HoldsNothing(file, offset_bytes + begin, offset_bytes + end)};
}

Status LocalUpload::WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                              const CallOptions& call) {
  RETURN_IF_ERROR(root_.Check(call));
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(coverage_.CheckPart(offset_bytes, data.size()));
  }
  for (size_t begin = 0; begin < data.size();) {
    const Run run = NextRun(file_.get(), offset_bytes, data, begin);
    const std::span<const std::byte> bytes = data.subspan(begin, run.end - begin);
    if (!run.is_hole) RETURN_IF_ERROR(WriteBytes(offset_bytes + begin, bytes, call));
    begin = run.end;
  }
  MutexLock lock(mutex_);
  coverage_.Add(offset_bytes, data.size());
  return OkStatus();
}

Status LocalUpload::WriteBytes(uint64_t offset_bytes, std::span<const std::byte> data,
                               const CallOptions& call) {
  while (!data.empty()) {
    RETURN_IF_ERROR(root_.Check(call));
    const ssize_t put =
        pwrite(file_.get(), data.data(), data.size(), static_cast<off_t>(offset_bytes));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ErrnoStatus(errno, Concat("upload ", key_));
    data = data.subspan(static_cast<size_t>(put));
    offset_bytes += static_cast<uint64_t>(put);
  }
  return OkStatus();
}

Result<ObjectInfo> LocalUpload::Commit(const CallOptions& call) {
  RETURN_IF_ERROR(root_.Check(call));
  {
    MutexLock lock(mutex_);
    RETURN_IF_ERROR(coverage_.CheckComplete());
  }
  // The file may end with a hole.
  if (ftruncate(file_.get(), static_cast<off_t>(size_bytes_)) != 0) {
    return ErrnoStatus(errno, Concat("upload ", key_));
  }
  // Sync before readers see the file: a power cut must not leave half an object under its name.
  if (fdatasync(file_.get()) != 0) return ErrnoStatus(errno, Concat("sync upload ", key_));
  // Look again: another writer may have moved the directory that Create found.
  ASSIGN_OR_RETURN(Place target, FindNew(root_.get(), key_));
  const OwnerAccess::Grant grant(root_.access(), target.directory.get(), kChangeNames);
  if (exactly_) RETURN_IF_ERROR(ApplyOrLeaveOwner(file_.get(), *exactly_, root_.access()));
  ASSIGN_OR_RETURN(const struct statx made, StatDescriptor(file_.get()));
  MoveOptions options;
  options.target = precondition_;
  RETURN_IF_ERROR(PutInPlace(source_->place(), target, options));
  RETURN_IF_ERROR(root_.syncer().NoteChange(target.directory));
  return DescribeGiven(file_.get(), made, key_);
}

Status LocalUpload::Abort(const CallOptions& call) {
  RETURN_IF_ERROR(root_.Check(call));
  return source_->Remove();
}

}  // namespace

Result<std::unique_ptr<Upload>> NewLocalUpload(LocalRoot& root, HeldUploads& held,
                                               std::string_view key, const CreateOptions& options) {
  ASSIGN_OR_RETURN(Place target, FindNew(root.get(), key));
  // Fail before all bytes are sent: the name is too long, or a directory has it.
  Result<struct statx> there = StatAt(target.directory.get(), target.name.c_str());
  if (!there.ok() && there.code() != Code::kNotFound) return there.status();
  if (there.ok() && S_ISDIR(there->stx_mode)) {
    return Status(Code::kIsDirectory, Concat("upload ", key));
  }
  auto source = std::make_unique<FreshName>(root, held, target, key);
  const OwnerAccess::Grant grant(root.access(), target.directory.get(), kChangeNames);
  Descriptor file(openat(source->place().directory.get(), source->place().name.c_str(),
                         O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return ErrnoStatus(errno, Concat("upload ", key));
  return std::unique_ptr<Upload>(
      std::make_unique<LocalUpload>(root, key, std::move(source), std::move(file), options));
}

}  // namespace tarn::ufs
