#include "client/local/local_open_file.h"

#include <fcntl.h>

#include <utility>

#include "client/local/local_file_system.h"

namespace tarn::client {

LocalOpenFile::LocalOpenFile(LocalFileSystem& file_system, host::OpenInodePtr inode, int flags,
                             IoMode mode)
    : file_system_(file_system) {
  handle_.inode = std::move(inode);
  handle_.writes = (flags & O_ACCMODE) != O_RDONLY;
  handle_.mode = mode;
}

LocalOpenFile::~LocalOpenFile() {
  if (handle_.inode) file_system_.Release(handle_);
}

Result<size_t> LocalOpenFile::Read(uint64_t offset_bytes, std::span<std::byte> out) {
  return file_system_.Read(handle_, offset_bytes, out);
}

Result<OpenFile::InPlace> LocalOpenFile::ReadInPlace(uint64_t offset_bytes, size_t length_bytes) {
  return file_system_.ReadInPlace(handle_, offset_bytes, length_bytes);
}

std::optional<int> LocalOpenFile::WholeDescriptor() {
  host::OpenInode& inode = *handle_.inode;
  MutexLock lock(inode.mutex);
  if (!inode.live->Complete()) return std::nullopt;
  const int descriptor = inode.live->ReadDescriptor();
  return descriptor < 0 ? std::nullopt : std::optional(descriptor);
}

Status LocalOpenFile::Write(uint64_t offset_bytes, std::span<const std::byte> data, SetId setid) {
  return file_system_.Write(handle_, offset_bytes, data, setid);
}

Status LocalOpenFile::Allocate(int mode, uint64_t offset_bytes, uint64_t length_bytes,
                               SetId setid) {
  return file_system_.Allocate(handle_, mode, offset_bytes, length_bytes, setid);
}

Result<uint64_t> LocalOpenFile::Seek(int64_t offset_bytes, int whence) {
  return file_system_.Seek(handle_, offset_bytes, whence);
}

Result<size_t> LocalOpenFile::CopyFrom(OpenFile& source, uint64_t from_offset, uint64_t to_offset,
                                       size_t length_bytes, SetId setid) {
  return file_system_.CopyRange(source, from_offset, handle_, to_offset, length_bytes, setid);
}

Status LocalOpenFile::Flush() { return file_system_.Flush(handle_); }

Status LocalOpenFile::Fsync() { return file_system_.Fsync(handle_); }

void LocalOpenFile::Abandon() {
  handle_.inode.reset();
  MutexLock lock(handle_.reading.mutex);
  handle_.reading.passing.reset();  // Its room belongs to the FileSystem, which may go first.
}

}  // namespace tarn::client
