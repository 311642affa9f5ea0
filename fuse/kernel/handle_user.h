#pragma once

#include <sys/types.h>

namespace tarn::fuse {

// True: overlayfs has the kernel find an inode by a file handle, within a system call of `thread`.
// False where a program opens by a handle (open_by_handle_at), where a thread of the kernel does
// (its NFS server), while overlayfs is being mounted, and where the kernel does not tell.
bool OverlayfsUsesHandle(pid_t thread);

}  // namespace tarn::fuse
