// Requests about names: lookup, making, removing, renaming, listing.

#include <linux/fs.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "fuse/requests/convert.h"
#include "fuse/requests/handlers.h"
#include "fuse/requests/request.h"

namespace tarn::fuse {
namespace {

// The name that the kernel looks up in an inode itself, to find the inode by a file handle.
constexpr std::string_view kByHandle = ".";
// The kernel's name of an inode that it found by a file handle, without a name. overlayfs finds the
// lower file of a copy by its handle, and has the kernel look this name up in the inode itself
// before each use.
constexpr std::string_view kFoundByHandle = "/";

void Lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Request request(req, "lookup", InodeId(parent));
  if (name == kFoundByHandle) {
    return request.Entry(request.Learnt(request.attributes().GetAttr(InodeId(parent))));
  }
  // overlayfs does without the lower file; it only gives the copy another inode number.
  if (name == kByHandle && request.RefusesHandle()) return request.Errno(ESTALE);
  Result<role::FileInfo> info = request.names().Lookup(request.caller(), InodeId(parent), name);
  if (info.ok() && info->attr.guessed) {
    info = request.LookedUp(std::move(info), InodeId(parent));
    if (info.code() == Code::kStale) return request.Errno(ENOENT);
  }
  if (info.code() != Code::kNotFound) return request.Entry(info);
  fuse_entry_param nothing = {};
  nothing.entry_timeout = std::chrono::duration<double>(request.options().negative_timeout).count();
  fuse_reply_entry(req, &nothing);
}

// Node ids are inode numbers, and nothing is kept for each node. Only an inode without names waits
// for its FORGET.
void Forget(fuse_req_t req, fuse_ino_t ino, uint64_t) {
  MountedOf(req).file_system.GetKernelSide().KernelForgot(InodeId(ino));
  fuse_reply_none(req);
}

void ForgetMulti(fuse_req_t req, size_t count, fuse_forget_data* forgets) {
  client::KernelSide& side = MountedOf(req).file_system.GetKernelSide();
  for (size_t i = 0; i < count; ++i) side.KernelForgot(InodeId(forgets[i].ino));
  fuse_reply_none(req);
}

void MakeNode(Request& request, fuse_ino_t parent, const char* name, const role::CreateSpec& spec) {
  request.Entry(request.names().MakeNode(request.caller(), InodeId(parent), name, spec));
}

void Mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode, dev_t rdev) {
  Request request(req, "mknod", InodeId(parent));
  const std::optional<role::FileType> type = TypeOfMode(mode);
  if (!type || *type == role::FileType::kDirectory) return request.Errno(EINVAL);
  role::CreateSpec spec;
  spec.type = *type;
  spec.mode = mode & 07777;
  spec.rdev = rdev;
  MakeNode(request, parent, name, spec);
}

void Mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) {
  Request request(req, "mkdir", InodeId(parent));
  role::CreateSpec spec;
  spec.type = role::FileType::kDirectory;
  spec.mode = mode & 07777;
  MakeNode(request, parent, name, spec);
}

void Symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) {
  Request request(req, "symlink", InodeId(parent));
  role::CreateSpec spec;
  spec.type = role::FileType::kSymlink;
  spec.mode = 0777;
  spec.symlink_target = target;
  MakeNode(request, parent, name, spec);
}

void Link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char* name) {
  Request request(req, "link", InodeId(ino));
  request.Entry(request.names().Link(request.caller(), InodeId(ino), InodeId(parent), name));
}

void Unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Request request(req, "unlink", InodeId(parent));
  request.Done(request.names().Unlink(request.caller(), InodeId(parent), name));
}

void Rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Request request(req, "rmdir", InodeId(parent));
  request.Done(request.names().Rmdir(request.caller(), InodeId(parent), name));
}

std::optional<role::RenameMode> RenameModeOf(unsigned flags) {
  switch (flags) {
    case 0:
      return role::RenameMode::kReplace;
    case RENAME_NOREPLACE:
      return role::RenameMode::kNoReplace;
    case RENAME_EXCHANGE:
      return role::RenameMode::kExchange;
    case RENAME_WHITEOUT:
      return role::RenameMode::kWhiteout;
    case RENAME_WHITEOUT | RENAME_NOREPLACE:
      return role::RenameMode::kWhiteoutNoReplace;
    default:
      return std::nullopt;
  }
}

void Rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
            const char* new_name, unsigned flags) {
  Request request(req, "rename", InodeId(parent));
  const std::optional<role::RenameMode> mode = RenameModeOf(flags);
  if (!mode) return request.Errno(EINVAL);
  request.Done(request.names().Rename(request.caller(), InodeId(parent), name, InodeId(new_parent),
                                      new_name, *mode));
}

void ReadLink(fuse_req_t req, fuse_ino_t ino) {
  Request request(req, "readlink", InodeId(ino));
  Result<std::string> target = request.names().ReadLink(InodeId(ino));
  if (!target.ok()) return request.Error(target.status());
  fuse_reply_readlink(req, target->c_str());
}

// A page of a listing in the kernel's format. The offsets after "." and ".." are 1 and 2; the
// offset after any other entry is its cursor plus 2.
class Page {
 public:
  Page(Request& request, size_t size_bytes, role::Names::WithAttrs attrs)
      : request_(request), attrs_(attrs), bytes_(size_bytes) {}

  // False: the page is full.
  bool Add(const role::DirEntry& entry, off_t offset) {
    fuse_entry_param param = {};
    // The kernel looks the name up when it wants attributes that the entry lacks.
    has_guesses_ = has_guesses_ || !entry.attr || entry.attr->guessed;
    if (entry.attr && !entry.attr->guessed) {
      param = request_.EntryOf(*entry.attr);
    } else {
      param.attr.st_ino = entry.ino.value;
      param.attr.st_mode = TypeBits(entry.type);
    }
    char* at = bytes_.data() + used_;
    const size_t room = bytes_.size() - used_;
    const size_t need =
        attrs_ == role::Names::WithAttrs::kYes
            ? fuse_add_direntry_plus(request_.raw(), at, room, entry.name.c_str(), &param, offset)
            : fuse_add_direntry(request_.raw(), at, room, entry.name.c_str(), &param.attr, offset);
    if (need > room) return false;
    used_ += need;
    return true;
  }
  bool empty() const { return used_ == 0; }
  bool has_guesses() const { return has_guesses_; }  // True also for names without attributes.
  void Reply() { fuse_reply_buf(request_.raw(), bytes_.data(), used_); }

 private:
  Request& request_;
  role::Names::WithAttrs attrs_;
  std::vector<char> bytes_;
  size_t used_ = 0;
  bool has_guesses_ = false;
};

constexpr off_t kDotsEnd = 2;  // The offset after "..".

// Adds "." and "..", which carry no attributes. False: the page is full.
Result<bool> AddDots(Request& request, Page& page, InodeId dir, off_t offset) {
  role::DirEntry entry;
  entry.type = role::FileType::kDirectory;
  if (offset < 1) {
    entry.name = ".";
    entry.ino = dir;
    if (!page.Add(entry, 1)) return false;
  }
  if (offset < kDotsEnd) {
    Result<InodeId> parent = request.names().ParentOf(dir);
    entry.name = "..";
    entry.ino = parent.ok() ? *parent : dir;  // A removed directory has no parent.
    if (!page.Add(entry, kDotsEnd)) return false;
  }
  return true;
}

HandleId HandleOf(const fuse_file_info* info) { return HandleId(info->fh); }

void OpenDir(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  HandleTable<OpenDirectory>& directories = MountedOf(req).directories;
  const HandleId handle = directories.Add(std::make_shared<OpenDirectory>());
  info->fh = handle.value;
  // The kernel gave up on an interrupted open, and will not release what it never had.
  if (fuse_reply_open(req, info) == -ENOENT) directories.Take(handle);
}

void ReleaseDir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) {
  Mounted& mounted = MountedOf(req);
  const std::shared_ptr<OpenDirectory> directory = mounted.directories.Take(HandleOf(info));
  if (directory) mounted.callers.EndedListing(directory->reader, InodeId(ino));
  fuse_reply_err(req, directory ? 0 : EBADF);
}

// What a READDIR asks for.
struct Span {
  InodeId dir;
  size_t size_bytes = 0;
  off_t offset = 0;
  role::Names::WithAttrs attrs = role::Names::WithAttrs::kNo;
};

Status FillPage(Request& request, Page& page, const Span& span, OpenDirectory& directory) {
  ASSIGN_OR_RETURN(bool room, AddDots(request, page, span.dir, span.offset));
  uint64_t cursor = span.offset <= kDotsEnd ? 0 : static_cast<uint64_t>(span.offset - kDotsEnd);
  if (span.offset == 0) directory.last_cursor = 0;  // Opened or rewound.
  // So many entries fit if names are short. The next READDIR asks for those that do not fit.
  const size_t batch =
      span.size_bytes / (span.attrs == role::Names::WithAttrs::kYes ? 168 : 40) + 1;
  while (room) {
    ASSIGN_OR_RETURN(
        role::Names::Listing listing,
        request.names().ReadDir(request.caller(), span.dir, cursor, batch, span.attrs));
    if (directory.last_cursor == 0) directory.last_cursor = listing.newest;
    const uint64_t last = directory.last_cursor;
    for (const role::DirEntry& entry : listing.entries) {
      if (last != 0 && entry.cursor > last) return OkStatus();
      room = page.Add(entry, static_cast<off_t>(entry.cursor) + kDotsEnd);
      if (!room) break;
      cursor = entry.cursor;
    }
    // One batch nearly fills a page. A further one would look up entries that have no room.
    if (listing.end || !page.empty()) break;
  }
  return OkStatus();
}

void NoteListing(const Request& request, InodeId dir, const Page& page, OpenDirectory& directory) {
  const pid_t pid = request.pid();
  directory.reader = pid;
  if (page.empty()) return request.callers().EndedListing(pid, dir);
  if (page.has_guesses()) request.callers().Listed(pid, dir, request.clock().Now());
}

void List(Request& request, const Span& span, const fuse_file_info* info) {
  const std::shared_ptr<OpenDirectory> directory = request.directories().Find(HandleOf(info));
  if (!directory) return request.Errno(EBADF);
  Page page(request, span.size_bytes, span.attrs);
  Status status = FillPage(request, page, span, *directory);
  if (!status.ok() && page.empty()) return request.Error(status);
  NoteListing(request, span.dir, page, *directory);
  page.Reply();
}

void ReadDir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* info) {
  Request request(req, "readdir", InodeId(ino));
  List(request, {InodeId(ino), size, offset, role::Names::WithAttrs::kNo}, info);
}

void ReadDirPlus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* info) {
  Request request(req, "readdirplus", InodeId(ino));
  List(request, {InodeId(ino), size, offset, role::Names::WithAttrs::kYes}, info);
}

void FsyncDir(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info*) {
  Request request(req, "fsyncdir", InodeId(ino));
  request.Done(request.names().SyncDirectory(InodeId(ino)));
}

}  // namespace

void AddNameRequests(fuse_lowlevel_ops& ops) {
  ops.lookup = Lookup;
  ops.forget = Forget;
  ops.forget_multi = ForgetMulti;
  ops.mknod = Mknod;
  ops.mkdir = Mkdir;
  ops.symlink = Symlink;
  ops.link = Link;
  ops.unlink = Unlink;
  ops.rmdir = Rmdir;
  ops.rename = Rename;
  ops.readlink = ReadLink;
  ops.opendir = OpenDir;
  ops.releasedir = ReleaseDir;
  ops.readdir = ReadDir;
  ops.readdirplus = ReadDirPlus;
  ops.fsyncdir = FsyncDir;
}

}  // namespace tarn::fuse
