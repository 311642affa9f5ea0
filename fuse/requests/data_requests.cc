// Requests about bytes: open, create, read, write, flush, fsync, release and their kin.

#include <fcntl.h>

#include <memory>
#include <span>
#include <vector>

#include "fuse/requests/request.h"

namespace tarn::fuse {
namespace {

constexpr size_t kInPlaceFromBytes = 64 << 10;  // Below it a copy costs less than two splices.

using SetId = client::FileSystem::SetId;

client::HandleId HandleOf(const fuse_file_info* info) { return client::HandleId(info->fh); }

void Describe(const client::OpenReply& open, int flags, fuse_file_info* info) {
  info->fh = open.handle.value;
  info->direct_io = open.mode == client::IoMode::kDirect;
  info->parallel_direct_writes = info->direct_io;
  info->keep_cache = open.keep_cache;
  if (open.mode == client::IoMode::kPassthrough) info->backing_id = open.backing_id;
  // A reader has nothing to commit: its close needs no FLUSH.
  info->noflush = (flags & O_ACCMODE) == O_RDONLY && (flags & O_CREAT) == 0;
}

// The open would empty a file that a process executes. Rings serve a processor's requests one after
// the other, and could not serve the question.
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
  Result<client::OpenReply> open = request.fs().Open(request.caller(), InodeId(ino), info->flags);
  if (!open.ok()) return request.Error(open.status());
  if ((info->flags & O_TRUNC) != 0) {
    const Status cleared = request.fs().ClearPrivileges(InodeId(ino), request.SetIdOfWrite());
    if (!cleared.ok()) {
      request.fs().Release(open->handle);
      return request.Error(cleared);
    }
  }
  Describe(*open, info->flags, info);
  // The kernel gave up on an interrupted open: it will not release what it never had.
  if (fuse_reply_open(req, info) == -ENOENT) request.fs().Release(open->handle);
}

void ReplyCreated(Request& request, const Result<client::FileSystem::Created>& created,
                  fuse_file_info* info) {
  if (!created.ok()) return request.Error(created.status());
  Describe(created->open, info->flags | O_CREAT, info);
  const fuse_entry_param entry = request.EntryOf(created->info.attr);
  if (fuse_reply_create(request.raw(), &entry, info) == -ENOENT) {
    request.fs().Release(created->open.handle);
  }
}

void Create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
            fuse_file_info* info) {
  Request request(req, "create", InodeId(parent));
  ReplyCreated(
      request,
      request.fs().Create(request.caller(), InodeId(parent), name, mode & 07777, info->flags),
      info);
}

void Tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, fuse_file_info* info) {
  Request request(req, "tmpfile", InodeId(parent));
  ReplyCreated(
      request,
      request.fs().CreateUnnamed(request.caller(), InodeId(parent), mode & 07777, info->flags),
      info);
}

// A copy of the bytes. `buffer` has room for them.
void ReplyCopied(Request& request, std::span<std::byte> buffer, off_t offset,
                 const fuse_file_info* info) {
  Result<size_t> got = request.fs().Read(HandleOf(info), static_cast<uint64_t>(offset), buffer);
  if (!got.ok()) return request.Error(got.status());
  fuse_reply_buf(request.raw(), reinterpret_cast<const char*>(buffer.data()), *got);
}

// The kernel takes the bytes out of the cache file's pages itself, where they are in one.
void ReplyInPlace(Request& request, size_t size, off_t offset, const fuse_file_info* info) {
  Result<client::FileSystem::InPlace> bytes =
      request.fs().ReadInPlace(HandleOf(info), static_cast<uint64_t>(offset), size);
  if (bytes.code() == Code::kNoSpace) {
    // Not kept for the next time: this is rare, and would be a megabyte a thread.
    const auto buffer = std::make_unique_for_overwrite<std::byte[]>(size);
    return ReplyCopied(request, std::span(buffer.get(), size), offset, info);
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
  if (size >= kInPlaceFromBytes) {
    return ReplyInPlace(request, size, offset, info);
  }
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < size) buffer.resize(size);
  ReplyCopied(request, std::span(buffer.data(), size), offset, info);
}

void Write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t size, off_t offset,
           fuse_file_info* info) {
  Request request(req, "write", InodeId(ino));
  // Pages that the kernel writes back later carry no caller.
  const SetId setid = info->writepage ? SetId::kKeep : request.SetIdOfWrite();
  Status status = request.fs().Write(HandleOf(info), static_cast<uint64_t>(offset),
                                     std::as_bytes(std::span(data, size)), setid);
  // After a write with O_SYNC or RWF_DSYNC the kernel syncs only a file whose pages it keeps.
  const bool syncs = (info->flags & O_DSYNC) != 0 && !info->writepage;
  if (status.ok() && syncs) status = request.fs().Fsync(HandleOf(info));
  if (!status.ok()) return request.Error(status);
  fuse_reply_write(req, size);
}

void Flush(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) {
  Request request(req, "flush", InodeId(ino));
  request.Done(request.fs().Flush(HandleOf(info)));
}

void Fsync(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info* info) {
  Request request(req, "fsync", InodeId(ino));
  request.Done(request.fs().Fsync(HandleOf(info)));
}

void Release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* info) {
  Request request(req, "release", InodeId(ino));
  request.fs().Release(HandleOf(info));
  request.Errno(0);
}

void Fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
               fuse_file_info* info) {
  Request request(req, "fallocate", InodeId(ino));
  request.Done(request.fs().Allocate(HandleOf(info), mode, static_cast<uint64_t>(offset),
                                     static_cast<uint64_t>(length), request.SetIdOfWrite()));
}

void Lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, fuse_file_info* info) {
  Request request(req, "lseek", InodeId(ino));
  Result<uint64_t> at = request.fs().Seek(HandleOf(info), offset, whence);
  // lseek(2) says ENXIO where an offset is out of range.
  if (at.code() == Code::kRange) return request.Errno(ENXIO);
  if (!at.ok()) return request.Error(at.status());
  fuse_reply_lseek(req, static_cast<off_t>(*at));
}

void CopyFileRange(fuse_req_t req, fuse_ino_t ino, off_t from, fuse_file_info* source, fuse_ino_t,
                   off_t to, fuse_file_info* target, size_t length, int flags) {
  Request request(req, "copy_file_range", InodeId(ino));
  if (flags != 0) return request.Errno(EINVAL);
  Result<size_t> copied =
      request.fs().CopyRange(HandleOf(source), static_cast<uint64_t>(from), HandleOf(target),
                             static_cast<uint64_t>(to), length, request.SetIdOfWrite());
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
