// Bytes through the daemon: for contents not complete on this node, and where the kernel has no
// passthrough.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "client/local_file_system.h"

namespace tarn::client {
namespace {

constexpr int kAttempts = 10;
constexpr auto kChangeWait = std::chrono::milliseconds(20);
constexpr auto kLongestChange = std::chrono::seconds(60);

// The file has a name here, so "no such file" would be the wrong answer.
Status Gone(const Status& status) {
  if (status.code() != Code::kNotFound) return status;
  return Status(Code::kIo, Concat(status.message(), "; the object was removed from the source"));
}

// What lseek(2) calls ENXIO: no data, or no file, from there on.
Status NothingThere(InodeId ino) {
  return Status(Code::kRange, Concat("seek in inode ", ino.value, ": nothing there"));
}

}  // namespace

// The bytes of a file that was renamed are moved in the UFS some time later: the binding read at
// open may be old.
LocalFileSystem::Rebound LocalFileSystem::RefreshBinding(OpenInode& inode,
                                                         const rpc::Binding& failed) {
  Result<rpc::FileInfo> info = deps_.files.GetAttr(inode.ino);
  if (!info.ok()) return Rebound::kSame;
  MutexLock lock(inode.mutex);
  inode.binding = info->binding;
  const bool same = info->binding.key == failed.key && info->binding.etag == failed.etag;
  if (!same) return Rebound::kElsewhere;
  return info->binding.changing ? Rebound::kChanging : Rebound::kSame;
}

Status LocalFileSystem::FetchPages(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes) {
  const Deadline deadline = Deadline::After(deps_.clock, kLongestChange);
  bool asked_again = false;
  for (int attempt = 0;;) {
    cache::LiveFile* live = nullptr;
    rpc::Binding binding;
    {
      MutexLock lock(inode.mutex);
      live = inode.live.get();  // Lives as long as the caller's hold.
      binding = inode.binding;
    }
    Status status = length_bytes == kWholeFile
                        ? deps_.pages.FillWhole(*live, binding)
                        : deps_.pages.Fill(*live, binding, offset_bytes, length_bytes);
    if (status.code() != Code::kStale && status.code() != Code::kNotFound) return status;
    // While the object is moved or given attributes, neither what was known of it nor what will be
    // may answer. A change is settled once the UFS has synced it, which can take a while.
    const Rebound rebound = RefreshBinding(inode, binding);
    if (status.code() == Code::kStale && rebound == Rebound::kSame && !asked_again) {
      // Somebody else replaced it. Whoever opens it from now on shall see that.
      asked_again = true;
      Status asked = deps_.maintenance.Recheck(inode.ino);
      if (!asked.ok()) LogDebug("look again at inode ", inode.ino.value, ": ", asked);
    }
    if (deadline.PassedBy(deps_.clock.Now())) return Gone(status);
    if (rebound != Rebound::kChanging && ++attempt > kAttempts) return Gone(status);
    if (rebound != Rebound::kElsewhere) deps_.clock.SleepFor(kChangeWait, std::stop_token());
  }
}

Status LocalFileSystem::FillPages(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes) {
  return WithBackPressure([&] { return FetchPages(inode, offset_bytes, length_bytes); });
}

// Reads, and fetches what turns out to be absent.
Result<size_t> LocalFileSystem::ReadPages(HandleId id, uint64_t offset_bytes, uint64_t length_bytes,
                                          const ReadFile& read) {
  Handle& handle = Of(id);
  cache::LiveFile* live = nullptr;
  rpc::Binding binding;
  ContentId content{handle.inode->ino, Generation()};
  {
    MutexLock lock(handle.inode->mutex);
    live = handle.inode->live.get();
    binding = handle.inode->binding;
    content.generation = handle.inode->generation;
  }
  if (!live->Complete()) {
    MutexLock lock(handle.mutex);
    deps_.pages.NoteRead(content, binding, offset_bytes, length_bytes, handle.history);
  }
  // A page may vanish again (bad checksum) between fill and read, but not for ever.
  for (int attempt = 0;; ++attempt) {
    Result<size_t> got = read(*live);
    const bool absent = got.code() == Code::kNotFound || got.code() == Code::kCorruption;
    if (!absent || attempt == 3) return got;
    RETURN_IF_ERROR(FillPages(*handle.inode, offset_bytes, length_bytes));
  }
}

Result<size_t> LocalFileSystem::Read(HandleId id, uint64_t offset_bytes, std::span<std::byte> out) {
  return ReadPages(id, offset_bytes, out.size(),
                   [&](cache::LiveFile& live) { return live.Read(offset_bytes, out); });
}

Result<FileSystem::InPlace> LocalFileSystem::ReadInPlace(HandleId id, uint64_t offset_bytes,
                                                         size_t length_bytes) {
  InPlace bytes;
  ASSIGN_OR_RETURN(bytes.length_bytes,
                   ReadPages(id, offset_bytes, length_bytes, [&](cache::LiveFile& live) {
                     bytes.descriptor = live.ReadDescriptor();
                     return live.Readable(offset_bytes, length_bytes);
                   }));
  return bytes;
}

// Pages that a write covers only in part must be here first.
Status LocalFileSystem::FillEdges(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes) {
  constexpr uint64_t kMask = cache::kPageBytes - 1;
  const uint64_t end = offset_bytes + length_bytes;
  if ((offset_bytes & kMask) != 0) RETURN_IF_ERROR(FillPages(inode, offset_bytes, 1));
  if ((end & kMask) != 0) RETURN_IF_ERROR(FillPages(inode, end - 1, 1));
  return OkStatus();
}

Status LocalFileSystem::Write(HandleId id, uint64_t offset_bytes, std::span<const std::byte> data,
                              SetId setid) {
  Handle& handle = Of(id);
  if (!handle.writes) return Status(Code::kInvalid, "write to a handle open for reading");
  OpenInode& inode = *handle.inode;
  cache::LiveFile* live = nullptr;
  {
    MutexLock lock(inode.mutex);
    live = inode.live.get();
  }
  if (!live->Complete()) {
    // A write behind the end changes the shape of the page that the end is in.
    const uint64_t size_bytes = live->CurrentSize();
    if (offset_bytes > size_bytes && size_bytes > 0)
      RETURN_IF_ERROR(FillPages(inode, size_bytes - 1, 1));
    RETURN_IF_ERROR(FillEdges(inode, offset_bytes, data.size()));
  }
  RETURN_IF_ERROR(ApplySetId(inode.ino, setid));
  return WithBackPressure([&] { return live->Write(offset_bytes, data); });
}

Status LocalFileSystem::ApplySetId(InodeId ino, SetId setid) {
  if (setid == SetId::kKeep) return OkStatus();
  rpc::AttrChange change;
  change.clear_setid = true;
  return deps_.files.SetAttr(self_, ino, change).status();
}

Status LocalFileSystem::Allocate(HandleId id, int mode, uint64_t offset_bytes,
                                 uint64_t length_bytes, SetId setid) {
  Handle& handle = Of(id);
  if (!handle.writes) return Status(Code::kInvalid, "allocate on a handle open for reading");
  OpenInode& inode = *handle.inode;
  RETURN_IF_ERROR(FillPages(inode, 0, kWholeFile));
  RETURN_IF_ERROR(ApplySetId(inode.ino, setid));
  MutexLock lock(inode.mutex);
  if (fallocate(inode.live->WriteDescriptor(), mode, static_cast<off_t>(offset_bytes),
                static_cast<off_t>(length_bytes)) != 0) {
    return ErrnoStatus(errno, "allocate in inode " + std::to_string(inode.ino.value));
  }
  return OkStatus();
}

Result<uint64_t> LocalFileSystem::Seek(HandleId id, int64_t offset_bytes, int whence) {
  OpenInode& inode = *Of(id).inode;
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

Result<size_t> LocalFileSystem::CopyRange(HandleId from, uint64_t from_offset, HandleId to,
                                          uint64_t to_offset, size_t length_bytes, SetId setid) {
  Handle& source = Of(from);
  Handle& target = Of(to);
  if (!target.writes) return Status(Code::kInvalid, "copy to a handle open for reading");
  RETURN_IF_ERROR(ApplySetId(target.inode->ino, setid));
  int in = -1;
  int out = -1;
  {
    MutexLock lock(source.inode->mutex);
    if (source.inode->live->Complete()) in = source.inode->live->ReadDescriptor();
  }
  {
    MutexLock lock(target.inode->mutex);
    if (target.inode->live->Complete()) out = target.inode->live->WriteDescriptor();
  }
  auto in_at = static_cast<off_t>(from_offset);
  auto out_at = static_cast<off_t>(to_offset);
  if (in >= 0 && out >= 0) {
    const ssize_t copied = copy_file_range(in, &in_at, out, &out_at, length_bytes, 0);
    if (copied >= 0) return static_cast<size_t>(copied);
    if (errno != EXDEV && errno != EOPNOTSUPP && errno != EINVAL) {
      return ErrnoStatus(errno, "copy a range");
    }
  }
  return CopyThrough(from, from_offset, to, to_offset, length_bytes);
}

// The same by reading and writing, a piece at a time: a short count is as good as a whole one.
Result<size_t> LocalFileSystem::CopyThrough(HandleId from, uint64_t from_offset, HandleId to,
                                            uint64_t to_offset, size_t length_bytes) {
  std::vector<std::byte> buffer(std::min<size_t>(length_bytes, cache::kPageBytes));
  ASSIGN_OR_RETURN(size_t got, Read(from, from_offset, buffer));
  if (got == 0) return size_t{0};
  RETURN_IF_ERROR(Write(to, to_offset, std::span(buffer.data(), got), SetId::kKeep));
  return got;
}

}  // namespace tarn::client
