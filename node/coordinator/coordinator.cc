#include "node/coordinator/coordinator.h"

#include <unistd.h>

#include "base/strings.h"
#include "node/sources/open_source.h"

namespace tarn {

Status Naming(const std::string& what, const Status& status) {
  return status.ok() ? status : Status(status.code(), Concat(what, ": ", status.message()));
}

Status Coordinator::Open() {
  RETURN_IF_ERROR(OpenRoot());
  RETURN_IF_ERROR(OpenNamespace(Access::kOfRecovery));
  return OpenFurtherSources();
}

Status Coordinator::EndRecovery() {
  return options_.settings.read_only ? OpenNamespace(Access::kOfMount) : OkStatus();
}

meta::MetaOptions Coordinator::MetadataOptions(Access access) const {
  const Properties& properties = options_.properties;
  meta::MetaOptions meta;
  meta.sync_interval = properties.Get(property::kMetadataSyncInterval);
  meta.sync_timeout = properties.Get(property::kMetadataSyncTimeout);
  meta.persist_delay = properties.Get(property::kPersistDelay);
  meta.retry_interval_max = properties.Get(property::kPersistRetryMaxInterval);
  meta.ufs_deadline = properties.Get(property::kUfsTimeout);
  meta.boot = options_.state->Boot();
  meta.read_only = access == Access::kOfMount && options_.settings.read_only;
  return meta;
}

// A source that was mounted before left records.
Result<bool> Coordinator::KnowsSource() {
  kv::ScanOptions one;
  one.limit = 1;
  ASSIGN_OR_RETURN(const kv::ScanPage page, metadata_.Begin()->Scan("", "", one));
  return !page.pairs.empty();
}

Result<std::unique_ptr<ufs::UnderFileSystem>> Coordinator::OpenRootSource(
    const ufs::CallOptions& call, bool known) {
  OpenSourceOptions how;
  how.state_directory = options_.state->path();
  how.read_only = options_.settings.read_only;
  how.skipped = &mounts_.SkippedOf(kRootMount);
  Result<std::unique_ptr<ufs::UnderFileSystem>> opened =
      OpenSource(options_.source, options_.properties, how, SystemClock(), call);
  if (opened.ok()) return opened;
  const Status why = known ? opened.status() : NotInTime(opened.status(), options_.properties);
  return Naming(Concat("cannot mount ", options_.source.uri), why);
}

Status Coordinator::OpenRoot() {
  ASSIGN_OR_RETURN(const bool known, KnowsSource());
  // A known source may be starting up just as this process is: it gets more time.
  const Nanos timeout =
      known ? options_.properties.Get(property::kUfsTimeout) : MountTimeout(options_.properties);
  const ufs::CallOptions call{Deadline::After(SystemClock(), timeout), {}};
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::UnderFileSystem> source, OpenRootSource(call, known));
  root_.mount = kRootMount;
  root_.uri = options_.source.uri;
  root_.adopt = options_.adopt;
  ASSIGN_OR_RETURN(root_.identity, source->SourceIdentity(call));
  ASSIGN_OR_RETURN(ufs::ObjectInfo top, source->Stat("", call));
  const ufs::UfsTraits& traits = source->Traits();
  root_.root_mode = traits.attributes ? top.mode : traits.default_directory_mode;
  root_.root_uid = traits.attributes ? top.uid : traits.default_uid.value_or(geteuid());
  root_.root_gid = traits.attributes ? top.gid : traits.default_gid.value_or(getegid());
  return mounts_.Add(kRootMount, health_.Watch(kRootMount, std::move(source), SystemClock()));
}

Status Coordinator::OpenNamespace(Access access) {
  namespace_.reset();
  Result<std::unique_ptr<meta::Namespace>> opened =
      meta::OpenNamespace(metadata_, mounts_, SystemClock(), MetadataOptions(access), root_);
  if (!opened.ok()) {
    return Naming(Concat("state directory ", options_.state->path()), opened.status());
  }
  namespace_ = std::move(opened).value();
  if (sources_) sources_->UseTable(namespace_->GetMountTable());
  return OkStatus();
}

Status Coordinator::OpenFurtherSources() {
  SourceMountsOptions further;
  further.root = options_.source;
  further.mount_point = options_.mount_point;
  further.state_directory = options_.state->path();
  further.read_only = options_.settings.read_only;
  further.properties = options_.properties;
  sources_ = NewSourceMounts(std::move(further), namespace_->GetMountTable(), mounts_, health_,
                             SystemClock());
  return sources_->OpenAll();
}

}  // namespace tarn
