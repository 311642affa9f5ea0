#pragma once

// Names: each is one call to the coordinator, and its effect on open files. Internal to client/.

#include "client/attributes.h"
#include "client/local/shared.h"
#include "client/names.h"

namespace tarn::client {

class LocalOpener;

class LocalNames final : public Names {
 public:
  // `opener` may be constructed later: it is only kept here.
  LocalNames(Shared& shared, Attributes& attributes, LocalOpener& opener)
      : shared_(shared), attributes_(attributes), opener_(opener) {}

  Result<role::FileInfo> Lookup(const role::Caller&, InodeId, std::string_view) override;
  Result<role::FileInfo> MakeNode(const role::Caller&, InodeId, std::string_view,
                                  const role::CreateSpec&) override;
  Result<role::FileInfo> Link(const role::Caller&, InodeId, InodeId, std::string_view) override;
  Status Unlink(const role::Caller&, InodeId, std::string_view) override;
  Status Rmdir(const role::Caller&, InodeId, std::string_view) override;
  Status Rename(const role::Caller&, InodeId, std::string_view, InodeId, std::string_view,
                role::RenameMode) override;
  Result<role::Names::Listing> ReadDir(const role::Caller&, InodeId, uint64_t, size_t,
                                       role::Names::WithAttrs) override;
  Result<InodeId> ParentOf(InodeId dir) override;
  Result<std::string> ReadLink(InodeId) override;
  Status SyncDirectory(InodeId) override;

 private:
  Shared& shared_;
  Attributes& attributes_;
  LocalOpener& opener_;
};

}  // namespace tarn::client
