#pragma once

// The coordinator of a process: the source of the process, the namespace over its store, and the
// further UFS mounts. For one thread; the parts it hands out are thread-safe.

#include <memory>

#include "kv/store.h"
#include "meta/namespace.h"
#include "node/embedded.h"
#include "node/sources/source_health.h"
#include "node/sources/source_mounts.h"
#include "ufs/mounts.h"

namespace tarn {

inline constexpr MountId kRootMount{1};

// `status`, saying what was attempted.
Status Naming(const std::string& what, const Status& status);

class Coordinator {
 public:
  // All outlive it.
  Coordinator(const EmbeddedOptions& options, kv::Store& metadata, ufs::UfsMounts& mounts,
              SourceHealth& health)
      : options_(options), metadata_(metadata), mounts_(mounts), health_(health) {}

  // Opens the sources and the namespace for recovery, which settles what a crash left half done, in
  // the records of a read-only mount too.
  Status Open();
  // Call it after recovery. Reopens the namespace of a read-only mount, so that every change is
  // refused from now on. References to the old one are invalid then.
  Status EndRecovery();

  meta::Namespace& GetNamespace() { return *namespace_; }
  SourceMounts& GetSources() { return *sources_; }
  // Null until Open has come so far.
  SourceMounts* FindSources() { return sources_.get(); }

 private:
  enum class Access { kOfRecovery, kOfMount };
  Result<bool> KnowsSource();
  Result<std::unique_ptr<ufs::UnderFileSystem>> OpenRootSource(const ufs::CallOptions& call,
                                                               bool known);
  Status OpenRoot();
  Status OpenNamespace(Access access);
  Status OpenFurtherSources();
  meta::MetaOptions MetadataOptions(Access access) const;

  const EmbeddedOptions& options_;
  kv::Store& metadata_;
  ufs::UfsMounts& mounts_;
  SourceHealth& health_;
  meta::RootMount root_;
  std::unique_ptr<meta::Namespace> namespace_;
  std::unique_ptr<SourceMounts> sources_;  // All but the root's.
};

}  // namespace tarn
