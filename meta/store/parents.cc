#include "meta/store/parents.h"

#include "meta/store/keys.h"

namespace tarn::meta {
namespace {

constexpr int kMostAbove = 64;

}  // namespace

template <size_t kEntries>
void Parents::Table<kEntries>::Note(InodeId ino, InodeId parent) {
  Entry& entry = entries_[ino.value % kEntries];
  // Most notes repeat what is there. Readers of other threads then keep the cache line.
  if (entry.parent.load(std::memory_order_relaxed) != parent.value) {
    entry.parent.store(parent.value, std::memory_order_relaxed);
  }
  if (entry.ino.load(std::memory_order_relaxed) != ino.value) {
    entry.ino.store(ino.value, std::memory_order_relaxed);
  }
}

template <size_t kEntries>
InodeId Parents::Table<kEntries>::Of(InodeId ino) const {
  const Entry& entry = entries_[ino.value % kEntries];
  if (entry.ino.load(std::memory_order_relaxed) != ino.value) return InodeId();
  return InodeId(entry.parent.load(std::memory_order_relaxed));
}

void Parents::Note(const InodeRecord& inode) {
  if (inode.ino == kRootInode) return;
  if (inode.type == role::FileType::kDirectory) {
    directories_.Note(inode.ino, inode.parent);
  } else {
    others_.Note(inode.ino, inode.parent);
  }
}

bool Parents::IsDirectory(InodeId ino) const {
  return ino == kRootInode || directories_.Of(ino) != InodeId();
}

InodeId Parents::Of(InodeId ino) const {
  const InodeId parent = directories_.Of(ino);
  return parent ? parent : others_.Of(ino);
}

void Parents::AddAbove(InodeId ino, std::vector<std::string>& keys) const {
  for (int i = 0; i < kMostAbove && ino != kRootInode; ++i) {
    ino = Of(ino);
    if (!ino) return;
    keys.push_back(keys::Inode(ino));
  }
}

}  // namespace tarn::meta
