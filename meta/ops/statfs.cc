#include "meta/ops/operations.h"

namespace tarn::meta::ops {
namespace {

// An object store has no limit. Programs compute with these numbers, so they are far from an
// overflow.
constexpr role::StatFs kEndless{uint64_t{1} << 50, uint64_t{1} << 50, uint64_t{1} << 32,
                                uint64_t{1} << 32};

}  // namespace

Result<role::StatFs> ReadStatFs(const Env& env, MountId mount) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, env.context.mounts.Get(mount));
  ufs::AttributeStore* attributes = ufs->Attributes();
  if (attributes == nullptr) return kEndless;
  ufs::CallOptions call;
  call.deadline = Deadline::After(env.context.clock, env.context.options.ufs_deadline);
  ASSIGN_OR_RETURN(ufs::UfsUsage usage, attributes->Usage(call));
  return role::StatFs{usage.capacity_bytes, usage.free_bytes, usage.inodes, usage.free_inodes};
}

}  // namespace tarn::meta::ops
