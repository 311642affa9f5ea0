#include "host/pages.h"

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "base/strings.h"
#include "cache/read_room.h"

namespace tarn::host {
namespace {

constexpr uint64_t kPassingBytes = 32 << 20;
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

// The file has a name here and the handle is good, so ENOENT and ESTALE would be wrong answers.
Status Unreachable(const Status& status) {
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

}  // namespace

Pages::Pages(const Dependencies& dependencies)
    : deps_(dependencies), passing_budget_(kPassingBytes, dependencies.clock) {}

Status WithPages(const std::function<Status()>& change, const std::function<Status()>& fetch) {
  for (int attempt = 0;; ++attempt) {
    Status status = change();
    if (!IsAbsent(status.code())) return status;
    if (attempt == kVanishings) return Unreachable(status);
    RETURN_IF_ERROR(fetch());
  }
}

// The bytes of a file that was renamed are moved in the UFS some time later: the binding read at
// open may be old.
Pages::Rebound Pages::RefreshBinding(OpenInode& inode, const role::Binding& failed) {
  Result<role::FileInfo> info = deps_.files.GetKnownAttr(inode.ino);
  if (!info.ok()) return Rebound::kSame;
  MutexLock lock(inode.mutex);
  inode.binding = info->binding;
  if (info->attr.nlink == 0) inode.unlinked = true;
  const bool same = info->binding.key == failed.key && info->binding.etag == failed.etag;
  if (!same) return Rebound::kElsewhere;
  return info->binding.changing ? Rebound::kChanging : Rebound::kSame;
}

Status Pages::WithBinding(OpenInode& inode, const ReadSource& read) {
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

Status Pages::Fetch(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes) {
  return WithBinding(inode, [&](cache::LiveFile& live, const role::Binding& binding) {
    if (binding.gone) return OnlyHere(live, offset_bytes, length_bytes);
    return length_bytes == kWholeFile
               ? deps_.reader.FillWhole(live, binding)
               : deps_.reader.Fill(live, binding, offset_bytes, length_bytes);
  });
}

Status Pages::FetchForWriter(OpenInode& inode, uint64_t offset_bytes, uint64_t length_bytes) {
  return deps_.room.Run([&] { return Fetch(inode, offset_bytes, length_bytes); });
}

// A change of a part of an object that the source keeps and does not give (one in an archive) could
// never be persisted.
Status Pages::CheckBase(OpenInode& inode) {
  role::Binding binding;
  {
    MutexLock lock(inode.mutex);
    const bool needed = !inode.base_readable && !inode.live->Complete();
    if (!needed || inode.binding.gone || !inode.binding.mount) return OkStatus();
    binding = inode.binding;
  }
  const Status readable = deps_.reader.CheckReadable(binding);
  if (!readable.ok()) {
    return Status(readable.code(),
                  Concat("change a part of inode ", inode.ino.value,
                         ", of which the rest is not in the cache: ", readable.message()));
  }
  MutexLock lock(inode.mutex);
  inode.base_readable = true;
  return OkStatus();
}

// Reads, and fetches what turns out to be absent. kNoSpace: a page finds no room.
Result<size_t> Pages::ReadPresent(OpenInode& inode, Reading& reading, uint64_t offset_bytes,
                                  uint64_t length_bytes, const ReadFile& read) {
  cache::LiveFile* live = nullptr;
  role::Binding binding;
  ContentId content{inode.ino, Generation()};
  {
    MutexLock lock(inode.mutex);
    live = inode.live.get();
    binding = inode.binding;
    content.generation = inode.generation;
  }
  if (!live->Complete()) {
    MutexLock lock(reading.mutex);
    deps_.reader.NoteRead(content, binding, offset_bytes, length_bytes, reading.history);
  }
  for (int attempt = 0;; ++attempt) {
    Result<size_t> got = read(*live);
    if (!IsAbsent(got.code())) return got;
    if (attempt == kVanishings) return Unreachable(got.status());
    if (!cache::HasReadRoom(deps_.cache, *live, offset_bytes, length_bytes)) {
      return Status(Code::kNoSpace, "read: the rest of the room is for what is written");
    }
    RETURN_IF_ERROR(Fetch(inode, offset_bytes, length_bytes));
  }
}

Result<size_t> Pages::Read(OpenInode& inode, Reading& reading, uint64_t offset_bytes,
                           std::span<std::byte> out) {
  Result<size_t> got =
      ReadPresent(inode, reading, offset_bytes, out.size(),
                  [&](cache::LiveFile& live) { return live.Read(offset_bytes, out); });
  return got.code() == Code::kNoSpace ? ReadThrough(inode, reading, offset_bytes, out) : got;
}

// A full cache is no reason for a read to fail: what finds no room is given to the reader alone.
Result<size_t> Pages::ReadThrough(OpenInode& inode, Reading& reading, uint64_t offset_bytes,
                                  std::span<std::byte> out) {
  cache::LiveFile* live = nullptr;
  {
    MutexLock lock(inode.mutex);
    live = inode.live.get();
  }
  return live->ReadThrough(offset_bytes, out, [&](uint64_t at, std::span<std::byte> piece) {
    return ReadBase(inode, reading, at, piece);
  });
}

// Small reads in order would each cost a request to the source: the rest of the page is read with
// them, and stays with the reading. Absent pages are those of the base, so it never grows old.
Status Pages::ReadBase(OpenInode& inode, Reading& reading, uint64_t offset_bytes,
                       std::span<std::byte> out) {
  std::shared_ptr<const Passing> kept;
  bool follows = false;
  {
    MutexLock lock(reading.mutex);
    kept = reading.passing;
    follows = reading.passed_until == offset_bytes;
    reading.passed_until = offset_bytes + out.size();
  }
  if (kept && kept->Holds(offset_bytes, out.size())) {
    memcpy(out.data(), kept->bytes.get() + (offset_bytes - kept->offset_bytes), out.size());
    return OkStatus();
  }
  return WithBinding(inode, [&](cache::LiveFile& live, const role::Binding& binding) {
    if (binding.gone) return OnlyHere(live, offset_bytes, out.size());
    const uint64_t page_end = (offset_bytes / cache::kPageBytes + 1) * cache::kPageBytes;
    const uint64_t end = std::min(page_end, binding.size_bytes);
    std::optional<Reservation> room;
    if (follows && end > offset_bytes + out.size()) {
      room = passing_budget_.TryReserve(cache::kPageBytes);
    }
    if (!room) return deps_.reader.ReadThrough(binding, offset_bytes, out);
    auto passing = std::make_shared<Passing>();
    passing->room = *std::move(room);
    passing->offset_bytes = offset_bytes;
    passing->length_bytes = end - offset_bytes;
    passing->bytes = std::make_unique_for_overwrite<std::byte[]>(passing->length_bytes);
    const std::span<std::byte> bytes(passing->bytes.get(), passing->length_bytes);
    RETURN_IF_ERROR(deps_.reader.ReadThrough(binding, offset_bytes, bytes));
    memcpy(out.data(), bytes.data(), out.size());
    MutexLock lock(reading.mutex);
    reading.passing = std::move(passing);
    return OkStatus();
  });
}

}  // namespace tarn::host
