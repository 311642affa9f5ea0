#pragma once

// Remembers the parents of inodes, so that the reads of all directories above a name can start
// together (kv::Transaction::Want) instead of one after the other. An entry is a hint: it may be
// old, wrong or lost. The caller reads the records, and goes by them alone. Thread-safe, without a
// lock. Memory is bounded: an entry takes the place of another.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"
#include "meta/store/records.h"

namespace tarn::meta {

class Parents {
 public:
  void Note(const InodeRecord& inode);
  // Whether `ino` is remembered as a directory. The root always is.
  bool IsDirectory(InodeId ino) const;
  // None: it is not remembered.
  InodeId Of(InodeId ino) const;
  // Adds the keys of the records above `ino`, from its parent up to the root, as far as they are
  // remembered.
  void AddAbove(InodeId ino, std::vector<std::string>& keys) const;

 private:
  // A reader may see the two parts of different entries: then the hint is wrong.
  struct Entry {
    std::atomic<uint64_t> ino = 0;
    std::atomic<uint64_t> parent = 0;
  };
  template <size_t kEntries>
  class Table {
   public:
    void Note(InodeId ino, InodeId parent);
    InodeId Of(InodeId ino) const;

   private:
    std::array<Entry, kEntries> entries_;
  };

  // Files would push the directories out of a table that they share.
  Table<8192> directories_;
  Table<16384> others_;
};

}  // namespace tarn::meta
