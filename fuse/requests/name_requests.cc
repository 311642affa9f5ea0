// Requests about names: lookup, making, removing, renaming, listing.

#include <linux/fs.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "fuse/requests/request.h"

namespace tarn::fuse {
namespace {

// How long the kernel may remember that a name does not exist; names appear behind its back.
constexpr double kNegativeTimeoutSeconds = 1;

// The kernel finds an inode by a file handle so.
constexpr std::string_view kByHandle = ".";
// The kernel's name of an inode that it has found so, and has no name of. overlayfs finds the lower
// file of a copy by its handle, and has the kernel look it up below itself before each use.
constexpr std::string_view kFoundByHandle = "/";

void Lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Request request(req, "lookup", InodeId(parent));
  if (name == kFoundByHandle) {
    return request.Entry(request.Learnt(request.fs().GetAttr(InodeId(parent))));
  }
  // overlayfs does without the lower file; it only gives the copy another inode number.
  if (name == kByHandle && request.RefusesHandle()) return request.Errno(ESTALE);
  Result<role::FileInfo> info = request.fs().Lookup(request.caller(), InodeId(parent), name);
  if (info.ok() && info->attr.guessed) {
    info = request.LookedUp(std::move(info), InodeId(parent));
    if (info.code() == Code::kStale) return request.Errno(ENOENT);
  }
  if (info.code() != Code::kNotFound) return request.Entry(info);
  fuse_entry_param nothing = {};
  nothing.entry_timeout =
      std::min(kNegativeTimeoutSeconds,
               std::chrono::duration<double>(request.options().entry_timeout).count());
  fuse_reply_entry(req, &nothing);
}

// Node ids are inode numbers, and nothing is kept per node: only the end of an inode without names
// waits for this.
void Forget(fuse_req_t req, fuse_ino_t ino, uint64_t) {
  static_cast<Mounted*>(fuse_req_userdata(req))->file_system.KernelForgot(InodeId(ino));
  fuse_reply_none(req);
}

void ForgetMulti(fuse_req_t req, size_t count, fuse_forget_data* forgets) {
  Mounted& mounted = *static_cast<Mounted*>(fuse_req_userdata(req));
  for (size_t i = 0; i < count; ++i) mounted.file_system.KernelForgot(InodeId(forgets[i].ino));
  fuse_reply_none(req);
}

void MakeNode(Request& request, fuse_ino_t parent, const char* name, const role::CreateSpec& spec) {
  request.Entry(request.fs().MakeNode(request.caller(), InodeId(parent), name, spec));
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
  request.Entry(request.fs().Link(request.caller(), InodeId(ino), InodeId(parent), name));
}

void Unlink(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Request request(req, "unlink", InodeId(parent));
  request.Done(request.fs().Unlink(request.caller(), InodeId(parent), name));
}

void Rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) {
  Request request(req, "rmdir", InodeId(parent));
  request.Done(request.fs().Rmdir(request.caller(), InodeId(parent), name));
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
  request.Done(request.fs().Rename(request.caller(), InodeId(parent), name, InodeId(new_parent),
                                   new_name, *mode));
}

void ReadLink(fuse_req_t req, fuse_ino_t ino) {
  Request request(req, "readlink", InodeId(ino));
  Result<std::string> target = request.fs().ReadLink(InodeId(ino));
  if (!target.ok()) return request.Error(target.status());
  fuse_reply_readlink(req, target->c_str());
}

// A page of a listing as the kernel wants it. Offsets 1 and 2 follow "." and ".."; entries are 2
// behind their cursor.
class Page {
 public:
  Page(Request& request, size_t size_bytes, role::Names::WithAttrs attrs)
      : request_(request), attrs_(attrs), bytes_(size_bytes) {}

  // False: no room, the page is full.
  bool Add(const role::DirEntry& entry, off_t offset) {
    fuse_entry_param param = {};
    // Without attributes the kernel looks the name up when it wants them.
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
  bool has_guesses() const { return has_guesses_; }  // Or names without attributes.
  void Reply() { fuse_reply_buf(request_.raw(), bytes_.data(), used_); }

 private:
  Request& request_;
  role::Names::WithAttrs attrs_;
  std::vector<char> bytes_;
  size_t used_ = 0;
  bool has_guesses_ = false;
};

constexpr off_t kDotsEnd = 2;

// "." and "..", which carry no attributes; false if the page is full.
Result<bool> AddDots(Request& request, Page& page, InodeId dir, off_t offset) {
  role::DirEntry entry;
  entry.type = role::FileType::kDirectory;
  if (offset < 1) {
    entry.name = ".";
    entry.ino = dir;
    if (!page.Add(entry, 1)) return false;
  }
  if (offset < kDotsEnd) {
    Result<InodeId> parent = request.fs().ParentOf(dir);
    entry.name = "..";
    entry.ino = parent.ok() ? *parent : dir;  // Of a removed directory nothing better is known.
    if (!page.Add(entry, kDotsEnd)) return false;
  }
  return true;
}

// An open directory. What is made after its listing began comes behind the listing's end: a program
// that makes names as it walks would never be done otherwise.
struct DirectoryHandle {
  std::atomic<uint64_t> last_cursor{0};  // 0: names of the source are still to come.
  std::atomic<pid_t> reader{0};          // The last one; 0: none yet.
};

DirectoryHandle& HandleOf(const fuse_file_info* info) {
  return *reinterpret_cast<DirectoryHandle*>(info->fh);
}

void OpenDir(fuse_req_t req, fuse_ino_t, fuse_file_info* info) {
  auto handle = std::make_unique<DirectoryHandle>();
  info->fh = reinterpret_cast<uintptr_t>(handle.get());
  // The kernel gave up on an interrupted open: it will not release what it never had.
  if (fuse_reply_open(req, info) != -ENOENT) (void)handle.release();
}

void ReleaseDir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) {
  static_cast<Mounted*>(fuse_req_userdata(req))
      ->callers.EndedListing(HandleOf(info).reader, InodeId(ino));
  delete &HandleOf(info);
  fuse_reply_err(req, 0);
}

// What a READDIR asks for.
struct Span {
  InodeId dir;
  size_t size_bytes = 0;
  off_t offset = 0;
  role::Names::WithAttrs attrs = role::Names::WithAttrs::kNo;
};

Status FillPage(Request& request, Page& page, const Span& span, DirectoryHandle& handle) {
  ASSIGN_OR_RETURN(bool room, AddDots(request, page, span.dir, span.offset));
  uint64_t cursor = span.offset <= kDotsEnd ? 0 : static_cast<uint64_t>(span.offset - kDotsEnd);
  if (span.offset == 0) handle.last_cursor = 0;  // Opened or rewound.
  // What surely fits if names are short; the rest of the page is asked for again.
  const size_t batch =
      span.size_bytes / (span.attrs == role::Names::WithAttrs::kYes ? 168 : 40) + 1;
  while (room) {
    ASSIGN_OR_RETURN(role::Names::Listing listing,
                     request.fs().ReadDir(request.caller(), span.dir, cursor, batch, span.attrs));
    if (handle.last_cursor == 0) handle.last_cursor = listing.newest;
    const uint64_t last = handle.last_cursor;
    for (const role::DirEntry& entry : listing.entries) {
      if (last != 0 && entry.cursor > last) return OkStatus();
      room = page.Add(entry, static_cast<off_t>(entry.cursor) + kDotsEnd);
      if (!room) break;
      cursor = entry.cursor;
    }
    // One batch nearly fills a page; more would look up entries that have no room.
    if (listing.end || !page.empty()) break;
  }
  return OkStatus();
}

void NoteListing(const Request& request, InodeId dir, const Page& page, DirectoryHandle& handle) {
  const pid_t pid = request.pid();
  handle.reader = pid;
  if (page.empty()) return request.callers().EndedListing(pid, dir);
  if (page.has_guesses()) request.callers().Listed(pid, dir, request.clock().Now());
}

void List(Request& request, const Span& span, const fuse_file_info* info) {
  Page page(request, span.size_bytes, span.attrs);
  Status status = FillPage(request, page, span, HandleOf(info));
  if (!status.ok() && page.empty()) return request.Error(status);
  NoteListing(request, span.dir, page, HandleOf(info));
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
  request.Done(request.fs().SyncDirectory(InodeId(ino)));
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
