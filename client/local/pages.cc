// Pages that the cache lacks: fetched into it, or read through it where they find no room.

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "base/strings.h"
#include "cache/read_room.h"
#include "client/local/local_file_system.h"

namespace tarn::client {
namespace {

constexpr int kAttempts = 10;
constexpr int kVanishings = 3;  // How often pages may vanish before their use, in one call.
constexpr auto kChangeWait = std::chrono::milliseconds(20);
constexpr auto kLongestChange = std::chrono::seconds(60);

bool IsAbsent(Code code) { return code == Code::kNotFound || code == Code::kCorruption; }

// The object may be elsewhere by now, and at its former key a directory that was made since.
bool MayHaveMoved(Code code) {
  return code == Code::kStale || code == Code::kNotFound || code == Code::kIsDirectory ||
         code == Code::kNotDirectory;
}

// No version of the file is in the UFS: what is not here is nowhere.
Status OnlyHere(const cache::LiveFile& live, uint64_t offset_bytes, uint64_t length_bytes) {
  const bool whole = length_bytes == kWholeFile;
  const uint64_t begin = whole ? 0 : offset_bytes;
  const uint64_t length = whole ? live.CurrentSize() : length_bytes;
  if (live.Complete() || live.Present(begin, length)) return OkStatus();
  return Status(Code::kIo, Concat("read inode ", live.Info().ino.value, " at ", begin,
                                  ": these bytes are not here, and the version in the source that ",
                                  "they were in is gone (see tarn async-persist list)"));
}

}  // namespace

// The file has a name here and the handle is good, so ENOENT and ESTALE would be wrong answers.
Status LocalFileSystem::Unreachable(const Status& status) {
  if (status.code() == Code::kNotFound) {
    return Status(Code::kIo, Concat(status.message(), "; the source has no such object any more"));
  }
  if (status.code() == Code::kStale) {
    return Status(Code::kIo, Concat(status.message(), "; open the file again for its new bytes"));
  }
  if (status.code() == Code::kIsDirectory || status.code() == Code::kNotDirectory) {
    return Status(Code::kIo, Concat(status.message(), "; the source has a directory there now"));
  }
  return status;
}

// The bytes of a file that was renamed are moved in the UFS some time later: the binding read at
// open may be old.
LocalFileSystem::Rebound LocalFileSystem::RefreshBinding(host::OpenInode& inode,
                                                         const role::Binding& failed) {
  Result<role::FileInfo> info = deps_.files.GetKnownAttr(inode.ino);
  if (!info.ok()) return Rebound::kSame;
  MutexLock lock(inode.mutex);
  inode.binding = info->binding;
  if (info->attr.nlink == 0) inode.unlinked = true;
  const bool same = info->binding.key == failed.key && info->binding.etag == failed.etag;
  if (!same) return Rebound::kElsewhere;
  return info->binding.changing ? Rebound::kChanging : Rebound::kSame;
}

Status LocalFileSystem::WithBinding(host::OpenInode& inode, const ReadSource& read) {
  const Deadline deadline = Deadline::After(deps_.clock, kLongestChange);
  bool asked_again = false;
  for (int attempt = 0;;) {
    cache::LiveFile* live = nullptr;
    role::Binding binding;
    {
      MutexLock lock(inode.mutex);
      live = inode.live.get();  // Lives as long as the caller's hold.
      binding = inode.binding;
    }
    Status status = read(*live, binding);
    if (!MayHaveMoved(status.code())) return Unreachable(status);
    // While the object is moved or given attributes, neither what was known of it nor what will be
    // may answer. A change is settled once the UFS has synced it, which can take a while.
    const Rebound rebound = RefreshBinding(inode, binding);
    if (status.code() == Code::kStale && rebound == Rebound::kSame && !asked_again) {
      // Another client replaced the object. An open from now on must see the new one.
      asked_again = true;
      Status asked = deps_.maintenance.Recheck(inode.ino);
      if (!asked.ok()) LogDebug("look again at inode ", inode.ino.value, ": ", asked);
    }
    if (deadline.PassedBy(deps_.clock.Now())) return Unreachable(status);
    if (rebound != Rebound::kChanging && ++attempt > kAttempts) return Unreachable(status);
    if (rebound != Rebound::kElsewhere) deps_.clock.SleepFor(kChangeWait, std::stop_token());
  }
}

Status LocalFileSystem::FetchPages(host::OpenInode& inode, uint64_t offset_bytes,
                                   uint64_t length_bytes) {
  return WithBinding(inode, [&](cache::LiveFile& live, const role::Binding& binding) {
    if (binding.gone) return OnlyHere(live, offset_bytes, length_bytes);
    return length_bytes == kWholeFile ? deps_.pages.FillWhole(live, binding)
                                      : deps_.pages.Fill(live, binding, offset_bytes, length_bytes);
  });
}

Status LocalFileSystem::FillPages(host::OpenInode& inode, uint64_t offset_bytes,
                                  uint64_t length_bytes) {
  return WithBackPressure([&] { return FetchPages(inode, offset_bytes, length_bytes); });
}

// A change of a part of an object that the source keeps and does not give (one in an archive) could
// never be persisted.
Status LocalFileSystem::CheckBase(host::OpenInode& inode) {
  role::Binding binding;
  {
    MutexLock lock(inode.mutex);
    const bool needed = !inode.base_readable && !inode.live->Complete();
    if (!needed || inode.binding.gone || !inode.binding.mount) return OkStatus();
    binding = inode.binding;
  }
  const Status readable = deps_.pages.CheckReadable(binding);
  if (!readable.ok()) {
    return Status(readable.code(),
                  Concat("change a part of inode ", inode.ino.value,
                         ", of which the rest is not in the cache: ", readable.message()));
  }
  MutexLock lock(inode.mutex);
  inode.base_readable = true;
  return OkStatus();
}

// Runs `change` until no page that it needs is absent. A page may vanish (bad checksum) between
// its fetch and its use, but not again and again.
Status LocalFileSystem::WithPages(const std::function<Status()>& change,
                                  const std::function<Status()>& fetch) {
  for (int attempt = 0;; ++attempt) {
    Status status = change();
    if (!IsAbsent(status.code())) return status;
    if (attempt == kVanishings) return Unreachable(status);
    RETURN_IF_ERROR(fetch());
  }
}

// Reads, and fetches what turns out to be absent. kNoSpace: a page finds no room.
Result<size_t> LocalFileSystem::ReadPages(Handle& handle, uint64_t offset_bytes,
                                          uint64_t length_bytes, const ReadFile& read) {
  cache::LiveFile* live = nullptr;
  role::Binding binding;
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
  for (int attempt = 0;; ++attempt) {
    Result<size_t> got = read(*live);
    if (!IsAbsent(got.code())) return got;
    if (attempt == kVanishings) return Unreachable(got.status());
    if (!cache::HasReadRoom(deps_.cache, *live, offset_bytes, length_bytes)) {
      return Status(Code::kNoSpace, "read: the rest of the room is for what is written");
    }
    RETURN_IF_ERROR(FetchPages(*handle.inode, offset_bytes, length_bytes));
  }
}

Result<size_t> LocalFileSystem::Read(Handle& handle, uint64_t offset_bytes,
                                     std::span<std::byte> out) {
  Result<size_t> got = ReadPages(handle, offset_bytes, out.size(), [&](cache::LiveFile& live) {
    return live.Read(offset_bytes, out);
  });
  return got.code() == Code::kNoSpace ? ReadThrough(handle, offset_bytes, out) : got;
}

Result<OpenFile::InPlace> LocalFileSystem::ReadInPlace(Handle& handle, uint64_t offset_bytes,
                                                       size_t length_bytes) {
  OpenFile::InPlace bytes;
  ASSIGN_OR_RETURN(bytes.length_bytes,
                   ReadPages(handle, offset_bytes, length_bytes, [&](cache::LiveFile& live) {
                     bytes.descriptor = live.ReadDescriptor();
                     return live.Readable(offset_bytes, length_bytes);
                   }));
  return bytes;
}

// A full cache is no reason for a read to fail: what finds no room is given to the reader alone.
Result<size_t> LocalFileSystem::ReadThrough(Handle& handle, uint64_t offset_bytes,
                                            std::span<std::byte> out) {
  cache::LiveFile* live = nullptr;
  {
    MutexLock lock(handle.inode->mutex);
    live = handle.inode->live.get();
  }
  return live->ReadThrough(offset_bytes, out, [&](uint64_t at, std::span<std::byte> piece) {
    return ReadBase(handle, at, piece);
  });
}

// Small reads in order would each cost a request to the source: the rest of the page is read with
// them, and stays with the handle. Absent pages are those of the base, so it never grows old.
Status LocalFileSystem::ReadBase(Handle& handle, uint64_t offset_bytes, std::span<std::byte> out) {
  std::shared_ptr<const Passing> kept;
  bool follows = false;
  {
    MutexLock lock(handle.mutex);
    kept = handle.passing;
    follows = handle.passed_until == offset_bytes;
    handle.passed_until = offset_bytes + out.size();
  }
  if (kept && kept->Holds(offset_bytes, out.size())) {
    memcpy(out.data(), kept->bytes.get() + (offset_bytes - kept->offset_bytes), out.size());
    return OkStatus();
  }
  return WithBinding(*handle.inode, [&](cache::LiveFile& live, const role::Binding& binding) {
    if (binding.gone) return OnlyHere(live, offset_bytes, out.size());
    const uint64_t page_end = (offset_bytes / cache::kPageBytes + 1) * cache::kPageBytes;
    const uint64_t end = std::min(page_end, binding.size_bytes);
    std::optional<Reservation> room;
    if (follows && end > offset_bytes + out.size()) {
      room = passing_budget_.TryReserve(cache::kPageBytes);
    }
    if (!room) return deps_.pages.ReadThrough(binding, offset_bytes, out);
    auto passing = std::make_shared<Passing>();
    passing->room = *std::move(room);
    passing->offset_bytes = offset_bytes;
    passing->length_bytes = end - offset_bytes;
    passing->bytes = std::make_unique_for_overwrite<std::byte[]>(passing->length_bytes);
    const std::span<std::byte> bytes(passing->bytes.get(), passing->length_bytes);
    RETURN_IF_ERROR(deps_.pages.ReadThrough(binding, offset_bytes, bytes));
    memcpy(out.data(), bytes.data(), out.size());
    MutexLock lock(handle.mutex);
    handle.passing = std::move(passing);
    return OkStatus();
  });
}

}  // namespace tarn::client
