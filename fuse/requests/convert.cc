#include "fuse/requests/convert.h"

#include "base/wall_time.h"

namespace tarn::fuse {
namespace {

struct TypeRow {
  role::FileType type;
  mode_t bits;
};
constexpr TypeRow kTypes[] = {
    {role::FileType::kRegular, S_IFREG},     {role::FileType::kDirectory, S_IFDIR},
    {role::FileType::kSymlink, S_IFLNK},     {role::FileType::kFifo, S_IFIFO},
    {role::FileType::kSocket, S_IFSOCK},     {role::FileType::kCharDevice, S_IFCHR},
    {role::FileType::kBlockDevice, S_IFBLK},
};

}  // namespace

uint32_t TypeBits(role::FileType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row.bits;
  }
  return 0;
}

std::optional<role::FileType> TypeOfMode(mode_t mode) {
  if ((mode & S_IFMT) == 0) return role::FileType::kRegular;
  for (const TypeRow& row : kTypes) {
    if (row.bits == (mode & S_IFMT)) return row.type;
  }
  return std::nullopt;
}

int64_t NanosOf(const struct timespec& time) { return WallNanos(time.tv_sec, time.tv_nsec); }

struct stat StatOf(const role::Attr& attr, const Shown& shown) {
  struct stat st = {};
  st.st_ino = attr.ino.value;
  st.st_mode = TypeBits(attr.type) | (shown.umask ? 0777 & ~*shown.umask : attr.mode);
  st.st_nlink = attr.nlink;
  st.st_uid = shown.uid.value_or(attr.uid);
  st.st_gid = shown.gid.value_or(attr.gid);
  st.st_rdev = attr.rdev;
  st.st_size = static_cast<off_t>(attr.size_bytes);
  st.st_blocks = static_cast<blkcnt_t>((attr.allocated_bytes + 511) / 512);
  st.st_blksize = 4096;
  st.st_atim = TimeOf(attr.atime_ns);
  st.st_mtim = TimeOf(attr.mtime_ns);
  st.st_ctim = TimeOf(attr.ctime_ns);
  return st;
}

}  // namespace tarn::fuse
