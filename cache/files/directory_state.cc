#include "cache/files/directory_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/boot.h"
#include "base/checksum.h"
#include "base/encoding.h"
#include "base/random.h"
#include "base/strings.h"

namespace tarn::cache {
namespace {

constexpr std::string_view kMagic = "tarn cache 1\n";
constexpr size_t kIdBytes = 8;
constexpr size_t kMaxStateBytes = 512;

}  // namespace

Result<std::unique_ptr<DirectoryState>> DirectoryState::Open(int directory_fd,
                                                             const std::string& path) {
  std::unique_ptr<DirectoryState> state(new DirectoryState);
  state->file_ = Descriptor(openat(directory_fd, "state", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!state->file_) return ErrnoStatus(errno, "open " + path + "/state");
  if (flock(state->file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "lock " + path + "/state");
    return Status(Code::kBusy, "cache directory " + path + " is in use by another process");
  }
  ASSIGN_OR_RETURN(state->where_, BootAndMount(directory_fd));
  RETURN_IF_ERROR(state->ReadId(directory_fd, path));
  RETURN_IF_ERROR(state->Read(path));
  if (fsync(directory_fd) != 0) return ErrnoStatus(errno, "sync " + path);
  return state;
}

// The first run writes the id whole and renames it into place.
Status DirectoryState::ReadId(int directory_fd, const std::string& path) {
  const Descriptor known(openat(directory_fd, "id", O_RDONLY | O_CLOEXEC));
  std::array<std::byte, kIdBytes> bytes;
  if (known) {
    ASSIGN_OR_RETURN(const size_t size, ReadAt(known.get(), 0, bytes));
    Reader in(std::string_view(reinterpret_cast<char*>(bytes.data()), size));
    directory_id_ = in.Big64();
    return in.Finish(path + "/id");
  }
  if (errno != ENOENT) return ErrnoStatus(errno, "open " + path + "/id");
  directory_id_ = RandomSeed() | 1;
  std::string id;
  AppendBig64(id, directory_id_);
  const Descriptor made(
      openat(directory_fd, "id.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!made) return ErrnoStatus(errno, "make " + path + "/id");
  RETURN_IF_ERROR(WriteAt(made.get(), 0, std::as_bytes(std::span(id))));
  RETURN_IF_ERROR(SyncData(made.get()));
  if (renameat(directory_fd, "id.new", directory_fd, "id") == 0) return OkStatus();
  return ErrnoStatus(errno, "make " + path + "/id");
}

// The state is one sector, written in place: if it cannot be read, a power cut has torn it.
Status DirectoryState::Read(const std::string& path) {
  std::array<std::byte, kMaxStateBytes> bytes;
  ASSIGN_OR_RETURN(const size_t size, ReadAt(file_.get(), 0, bytes));
  Reader in(std::string_view(reinterpret_cast<char*>(bytes.data()), size));
  const bool known = in.Fixed(kMagic.size()) == kMagic;
  const uint64_t checksum = in.Big64();
  const std::string_view body = in.String();
  Reader fields(body);
  const bool ended = fields.Bool();
  const std::string_view where = fields.String();
  const uint64_t run = fields.Varint();
  const bool whole = known && in.ok() && fields.Finish(path).ok() && checksum == Checksum(body);
  power_cut_ = size > 0 && (!whole || (!ended && where != where_));
  if (whole) run_ = run;
  return OkStatus();
}

Status DirectoryState::Write(bool ended) {
  std::string body;
  body.push_back(ended ? 1 : 0);
  AppendString(body, where_);
  AppendVarint(body, run_.value_or(0));
  std::string out(kMagic);
  AppendBig64(out, Checksum(body));
  AppendString(out, body);
  RETURN_IF_ERROR(WriteAt(file_.get(), 0, std::as_bytes(std::span(out))));
  if (ftruncate(file_.get(), static_cast<off_t>(out.size())) != 0) {
    return ErrnoStatus(errno, "write the state of a cache directory");
  }
  return SyncData(file_.get());
}

Status DirectoryState::Begin(uint64_t run) {
  run_ = run;
  return Write(false);
}

Status DirectoryState::MarkEnd() { return Write(true); }

}  // namespace tarn::cache
