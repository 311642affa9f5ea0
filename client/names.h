#pragma once

// Names and directories. Thread-safe; blocks. The coordinator decides: a method fails like the
// method of role::Names with the same name (MakeNode like Create), and a failed method has changed
// nothing. Sizes and times of files that are open are those of their live files.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/status.h"
#include "role/names.h"
#include "role/types.h"

namespace tarn::client {

class Names {
 public:
  virtual ~Names() = default;

  virtual Result<role::FileInfo> Lookup(const role::Caller& caller, InodeId parent,
                                        std::string_view name) = 0;
  // A regular file is committed empty.
  virtual Result<role::FileInfo> MakeNode(const role::Caller& caller, InodeId parent,
                                          std::string_view name, const role::CreateSpec& spec) = 0;
  // The first name of a file without one (Opener::CreateUnnamed) also commits its bytes, unless a
  // writer has it open and will.
  virtual Result<role::FileInfo> Link(const role::Caller& caller, InodeId ino, InodeId parent,
                                      std::string_view name) = 0;
  // An inode without names lives on while it is open or the kernel holds it.
  virtual Status Unlink(const role::Caller& caller, InodeId parent, std::string_view name) = 0;
  virtual Status Rmdir(const role::Caller& caller, InodeId parent, std::string_view name) = 0;
  virtual Status Rename(const role::Caller& caller, InodeId parent, std::string_view name,
                        InodeId new_parent, std::string_view new_name, role::RenameMode mode) = 0;
  virtual Result<role::Names::Listing> ReadDir(const role::Caller& caller, InodeId dir,
                                               uint64_t cursor, size_t limit,
                                               role::Names::WithAttrs attrs) = 0;
  virtual Result<InodeId> ParentOf(InodeId dir) = 0;
  // The target of a symlink. kInvalid: the inode is no symlink.
  virtual Result<std::string> ReadLink(InodeId ino) = 0;
  // On return every name change made so far survives a power cut.
  virtual Status SyncDirectory(InodeId dir) = 0;
};

}  // namespace tarn::client
