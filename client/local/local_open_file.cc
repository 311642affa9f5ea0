#include "client/local/local_open_file.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "client/local/local_opener.h"

namespace tarn::client {
namespace {

// What lseek(2) calls ENXIO: no data, or no file, from there on.
Status NothingThere(InodeId ino) {
  return Status(Code::kRange, Concat("seek in inode ", ino.value, ": nothing there"));
}

}  // namespace

LocalOpenFile::LocalOpenFile(LocalOpener& opener, Shared& shared, Privileges& privileges,
                             host::OpenInodePtr inode, int flags, IoMode mode)
    : opener_(opener), shared_(shared), privileges_(privileges) {
  handle_.inode = std::move(inode);
  handle_.writes = (flags & O_ACCMODE) != O_RDONLY;
  handle_.mode = mode;
}

LocalOpenFile::~LocalOpenFile() {
  if (handle_.inode) opener_.Release(handle_);
}

Result<size_t> LocalOpenFile::Read(uint64_t offset_bytes, std::span<std::byte> out) {
  return shared_.pages.Read(*handle_.inode, handle_.reading, offset_bytes, out);
}

Result<OpenFile::InPlace> LocalOpenFile::ReadInPlace(uint64_t offset_bytes, size_t length_bytes) {
  OpenFile::InPlace bytes;
  ASSIGN_OR_RETURN(bytes.length_bytes,
                   shared_.pages.ReadPresent(*handle_.inode, handle_.reading, offset_bytes,
                                             length_bytes, [&](cache::LiveFile& live) {
                                               bytes.descriptor = live.ReadDescriptor();
                                               return live.Readable(offset_bytes, length_bytes);
                                             }));
  return bytes;
}

// Pages that a write covers only in part must be here first. The source has no bytes for those
// behind its end.
Status LocalOpenFile::FillEdges(uint64_t offset_bytes, uint64_t length_bytes) {
  host::OpenInode& inode = *handle_.inode;
  constexpr uint64_t kMask = cache::kPageBytes - 1;
  const uint64_t end = offset_bytes + length_bytes;
  host::Pages& pages = shared_.pages;
  if ((offset_bytes & kMask) != 0) RETURN_IF_ERROR(pages.FetchForWriter(inode, offset_bytes, 1));
  if ((end & kMask) != 0) RETURN_IF_ERROR(pages.FetchForWriter(inode, end - 1, 1));
  return OkStatus();
}

namespace {

// Whether such a write fetches pages before anything else.
bool CutsAbsentPages(const cache::LiveFile& live, uint64_t offset_bytes, uint64_t length_bytes) {
  constexpr uint64_t kMask = cache::kPageBytes - 1;
  const uint64_t end = offset_bytes + length_bytes;
  const auto absent = [&](uint64_t at) { return at < live.CurrentSize() && !live.Present(at, 1); };
  return ((offset_bytes & kMask) != 0 && absent(offset_bytes)) ||
         ((end & kMask) != 0 && absent(end - 1));
}

}  // namespace

Status LocalOpenFile::Write(uint64_t offset_bytes, std::span<const std::byte> data, SetId setid) {
  if (!handle_.writes) return Status(Code::kInvalid, "write to a handle open for reading");
  host::OpenInode& inode = *handle_.inode;
  cache::LiveFile* live = nullptr;
  bool sure = false;
  {
    MutexLock lock(inode.mutex);
    if (inode.discarded) inode.lost_writes = host::kTakenAway;
    if (inode.discarded) return inode.CheckKept();
    live = inode.live.get();
    sure = inode.base_readable || live->Complete();
  }
  if (!sure && !CutsAbsentPages(*live, offset_bytes, data.size())) {
    RETURN_IF_ERROR(shared_.pages.CheckBase(inode));
  }
  RETURN_IF_ERROR(privileges_.Clear(inode, setid));
  const Status written = host::WithPages(
      [&] { return shared_.room.Run([&] { return live->Write(offset_bytes, data); }); },
      [&] { return FillEdges(offset_bytes, data.size()); });
  return written.ok() ? written : DeferIfReplaced(written);
}

// Another client replaced the file, which lost its name by that, and the page that the write is in:
// the error comes with fsync and close, like that of a disk that fails.
Status LocalOpenFile::DeferIfReplaced(const Status& error) {
  host::OpenInode& inode = *handle_.inode;
  MutexLock lock(inode.mutex);
  const bool replaced = inode.unlinked && inode.binding.gone;
  if (error.code() != Code::kIo || !replaced) return error;
  inode.lost_writes = "another client has replaced the file while it was open";
  return OkStatus();
}

Status LocalOpenFile::Allocate(int mode, uint64_t offset_bytes, uint64_t length_bytes,
                               SetId setid) {
  if (!handle_.writes) return Status(Code::kInvalid, "allocate on a handle open for reading");
  host::OpenInode& inode = *handle_.inode;
  RETURN_IF_ERROR(shared_.pages.CheckBase(inode));
  RETURN_IF_ERROR(privileges_.Clear(inode, setid));
  // What allocates only changes no byte of the file, so its absent pages may stay absent.
  const bool allocates = (mode & ~FALLOC_FL_KEEP_SIZE) == 0;
  const auto change = [&] {
    MutexLock lock(inode.mutex);
    if (!allocates && !inode.live->Complete()) {
      return Status(Code::kNotFound, Concat("allocate in inode ", inode.ino.value));
    }
    if (fallocate(inode.live->WriteDescriptor(), mode, static_cast<off_t>(offset_bytes),
                  static_cast<off_t>(length_bytes)) == 0) {
      return OkStatus();
    }
    return ErrnoStatus(errno, Concat("allocate in inode ", inode.ino.value));
  };
  return host::WithPages(change,
                         [&] { return shared_.pages.FetchForWriter(inode, 0, host::kWholeFile); });
}

Result<uint64_t> LocalOpenFile::Seek(int64_t offset_bytes, int whence) {
  host::OpenInode& inode = *handle_.inode;
  MutexLock lock(inode.mutex);
  const auto size = static_cast<int64_t>(inode.live->CurrentSize());
  if (!inode.live->Complete()) {  // Its holes are not the file's: all of it counts as data.
    if (offset_bytes < 0 || offset_bytes >= size) return NothingThere(inode.ino);
    return static_cast<uint64_t>(whence == SEEK_HOLE ? size : offset_bytes);
  }
  const off_t at = lseek(inode.live->ReadDescriptor(), offset_bytes, whence);
  if (at < 0 && errno == ENXIO) return NothingThere(inode.ino);
  if (at < 0) return ErrnoStatus(errno, "seek in inode " + std::to_string(inode.ino.value));
  return static_cast<uint64_t>(at);
}

Result<size_t> LocalOpenFile::CopyFrom(OpenFile& source, uint64_t from_offset, uint64_t to_offset,
                                       size_t length_bytes, SetId setid) {
  if (!handle_.writes) return Status(Code::kInvalid, "copy to a handle open for reading");
  RETURN_IF_ERROR(privileges_.Clear(*handle_.inode, setid));
  const std::optional<int> in = source.WholeDescriptor();
  int out = -1;
  {
    MutexLock lock(handle_.inode->mutex);
    if (handle_.inode->live->Complete()) out = handle_.inode->live->WriteDescriptor();
  }
  auto in_at = static_cast<off_t>(from_offset);
  auto out_at = static_cast<off_t>(to_offset);
  if (in && out >= 0) {
    const ssize_t copied = copy_file_range(*in, &in_at, out, &out_at, length_bytes, 0);
    if (copied >= 0) return static_cast<size_t>(copied);
    if (errno != EXDEV && errno != EOPNOTSUPP && errno != EINVAL) {
      return ErrnoStatus(errno, "copy a range");
    }
  }
  return CopyThrough(source, from_offset, to_offset, length_bytes);
}

// Copies by reading and writing one piece: the caller takes a short count, and asks for the rest.
Result<size_t> LocalOpenFile::CopyThrough(OpenFile& source, uint64_t from_offset,
                                          uint64_t to_offset, size_t length_bytes) {
  std::vector<std::byte> buffer(std::min<size_t>(length_bytes, cache::kPageBytes));
  ASSIGN_OR_RETURN(size_t got, source.Read(from_offset, buffer));
  if (got == 0) return size_t{0};
  RETURN_IF_ERROR(Write(to_offset, std::span(buffer.data(), got), SetId::kKeep));
  return got;
}

std::optional<int> LocalOpenFile::WholeDescriptor() {
  host::OpenInode& inode = *handle_.inode;
  MutexLock lock(inode.mutex);
  if (!inode.live->Complete()) return std::nullopt;
  const int descriptor = inode.live->ReadDescriptor();
  return descriptor < 0 ? std::nullopt : std::optional(descriptor);
}

Status LocalOpenFile::Flush() {
  return handle_.writes ? shared_.committer.Flush(*handle_.inode) : OkStatus();
}

Status LocalOpenFile::Fsync() {
  if (handle_.writes) shared_.committer.SyncAhead(*handle_.inode);
  return shared_.committer.Fsync(*handle_.inode);
}

void LocalOpenFile::Abandon() {
  handle_.inode.reset();
  MutexLock lock(handle_.reading.mutex);
  handle_.reading.passing.reset();  // Its room belongs to the FileSystem, which may go first.
}

}  // namespace tarn::client
