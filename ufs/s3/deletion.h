#pragma once

// One call of UnderFileSystem::Delete: looks at the versions that requests name, then deletes, many
// objects in one request where the store takes that. For one thread at a time.

#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "ufs/s3/bucket.h"
#include "ufs/s3/markers.h"
#include "ufs/s3/versions.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

// What deletions work with. All of it outlives them.
struct DeletionContext {
  Bucket& bucket;
  Versions& versions;
  Markers& markers;
  std::atomic<bool>& batches_work;  // The store deletes many keys in one request, as far as known.
};

class Deletion {
 public:
  // All outlive it.
  Deletion(const DeletionContext& context, std::span<const DeleteRequest> requests,
           const CallOptions& call)
      : bucket_(context.bucket),
        versions_(context.versions),
        markers_(context.markers),
        batches_work_(context.batches_work),
        requests_(requests),
        call_(call) {}
  std::vector<Status> Run();  // One status for each request, in order.

 private:
  // Looks at all versions that requests name, at once. Returns the requests that may be carried
  // out; the results of the others say why not.
  std::vector<size_t> Check();
  void DeleteTogether(std::span<const size_t> which, std::vector<size_t>& alone);
  // Sends one request for all keys. The status is the failure of the whole request; each result is
  // that of one key. kUnsupported: the store takes no batches.
  Status DeleteBatch(std::span<const std::string> keys, std::span<Status> results);
  void DeleteEach(std::span<const size_t> which);

  Bucket& bucket_;
  Versions& versions_;
  Markers& markers_;
  std::atomic<bool>& batches_work_;
  const std::span<const DeleteRequest> requests_;
  const CallOptions& call_;
  std::vector<Status> results_;
};

}  // namespace tarn::ufs::s3
