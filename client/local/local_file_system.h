#pragma once

// FileSystem over a cache store in this process. Internal to client/: its interfaces are contracts.

#include <memory>

#include "client/dependencies.h"
#include "client/file_system.h"
#include "client/local/admission.h"
#include "client/local/local_attributes.h"
#include "client/local/local_names.h"
#include "client/local/local_opener.h"
#include "client/local/privileges.h"
#include "client/local/shared.h"

namespace tarn::client {

class LocalFileSystem final : public FileSystem, public KernelSide, public Upkeep {
 public:
  LocalFileSystem(const Dependencies& dependencies, const Options& options);
  ~LocalFileSystem() override;

  Names& GetNames() override { return names_; }
  Attributes& GetAttributes() override { return attributes_; }
  Xattrs& GetXattrs() override { return *xattrs_; }
  Opener& GetOpener() override { return opener_; }
  KernelSide& GetKernelSide() override { return *this; }
  Upkeep& GetUpkeep() override { return *this; }

  void SetBacking(Backing* backing) override { opener_.SetBacking(backing); }
  void SetInvalidator(std::function<void(const role::Change&)> invalidator) override;
  void SetKernelHolds(std::function<bool(InodeId)> holds) override;
  void KernelForgot(InodeId ino) override;
  uint64_t OpenFiles() const override { return opener_.OpenFiles(); }
  std::vector<InodeId> OpenInodes() override { return opener_.OpenInodes(); }
  uint64_t Forgetting() override { return shared_.reaper->Forgetting(); }
  Status CommitOpen() override { return shared_.committer.CommitOpen(); }
  Status Discard(std::span<const InodeId> inodes) override;
  Status Close() override;

 private:
  // Watches contents whose mappings outlived their descriptors, and looks for orphans.
  void RunSweeper(const std::stop_token& stop);
  void OnChange(const role::Change& change);
  void StopThreads();  // And joins them. Idempotent.

  Shared shared_;
  Admission admission_;
  Privileges privileges_;
  LocalAttributes attributes_;
  LocalNames names_;
  LocalOpener opener_;
  const std::unique_ptr<Xattrs> xattrs_;
  struct Sweeper;
  std::unique_ptr<Sweeper> sweeper_;  // Last: its thread uses all of the above.
};

}  // namespace tarn::client
