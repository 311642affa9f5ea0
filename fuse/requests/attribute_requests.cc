// Requests about attributes: stat, chmod, chown, utimens, truncate, extended attributes, statfs.

#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"
#include "base/wall_time.h"
#include "fuse/requests/convert.h"
#include "fuse/requests/handlers.h"
#include "fuse/requests/request.h"

namespace tarn::fuse {
namespace {

// FATTR_KILL_SUIDGID of the kernel's protocol, for which libfuse has another name.
constexpr int kKillSetId = 1 << 11;

void GetAttr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
  Request request(req, "getattr", InodeId(ino));
  request.Attr(request.Learnt(request.attributes().GetAttr(InodeId(ino))));
}

#if FUSE_VERSION >= 318
statx_timestamp StampOf(const struct timespec& time) {
  statx_timestamp stamp = {};
  stamp.tv_sec = time.tv_sec;
  stamp.tv_nsec = static_cast<uint32_t>(time.tv_nsec);
  return stamp;
}

struct statx StatxOf(const role::Attr& attr, const Shown& shown) {
  const struct stat st = StatOf(attr, shown);
  struct statx all = {};
  all.stx_mask = STATX_BASIC_STATS | STATX_BTIME;
  all.stx_blksize = static_cast<uint32_t>(st.st_blksize);
  all.stx_nlink = attr.nlink;
  all.stx_uid = st.st_uid;
  all.stx_gid = st.st_gid;
  all.stx_mode = static_cast<uint16_t>(st.st_mode);
  all.stx_ino = st.st_ino;
  all.stx_size = attr.size_bytes;
  all.stx_blocks = static_cast<uint64_t>(st.st_blocks);
  all.stx_atime = StampOf(st.st_atim);
  all.stx_btime = StampOf(TimeOf(attr.btime_ns));
  all.stx_ctime = StampOf(st.st_ctim);
  all.stx_mtime = StampOf(st.st_mtim);
  all.stx_rdev_major = major(st.st_rdev);
  all.stx_rdev_minor = minor(st.st_rdev);
  return all;
}

// The kernel sends STATX where a program wants the time of birth, which GETATTR lacks.
void Statx(fuse_req_t req, fuse_ino_t ino, int, int, fuse_file_info*) {
  Request request(req, "statx", InodeId(ino));
  const Result<role::FileInfo> info = request.Learnt(request.attributes().GetAttr(InodeId(ino)));
  if (!info.ok()) return request.Error(info.status());
  struct statx all = StatxOf(info->attr, request.options().shown);
  fuse_reply_statx(req, 0, &all, request.AttrTimeout(info->attr));
}
#endif

constexpr int kTimes =
    FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW;
constexpr int kChanges =
    FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID | FUSE_SET_ATTR_SIZE | kTimes;

role::AttrChange ChangeOf(const struct stat& attr, int to_set, const Clock& clock) {
  role::AttrChange change;
  if (to_set & FUSE_SET_ATTR_MODE) change.mode = attr.st_mode & 07777;
  if (to_set & FUSE_SET_ATTR_UID) change.uid = attr.st_uid;
  if (to_set & FUSE_SET_ATTR_GID) change.gid = attr.st_gid;
  if (to_set & FUSE_SET_ATTR_ATIME) change.atime_ns = NanosOf(attr.st_atim);
  if (to_set & FUSE_SET_ATTR_MTIME) change.mtime_ns = NanosOf(attr.st_mtim);
  if (to_set & (FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW)) {
    const int64_t now_ns = clock.FileTimeNs();
    if (to_set & FUSE_SET_ATTR_ATIME_NOW) change.atime_ns = now_ns;
    if (to_set & FUSE_SET_ATTR_MTIME_NOW) change.mtime_ns = now_ns;
  }
  change.clear_setid = (to_set & kKillSetId) != 0;
  return change;
}

// The root user of a container may lack the capability.
bool HasFsetid(pid_t pid) {
  constexpr std::string_view kEffective = "CapEff:";
  std::ifstream status(Concat("/proc/", pid, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with(kEffective)) continue;
    return (strtoull(line.c_str() + kEffective.size(), nullptr, 16) >> CAP_FSETID & 1) != 0;
  }
  return false;
}

// The kernel sends a request that changes nothing before it makes a write by itself.
// The file has bits that the caller may not keep, or it had capabilities, which the kernel has
// removed.
role::AttrChange ChangeBeforeWrite(const Request& request) {
  role::AttrChange change;
  const pid_t pid = fuse_req_ctx(request.raw())->pid;
  change.clear_setid = request.caller().uid != 0 || !HasFsetid(pid);
  return change;
}

void SetAttr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set, fuse_file_info* info) {
  Request request(req, "setattr", InodeId(ino));
  if (info == nullptr && request.SendsBack()) return;
  std::optional<uint64_t> size;
  if (to_set & FUSE_SET_ATTR_SIZE) size = static_cast<uint64_t>(attr->st_size);
  role::AttrChange change = (to_set & kChanges) != 0 ? ChangeOf(*attr, to_set, request.clock())
                                                     : ChangeBeforeWrite(request);
  change.outsider = change.clear_setid && request.SetIdOfWrite() == client::SetId::kClearAsOutsider;
  request.Attr(request.attributes().SetAttr(request.caller(), InodeId(ino), change, size));
}

// Replies with `value`, or with its length if `size` is 0.
void ReplyBytes(Request& request, const std::string& value, size_t size) {
  if (size == 0) {
    fuse_reply_xattr(request.raw(), value.size());
  } else if (value.size() > size) {
    request.Errno(ERANGE);
  } else {
    fuse_reply_buf(request.raw(), value.data(), value.size());
  }
}

// Linux lists these names only to callers that may read them. The kernel checks each read by the
// capability. A request for the list carries no capabilities, so the user decides.
constexpr std::string_view kTrusted = "trusted.";
bool MayReadTrusted(const role::Caller& caller) { return caller.uid == 0; }

void GetXattr(fuse_req_t req, fuse_ino_t ino, const char* name, size_t size) {
  Request request(req, "getxattr", InodeId(ino));
  Result<std::string> value = request.xattrs().GetXattr(InodeId(ino), name);
  if (!value.ok()) return request.Error(value.status());
  ReplyBytes(request, *value, size);
}

void ListXattr(fuse_req_t req, fuse_ino_t ino, size_t size) {
  Request request(req, "listxattr", InodeId(ino));
  Result<std::vector<std::string>> names = request.xattrs().ListXattrs(InodeId(ino));
  if (!names.ok()) return request.Error(names.status());
  std::string joined;
  for (const std::string& name : *names) {
    if (name.starts_with(kTrusted) && !MayReadTrusted(request.caller())) continue;
    joined.append(name).push_back('\0');
  }
  ReplyBytes(request, joined, size);
}

void SetXattr(fuse_req_t req, fuse_ino_t ino, const char* name, const char* value, size_t size,
              int flags) {
  Request request(req, "setxattr", InodeId(ino));
  const role::XattrMode mode = flags & XATTR_CREATE    ? role::XattrMode::kCreate
                               : flags & XATTR_REPLACE ? role::XattrMode::kReplace
                                                       : role::XattrMode::kAny;
  request.Done(request.xattrs().SetXattr(request.caller(), InodeId(ino), name,
                                         std::string_view(value, size), mode));
}

void RemoveXattr(fuse_req_t req, fuse_ino_t ino, const char* name) {
  Request request(req, "removexattr", InodeId(ino));
  request.Done(request.xattrs().RemoveXattr(request.caller(), InodeId(ino), name));
}

void StatFs(fuse_req_t req, fuse_ino_t ino) {
  Request request(req, "statfs", InodeId(ino));
  Result<role::StatFs> usage = request.attributes().GetStatFs();
  if (!usage.ok()) return request.Error(usage.status());
  constexpr uint64_t kBlock = 4096;
  struct statvfs st = {};
  st.f_bsize = kBlock;
  st.f_frsize = kBlock;
  st.f_blocks = usage->capacity_bytes / kBlock;
  st.f_bfree = usage->free_bytes / kBlock;
  st.f_bavail = st.f_bfree;
  st.f_files = usage->inodes;
  st.f_ffree = usage->free_inodes;
  st.f_favail = st.f_ffree;
  st.f_namemax = 255;
  fuse_reply_statfs(req, &st);
}

}  // namespace

void AddAttributeRequests(fuse_lowlevel_ops& ops) {
  ops.getattr = GetAttr;
#if FUSE_VERSION >= 318
  ops.statx = Statx;
#endif
  ops.setattr = SetAttr;
  ops.getxattr = GetXattr;
  ops.listxattr = ListXattr;
  ops.setxattr = SetXattr;
  ops.removexattr = RemoveXattr;
  ops.statfs = StatFs;
}

}  // namespace tarn::fuse
