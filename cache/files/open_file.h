#pragma once

// What the cache does with an open file: whole reads and writes, facts, holes, and who else has the
// file open.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/descriptor.h"
#include "base/status.h"
#include "cache/content.h"

namespace tarn::cache {

// The number of bytes read: fewer than asked only at the end of the file.
Result<size_t> ReadAt(int fd, uint64_t offset_bytes, std::span<std::byte> out);
// All of it, or an error after which any part may have been written.
Status WriteAt(int fd, uint64_t offset_bytes, std::span<const std::byte> data);

struct FileFacts {
  uint64_t size_bytes = 0;
  uint64_t allocated_bytes = 0;  // Without what file systems reserve behind the end for a while.
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;  // No program can set it.
  uint64_t inode = 0;
};
Result<FileFacts> Facts(int fd);
// Where [0, size) has data, in order. All else reads as zeros; a hole of less than 64 KiB counts as
// data.
Result<std::vector<ByteRange>> DataOf(int fd, uint64_t size_bytes);
Status SetMtime(int fd, int64_t mtime_ns);
Status SyncData(int fd);
// True if nobody has the file open, or mapped, for writing. `fd` is O_RDONLY.
Result<bool> NobodyWrites(int fd);
// True if `fd` is the file's only open, and nobody has it mapped.
Result<bool> NobodyElseHas(int fd);

}  // namespace tarn::cache
