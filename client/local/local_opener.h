#pragma once

// Opening, creating and closing: who shares the live file, and how the kernel reaches it. Internal
// to client/.

#include <atomic>
#include <cstdint>
#include <vector>

#include "client/attributes.h"
#include "client/kernel_side.h"
#include "client/local/admission.h"
#include "client/local/handle.h"
#include "client/local/privileges.h"
#include "client/local/seen_at_open.h"
#include "client/local/shared.h"
#include "client/names.h"
#include "client/opener.h"

namespace tarn::client {

class LocalOpener final : public Opener {
 public:
  // What it works with. All references outlive it.
  struct Parts {
    Shared& shared;
    Admission& admission;
    Privileges& privileges;
    Names& names;
    Attributes& attributes;
  };
  explicit LocalOpener(const Parts& parts) : parts_(parts), shared_(parts.shared) {}

  Result<Opened> Open(const role::Caller&, InodeId, int flags) override;
  Result<Created> Create(const role::Caller&, InodeId, std::string_view, uint32_t mode,
                         int flags) override;
  Result<Created> CreateUnnamed(const role::Caller&, InodeId, uint32_t mode, int flags) override;

  // Commits what the handle wrote, and gives its hold back.
  void Release(Handle& handle);
  void SetBacking(Backing* backing) { backing_ = backing; }
  // The kernel has forgotten the inode, and its pages with it.
  void KernelForgot(InodeId ino);
  uint64_t OpenFiles() const { return open_files_; }
  std::vector<InodeId> OpenInodes();

 private:
  Result<Created> OpenExisting(const role::Caller& caller, InodeId parent, std::string_view name,
                               int flags);
  // Opens an inode that was made for this file just now, which is its one writer.
  Result<Created> OpenNew(role::FileInfo info, int flags);
  IoMode ChooseMode(host::OpenInode& inode, int flags) REQUIRES(inode.mutex);
  // After AdmitWriter, if the flags are a writer's; an error removes it.
  Result<Opened> AddHandle(host::Hold& hold, int flags);

  const Parts parts_;
  Shared& shared_;
  std::atomic<Backing*> backing_{nullptr};
  std::atomic<uint64_t> open_files_{0};
  SeenAtOpen seen_;  // For KeptPages::kIfUnchanged.
};

}  // namespace tarn::client
