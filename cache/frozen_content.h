#pragma once

// A content on its way to the UFS.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "cache/content.h"

namespace tarn::cache {

// kExclusive: no program writes the file or maps it writably. kUnlessChanged: a writer may have the
// file open; it is frozen at its last commit.
enum class Freezing { kExclusive, kUnlessChanged };

// A content that no program writes: a read lease proved it when the content was frozen. Pins the
// content. Changes after that are detected.
class FrozenContent {
 public:
  virtual ~FrozenContent() = default;
  virtual const ContentInfo& Info() const = 0;
  virtual int Descriptor() const = 0;  // O_RDONLY.
  // A run of bytes that is to be read from one place: from the descriptor or, where pages are
  // absent, from the base generation at the same offset.
  struct Piece {
    uint64_t length_bytes = 0;
    bool absent = false;
  };
  // The piece that begins at `offset`, at most `length` bytes of it.
  virtual Piece PieceAt(uint64_t offset_bytes, uint64_t length_bytes) const = 0;
  // The ranges that hold data, in order, absent pages among them. All else is zeros; a hole of less
  // than 64 KiB counts as data.
  virtual Result<std::vector<ByteRange>> Data() const = 0;
  // Compares each page that lies whole in `bytes`, which were read at `offset`. kCorruption: one
  // differs from its commit. The content is damaged then, and must not be uploaded.
  virtual Status Check(uint64_t offset_bytes, std::span<const std::byte> bytes) = 0;
  // No write, no writer and no commit came since the content was frozen.
  virtual bool Unchanged() const = 0;
  // Dirty to clean: the UFS has exactly these bytes, those of absent pages included. If a program
  // may still write the content, only its base generation is raised. kStale: the content changed,
  // and stays dirty.
  virtual Status MarkClean() = 0;
};

}  // namespace tarn::cache
