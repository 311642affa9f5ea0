#pragma once

// What the cache does with an open file: whole reads and writes, facts, holes, and whether another
// program has the file open.

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
// Writes all of `data`. After an error any part of it may have been written.
Status WriteAt(int fd, uint64_t offset_bytes, std::span<const std::byte> data);
// Cuts the file, or lets it grow with a hole.
Status CutFile(int fd, uint64_t size_bytes);

struct FileFacts {
  uint64_t size_bytes = 0;
  // Without the blocks that file systems reserve after the end for a while.
  uint64_t allocated_bytes = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;  // No program can set it.
  uint64_t inode = 0;
};
Result<FileFacts> Facts(int fd);
// The ranges of [0, size) that hold data, in order. All else reads as zeros; a hole of less than
// 64 KiB counts as data.
Result<std::vector<ByteRange>> DataOf(int fd, uint64_t size_bytes);
Status SetMtime(int fd, int64_t mtime_ns);
Status SyncData(int fd);
// True if no program has the file open, or mapped, for writing. `fd` is O_RDONLY.
Result<bool> IsUnwritten(int fd);
// True if `fd` is the file's only open, and no program has it mapped.
Result<bool> IsOnlyOpen(int fd);

}  // namespace tarn::cache
