#pragma once

// Attributes over the coordinator and the live files of this node. Internal to client/.

#include "client/attributes.h"
#include "client/local/admission.h"
#include "client/local/privileges.h"
#include "client/local/shared.h"

namespace tarn::client {

class LocalAttributes final : public Attributes {
 public:
  LocalAttributes(Shared& shared, Admission& admission, Privileges& privileges)
      : shared_(shared), admission_(admission), privileges_(privileges) {}

  Result<role::FileInfo> GetAttr(InodeId) override;
  Result<role::FileInfo> LearnAttributes(InodeId, Next) override;
  Result<role::FileInfo> SetAttr(const role::Caller&, InodeId, const role::AttrChange&,
                                 std::optional<uint64_t> size_bytes) override;
  std::optional<uint32_t> SetgidGroup(InodeId) override;
  Status ClearPrivileges(InodeId, SetId) override;
  Result<role::StatFs> GetStatFs() override;

 private:
  Result<role::FileInfo> SetAttributes(const role::Caller& caller, InodeId ino,
                                       const role::AttrChange& change);
  Status Truncate(const role::Caller& caller, InodeId ino, uint64_t size_bytes);
  Status ResizeLive(host::OpenInode& inode, uint64_t size_bytes);
  Status FillBoundary(host::OpenInode& inode, uint64_t size_bytes);

  Shared& shared_;
  Admission& admission_;
  Privileges& privileges_;
};

}  // namespace tarn::client
