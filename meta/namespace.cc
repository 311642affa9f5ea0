#include "meta/namespace.h"

#include "meta/loading/loader.h"
#include "meta/mounts/mount_table.h"
#include "meta/mounts/root.h"
#include "meta/persist/queue.h"
#include "meta/services.h"
#include "meta/store/changes.h"
#include "meta/store/tree.h"

namespace tarn::meta {
namespace {

class EmbeddedNamespace final : public Namespace {
 public:
  EmbeddedNamespace(kv::Store& store, ufs::UfsMounts& mounts, Clock& clock,
                    const MetaOptions& options, MountId root_mount)
      : ids_(store, clock),
        queue_clock_(clock),
        context_{store, mounts,      clock,        options,  ids_,         changes_,
                 gate_, encounters_, key_changes_, writers_, queue_clock_, parents_},
        loader_(NewLoader(context_)),
        names_(NewNames({context_, *loader_})),
        files_(NewFiles({context_, *loader_}, root_mount)),
        writers_service_(NewWriters({context_, *loader_})),
        maintenance_(NewMaintenance({context_, *loader_})),
        queue_(NewPersistQueue(context_, *loader_)),
        mount_table_(NewMountTable({context_, *loader_})) {}

  const Context& GetContext() const { return context_; }
  Status StartQueueClock(kv::Store& store) { return queue_clock_.Start(store); }
  Result<int64_t> MadeNs() override {
    ASSIGN_OR_RETURN(const InodeRecord root,
                     ReadInode(*context_.store.Begin(), kRootInode, kv::Reads::kSnapshot));
    return root.btime_ns;
  }
  role::Names& GetNames() override { return *names_; }
  role::Files& GetFiles() override { return *files_; }
  role::Writers& GetWriters() override { return *writers_service_; }
  role::Maintenance& GetMaintenance() override { return *maintenance_; }
  role::PersistQueue& GetPersistQueue() override { return *queue_; }
  role::MountTable& GetMountTable() override { return *mount_table_; }

 private:
  // Each member uses those above it, and is destroyed before them.
  IdAllocator ids_;
  ChangeFeed changes_;
  ChangeGate gate_;
  Encounters encounters_;
  KeyChanges key_changes_;
  OpenWriters writers_;
  QueueClock queue_clock_;
  Parents parents_;
  const Context context_;
  const std::unique_ptr<Loader> loader_;
  const std::unique_ptr<role::Names> names_;
  const std::unique_ptr<role::Files> files_;
  const std::unique_ptr<role::Writers> writers_service_;
  const std::unique_ptr<role::Maintenance> maintenance_;
  const std::unique_ptr<role::PersistQueue> queue_;
  const std::unique_ptr<role::MountTable> mount_table_;
};

}  // namespace

Result<std::unique_ptr<Namespace>> OpenNamespace(kv::Store& store, ufs::UfsMounts& mounts,
                                                 Clock& clock, const MetaOptions& options,
                                                 const RootMount& root) {
  auto opened = std::make_unique<EmbeddedNamespace>(store, mounts, clock, options, root.mount);
  RETURN_IF_ERROR(PrepareStore(opened->GetContext(), root));
  RETURN_IF_ERROR(opened->StartQueueClock(store));
  return std::unique_ptr<Namespace>(std::move(opened));
}

}  // namespace tarn::meta
