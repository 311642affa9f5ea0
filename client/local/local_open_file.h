#pragma once

// An OpenFile of a LocalFileSystem. Internal to client/.

#include "client/local/handle.h"
#include "client/open_file.h"

namespace tarn::client {

class LocalFileSystem;

class LocalOpenFile final : public OpenFile {
 public:
  // Takes over a hold on `inode` and, if `flags` are a writer's, one writer of its live file.
  LocalOpenFile(LocalFileSystem& file_system, host::OpenInodePtr inode, int flags, IoMode mode);
  ~LocalOpenFile() override;
  LocalOpenFile(const LocalOpenFile&) = delete;
  LocalOpenFile& operator=(const LocalOpenFile&) = delete;

  Result<size_t> Read(uint64_t offset_bytes, std::span<std::byte> out) override;
  Result<InPlace> ReadInPlace(uint64_t offset_bytes, size_t length_bytes) override;
  std::optional<int> WholeDescriptor() override;
  Status Write(uint64_t offset_bytes, std::span<const std::byte> data, SetId setid) override;
  Status Allocate(int mode, uint64_t offset_bytes, uint64_t length_bytes, SetId setid) override;
  Result<uint64_t> Seek(int64_t offset_bytes, int whence) override;
  Result<size_t> CopyFrom(OpenFile& source, uint64_t from_offset, uint64_t to_offset,
                          size_t length_bytes, SetId setid) override;
  Status Flush() override;
  Status Fsync() override;
  void Abandon() override;

 private:
  LocalFileSystem& file_system_;
  Handle handle_;
};

}  // namespace tarn::client
