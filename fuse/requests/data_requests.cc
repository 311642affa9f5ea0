// Requests about bytes: open, create, read, write, flush, fsync, release and their kin.

#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "fuse/loop/rings.h"
#include "fuse/requests/handlers.h"
#include "fuse/requests/request.h"

namespace tarn::fuse {
namespace {

constexpr size_t kInPlaceFromBytes = 64 << 10;  // Below it a copy costs less than two splices.

using client::SetId;
using OpenFilePtr = std::shared_ptr<client::OpenFile>;

HandleId HandleOf(const fuse_file_info* info) { return HandleId(info->fh); }

OpenFilePtr FileOf(const Request& request, const fuse_file_info* info) {
  return request.files().Find(HandleOf(info));
}

// Gives the file a handle, and fills in the answer to its open.
HandleId AddFile(Request& request, client::Opened open, int flags, fuse_file_info* info) {
  const HandleId handle = request.files().Add(std::move(open.file));
  info->fh = handle.value;
  info->direct_io = open.mode == client::IoMode::kDirect;
  info->parallel_direct_writes = info->direct_io;
  info->keep_cache = open.keep_cache;
  if (open.mode == client::IoMode::kPassthrough) info->backing_id = open.backing_id;
  // A reader has nothing to commit: its close needs no FLUSH.
  info->noflush = (flags & O_ACCMODE) == O_RDONLY && (flags & O_CREAT) == 0;
  return handle;
}

// `sent` is the result of the reply. -ENOENT: the kernel gave up on an interrupted open, and will
// not release what it never had.
void DropUnlessSent(Request& request, HandleId handle, int sent) {
  if (sent == -ENOENT) request.files().Take(handle);
}

// True: the open would empty a file that a process executes. Rings serve the requests of one
// processor one after the other, and could not serve the question to the kernel.
bool EmptiesExecuted(const Request& request, InodeId ino, int flags) {
  if ((flags & O_TRUNC) == 0 || (flags & O_ACCMODE) != O_RDONLY) return false;
  return !ServesByRings(request.options()) && request.executed().Contain(ino);
}

void Open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) {
  Request request(req, "open", InodeId(ino));
  if (request.executed().IsQuestion(request.pid())) {
    return request.Errno(ExecutedFiles::kNo);
  }
  if (EmptiesExecuted(request, InodeId(ino), info->flags)) return request.Errno(ETXTBSY);
  if (request.SendsBack()) return;
  request.callers().Opened(request.pid(), InodeId(ino));
  Result<client::Opened> open = request.opener().Open(request.caller(), InodeId(ino), info->flags);
  if (!open.ok()) return request.Error(open.status());
  if ((info->flags & O_TRUNC) != 0) {
    const Status cleared =
        request.attributes().ClearPrivileges(InodeId(ino), request.SetIdOfWrite());
    if (!cleared.ok()) {
      open->file.reset();
      return request.Error(cleared);
    }
  }
  const HandleId handle = AddFile(request, *std::move(open), info->flags, info);
  DropUnlessSent(request, handle, fuse_reply_open(req, info));
}

void ReplyCreated(Request& request, Result<client::Created> created, fuse_file_info* info) {
  if (!created.ok()) return request.Error(created.status());
  const fuse_entry_param entry = request.EntryOf(created->info.attr);
  const HandleId handle = AddFile(request, std::move(created->open), info->flags | O_CREAT, info);
  DropUnlessSent(request, handle, fuse_reply_create(request.raw(), &entry, info));
}

void Create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
            fuse_file_info* info) {
  Request request(req, "create", InodeId(parent));
  ReplyCreated(
      request,
      request.opener().Create(request.caller(), InodeId(parent), name, mode & 07777, info->flags),
      info);
}

void Tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, fuse_file_info* info) {
  Request request(req, "tmpfile", InodeId(parent));
  ReplyCreated(
      request,
      request.opener().CreateUnnamed(request.caller(), InodeId(parent), mode & 07777, info->flags),
      info);
}

// Replies with a copy of the bytes. `buffer` has room for them.
void ReplyCopied(Request& request, client::OpenFile& file, std::span<std::byte> buffer,
                 off_t offset) {
  Result<size_t> got = file.Read(static_cast<uint64_t>(offset), buffer);
  if (!got.ok()) return request.Error(got.status());
  fuse_reply_buf(request.raw(), reinterpret_cast<const char*>(buffer.data()), *got);
}

// The kernel itself takes the bytes out of the cache file's pages, where they are in one.
void ReplyInPlace(Request& request, client::OpenFile& file, size_t size, off_t offset) {
  Result<client::OpenFile::InPlace> bytes = file.ReadInPlace(static_cast<uint64_t>(offset), size);
  if (bytes.code() == Code::kNoSpace) {
    // The buffer is not kept: this case is rare, and each thread would keep a megabyte.
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
    return ReplyCopied(request, file, std::span(buffer.get(), size), offset);
  }
  if (!bytes.ok()) return request.Error(bytes.status());
  fuse_bufvec data = FUSE_BUFVEC_INIT(bytes->length_bytes);
  data.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
  data.buf[0].fd = bytes->descriptor;
  data.buf[0].pos = offset;
  fuse_reply_data(request.raw(), &data, static_cast<fuse_buf_copy_flags>(0));
}

void Read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info* info) {
  Request request(req, "read", InodeId(ino));
  const OpenFilePtr file = FileOf(request, info);
  if (!file) return request.Errno(EBADF);
  if (size >= kInPlaceFromBytes) return ReplyInPlace(request, *file, size, offset);
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < size) buffer.resize(size);
  ReplyCopied(request, *file, std::span(buffer.data(), size), offset);
}

void Write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t size, off_t offset,
           fuse_file_info* info) {
  Request request(req, "write", InodeId(ino));
  const OpenFilePtr file = FileOf(request, info);
  if (!file) return request.Errno(EBADF);
  // Pages that the kernel writes back later carry no caller.
  const SetId setid = info->writepage ? SetId::kKeep : request.SetIdOfWrite();
  Status status =
      file->Write(static_cast<uint64_t>(offset), std::as_bytes(std::span(data, size)), setid);
  // After a write with O_SYNC or RWF_DSYNC the kernel syncs only a file whose pages it keeps.
  const bool syncs = (info->flags & O_DSYNC) != 0 && !info->writepage;
  if (status.ok() && syncs) status = file->Fsync();
  if (!status.ok()) return request.Error(status);
  fuse_reply_write(req, size);
}

void Flush(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) {
  Request request(req, "flush", InodeId(ino));
  OpenFilePtr file = FileOf(request, info);
  if (!file) return request.Errno(EBADF);
  const Status flushed = file->Flush();
  file.reset();  // Before the reply: RELEASE may follow at once, and is to be the last user.
  request.Done(flushed);
}

void Fsync(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info* info) {
  Request request(req, "fsync", InodeId(ino));
  OpenFilePtr file = FileOf(request, info);
  if (!file) return request.Errno(EBADF);
  const Status synced = file->Fsync();
  file.reset();
  request.Done(synced);
}

// The file is released before the reply, unless another thread has just replied to a request for it
// and is about to let it go.
void Release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) {
  Request request(req, "release", InodeId(ino));
  OpenFilePtr file = request.files().Take(HandleOf(info));
  if (!file) return request.Errno(EBADF);
  file.reset();
  request.Errno(0);
}

void Fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
               fuse_file_info* info) {
  Request request(req, "fallocate", InodeId(ino));
  const OpenFilePtr file = FileOf(request, info);
  if (!file) return request.Errno(EBADF);
  request.Done(file->Allocate(mode, static_cast<uint64_t>(offset), static_cast<uint64_t>(length),
                              request.SetIdOfWrite()));
}

void Lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, fuse_file_info* info) {
  Request request(req, "lseek", InodeId(ino));
  const OpenFilePtr file = FileOf(request, info);
  if (!file) return request.Errno(EBADF);
  Result<uint64_t> at = file->Seek(offset, whence);
  // lseek(2) returns ENXIO where an offset is out of range.
  if (at.code() == Code::kRange) return request.Errno(ENXIO);
  if (!at.ok()) return request.Error(at.status());
  fuse_reply_lseek(req, static_cast<off_t>(*at));
}

void CopyFileRange(fuse_req_t req, fuse_ino_t ino, off_t from, fuse_file_info* source, fuse_ino_t,
                   off_t to, fuse_file_info* target, size_t length, int flags) {
  Request request(req, "copy_file_range", InodeId(ino));
  if (flags != 0) return request.Errno(EINVAL);
  const OpenFilePtr source_file = FileOf(request, source);
  const OpenFilePtr target_file = FileOf(request, target);
  if (!source_file || !target_file) return request.Errno(EBADF);
  Result<size_t> copied =
      target_file->CopyFrom(*source_file, static_cast<uint64_t>(from), static_cast<uint64_t>(to),
                            length, request.SetIdOfWrite());
  if (!copied.ok()) return request.Error(copied.status());
  fuse_reply_write(req, *copied);
}

}  // namespace

void AddDataRequests(fuse_lowlevel_ops& ops) {
  ops.open = Open;
  ops.create = Create;
  ops.tmpfile = Tmpfile;
  ops.read = Read;
  ops.write = Write;
  ops.flush = Flush;
  ops.fsync = Fsync;
  ops.release = Release;
  ops.fallocate = Fallocate;
  ops.lseek = Lseek;
  ops.copy_file_range = CopyFileRange;
}

}  // namespace tarn::fuse
