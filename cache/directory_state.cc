#include "cache/directory_state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/checksum.h"
#include "base/encoding.h"
#include "base/random.h"
#include "base/strings.h"

namespace tarn::cache {
namespace {

constexpr std::string_view kMagic = "tarn cache 1\n";
constexpr size_t kIdBytes = 8;
constexpr unsigned kMountIdUnique = 0x4000;  // STATX_MNT_ID_UNIQUE, Linux 6.8.
constexpr size_t kMaxStateBytes = 512;

Result<std::string> BootId() {
  const Descriptor file(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  if (!file) return ErrnoStatus(errno, "open the boot id");
  std::array<std::byte, 64> bytes;
  ASSIGN_OR_RETURN(const size_t size, ReadAt(file.get(), 0, bytes));
  return std::string(Trimmed(std::string_view(reinterpret_cast<char*>(bytes.data()), size)));
}

// Where the kernel has no mount ids every restart counts as another mount.
Result<uint64_t> MountId(int directory_fd) {
  for (const unsigned mask : {kMountIdUnique, static_cast<unsigned>(STATX_MNT_ID)}) {
    struct statx st {};
    if (statx(directory_fd, "", AT_EMPTY_PATH, mask, &st) != 0) {
      return ErrnoStatus(errno, "find the mount of a cache directory");
    }
    if ((st.stx_mask & mask) != 0) return static_cast<uint64_t>(st.stx_mnt_id);
  }
  return RandomSeed();
}

}  // namespace

Result<std::unique_ptr<DirectoryState>> DirectoryState::Begin(int directory_fd,
                                                              const std::string& path) {
  std::unique_ptr<DirectoryState> state(new DirectoryState);
  state->file_ = Descriptor(openat(directory_fd, "state", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!state->file_) return ErrnoStatus(errno, "open " + path + "/state");
  if (flock(state->file_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return ErrnoStatus(errno, "lock " + path + "/state");
    return Status(Code::kBusy, "cache directory " + path + " is in use by another process");
  }
  ASSIGN_OR_RETURN(const std::string boot, BootId());
  ASSIGN_OR_RETURN(const uint64_t mount, MountId(directory_fd));
  state->where_ = Concat(boot, " ", mount);
  RETURN_IF_ERROR(state->ReadId(directory_fd, path));
  RETURN_IF_ERROR(state->Read(path));
  RETURN_IF_ERROR(state->Write(false));
  if (fsync(directory_fd) != 0) return ErrnoStatus(errno, "sync " + path);
  return state;
}

// Renamed into place whole, by the first run.
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

// A state that cannot be read was torn by a power cut; it is one sector, written in place.
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
  const bool whole = known && in.ok() && fields.Finish(path).ok() && checksum == Checksum(body);
  power_cut_ = size > 0 && (!whole || (!ended && where != where_));
  return OkStatus();
}

Status DirectoryState::Write(bool ended) {
  std::string body;
  body.push_back(ended ? 1 : 0);
  AppendString(body, where_);
  std::string out(kMagic);
  AppendBig64(out, Checksum(body));
  AppendString(out, body);
  RETURN_IF_ERROR(WriteAt(file_.get(), 0, std::as_bytes(std::span(out))));
  if (ftruncate(file_.get(), static_cast<off_t>(out.size())) != 0) {
    return ErrnoStatus(errno, "write the state of a cache directory");
  }
  return SyncData(file_.get());
}

Status DirectoryState::MarkEnd() { return Write(true); }

}  // namespace tarn::cache
