// Bytes through the daemon: for contents not complete on this node, and where the kernel has no
// passthrough.

#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/strings.h"
#include "client/local/local_file_system.h"

namespace tarn::client {
namespace {

constexpr uint32_t kSetIdBits = 06000;
constexpr std::string_view kCapabilities = "security.capability";

// What lseek(2) calls ENXIO: no data, or no file, from there on.
Status NothingThere(InodeId ino) {
  return Status(Code::kRange, Concat("seek in inode ", ino.value, ": nothing there"));
}

}  // namespace

Result<size_t> LocalFileSystem::Read(Handle& handle, uint64_t offset_bytes,
                                     std::span<std::byte> out) {
  return pages_.Read(*handle.inode, handle.reading, offset_bytes, out);
}

Result<OpenFile::InPlace> LocalFileSystem::ReadInPlace(Handle& handle, uint64_t offset_bytes,
                                                       size_t length_bytes) {
  OpenFile::InPlace bytes;
  ASSIGN_OR_RETURN(bytes.length_bytes,
                   pages_.ReadPresent(*handle.inode, handle.reading, offset_bytes, length_bytes,
                                      [&](cache::LiveFile& live) {
                                        bytes.descriptor = live.ReadDescriptor();
                                        return live.Readable(offset_bytes, length_bytes);
                                      }));
  return bytes;
}

// Pages that a write covers only in part must be here first. The source has no bytes for those
// behind its end.
Status LocalFileSystem::FillEdges(host::OpenInode& inode, uint64_t offset_bytes,
                                  uint64_t length_bytes) {
  constexpr uint64_t kMask = cache::kPageBytes - 1;
  const uint64_t end = offset_bytes + length_bytes;
  if ((offset_bytes & kMask) != 0) RETURN_IF_ERROR(pages_.FetchForWriter(inode, offset_bytes, 1));
  if ((end & kMask) != 0) RETURN_IF_ERROR(pages_.FetchForWriter(inode, end - 1, 1));
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

Status LocalFileSystem::Write(Handle& handle, uint64_t offset_bytes,
                              std::span<const std::byte> data, SetId setid) {
  if (!handle.writes) return Status(Code::kInvalid, "write to a handle open for reading");
  host::OpenInode& inode = *handle.inode;
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
    RETURN_IF_ERROR(pages_.CheckBase(inode));
  }
  RETURN_IF_ERROR(ApplySetId(inode, setid));
  const Status written =
      host::WithPages([&] { return room_.Run([&] { return live->Write(offset_bytes, data); }); },
                      [&] { return FillEdges(inode, offset_bytes, data.size()); });
  return written.ok() ? written : DeferIfReplaced(inode, written);
}

// Another client replaced the file, which lost its name by that, and the page that the write is in:
// the error comes with fsync and close, like that of a disk that fails.
Status LocalFileSystem::DeferIfReplaced(host::OpenInode& inode, const Status& error) {
  MutexLock lock(inode.mutex);
  const bool replaced = inode.unlinked && inode.binding.gone;
  if (error.code() != Code::kIo || !replaced) return error;
  inode.lost_writes = "another client has replaced the file while it was open";
  return OkStatus();
}

// The kernel learns of it before the write is answered, since it runs a program by the mode that it
// has.
Status LocalFileSystem::ApplySetId(host::OpenInode& inode, SetId setid) {
  if (setid == SetId::kKeep) return OkStatus();
  const uint64_t seen = inode.mode_changes;
  if (inode.plain_as_of == seen) return OkStatus();
  ASSIGN_OR_RETURN(const role::FileInfo before, deps_.files.GetKnownAttr(inode.ino));
  const bool capable = deps_.files.GetXattr(inode.ino, kCapabilities).ok();
  const bool bits = (before.attr.mode & kSetIdBits) != 0;
  if (!capable && !bits) inode.plain_as_of = seen;
  if (capable && setid == SetId::kClearCapabilities) {
    RETURN_IF_ERROR(deps_.files.RemoveXattr(self_, inode.ino, kCapabilities));
  }
  if (setid == SetId::kClearCapabilities || (!capable && !bits)) return OkStatus();
  role::AttrChange change;
  change.clear_setid = true;
  change.outsider = setid == SetId::kClearAsOutsider;
  ASSIGN_OR_RETURN(const role::FileInfo after, deps_.files.SetAttr(self_, inode.ino, change));
  if (after.attr.mode != before.attr.mode) InvalidateAttributes(inode.ino);
  return OkStatus();
}

Status LocalFileSystem::Allocate(Handle& handle, int mode, uint64_t offset_bytes,
                                 uint64_t length_bytes, SetId setid) {
  if (!handle.writes) return Status(Code::kInvalid, "allocate on a handle open for reading");
  host::OpenInode& inode = *handle.inode;
  RETURN_IF_ERROR(pages_.CheckBase(inode));
  RETURN_IF_ERROR(ApplySetId(inode, setid));
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
  return host::WithPages(change, [&] { return pages_.FetchForWriter(inode, 0, host::kWholeFile); });
}

Result<uint64_t> LocalFileSystem::Seek(Handle& handle, int64_t offset_bytes, int whence) {
  host::OpenInode& inode = *handle.inode;
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

Result<size_t> LocalFileSystem::CopyRange(OpenFile& from, uint64_t from_offset, Handle& to,
                                          uint64_t to_offset, size_t length_bytes, SetId setid) {
  if (!to.writes) return Status(Code::kInvalid, "copy to a handle open for reading");
  RETURN_IF_ERROR(ApplySetId(*to.inode, setid));
  const std::optional<int> in = from.WholeDescriptor();
  int out = -1;
  {
    MutexLock lock(to.inode->mutex);
    if (to.inode->live->Complete()) out = to.inode->live->WriteDescriptor();
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
  return CopyThrough(from, from_offset, to, to_offset, length_bytes);
}

// Copies by reading and writing one piece: the caller takes a short count, and asks for the rest.
Result<size_t> LocalFileSystem::CopyThrough(OpenFile& from, uint64_t from_offset, Handle& to,
                                            uint64_t to_offset, size_t length_bytes) {
  std::vector<std::byte> buffer(std::min<size_t>(length_bytes, cache::kPageBytes));
  ASSIGN_OR_RETURN(size_t got, from.Read(from_offset, buffer));
  if (got == 0) return size_t{0};
  RETURN_IF_ERROR(Write(to, to_offset, std::span(buffer.data(), got), SetId::kKeep));
  return got;
}

}  // namespace tarn::client
