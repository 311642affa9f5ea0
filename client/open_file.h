#pragma once

// An open file: the bytes of one inode, as the program that opened it reads and writes them.
// Thread-safe; blocks. Flush it before it is destroyed: the destructor commits a writer's bytes
// too, but can only log an error. The FileSystem outlives it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/status.h"
#include "client/set_id.h"

namespace tarn::client {

class OpenFile {
 public:
  virtual ~OpenFile() = default;

  // Fills `out` from `offset_bytes`. Short only at the end of the file.
  virtual Result<size_t> Read(uint64_t offset_bytes, std::span<std::byte> out) = 0;
  // Where bytes are, instead of a copy of them: read them from `descriptor` at the same offset.
  struct InPlace {
    int descriptor = -1;      // Valid while the file is open.
    size_t length_bytes = 0;  // Less than was asked for only at the end of the file.
  };
  // kNoSpace: a page finds no room in the cache, so its bytes are in no file. Use Read.
  virtual Result<InPlace> ReadInPlace(uint64_t offset_bytes, size_t length_bytes) = 0;
  // For reading all bytes of the file, while it is open. Nullopt: this machine lacks some of them.
  virtual std::optional<int> WholeDescriptor() = 0;

  // kInvalid: opened for reading. kNoSpace: the cache found no room within Options::no_space_wait.
  virtual Status Write(uint64_t offset_bytes, std::span<const std::byte> data, SetId setid) = 0;
  // `mode` is that of fallocate(2). Fails like Write.
  virtual Status Allocate(int mode, uint64_t offset_bytes, uint64_t length_bytes, SetId setid) = 0;
  // SEEK_DATA or SEEK_HOLE of lseek(2). kRange: the offset is outside the file, or no data follow.
  virtual Result<uint64_t> Seek(int64_t offset_bytes, int whence) = 0;
  // Copies bytes of `source` to `to_offset`, and returns how many: perhaps fewer than
  // `length_bytes`, but 0 only at the end of `source`. Fails like Write.
  virtual Result<size_t> CopyFrom(OpenFile& source, uint64_t from_offset, uint64_t to_offset,
                                  size_t length_bytes, SetId setid) = 0;

  // Commits what was written, and returns what close(2) must return. Without a change since the
  // last commit it does nothing.
  virtual Status Flush() = 0;
  // Commits, and makes bytes, attributes and names durable whatever Options::sync_on_close says.
  virtual Status Fsync() = 0;

  // The destructor releases nothing from now on, and the FileSystem may go first. Call it last, for
  // a file that a program still has open when this process ends: the next process recovers the
  // content.
  virtual void Abandon() = 0;
};

}  // namespace tarn::client
