#pragma once

// Bytes through the daemon: for contents not complete on this node, and where the kernel has no
// passthrough. Internal to client/.

#include "client/local/handle.h"
#include "client/local/privileges.h"
#include "client/local/shared.h"
#include "client/open_file.h"

namespace tarn::client {

class LocalOpener;

class LocalOpenFile final : public OpenFile {
 public:
  // Takes over a hold on `inode` and, if `flags` are a writer's, one writer of its live file. The
  // opener releases both.
  LocalOpenFile(LocalOpener& opener, Shared& shared, Privileges& privileges,
                host::OpenInodePtr inode, int flags, IoMode mode);
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
  Status FillEdges(uint64_t offset_bytes, uint64_t length_bytes);
  Status DeferIfReplaced(const Status& error);
  Result<size_t> CopyThrough(OpenFile& source, uint64_t from_offset, uint64_t to_offset,
                             size_t length_bytes);

  LocalOpener& opener_;
  Shared& shared_;
  Privileges& privileges_;
  Handle handle_;
};

}  // namespace tarn::client
