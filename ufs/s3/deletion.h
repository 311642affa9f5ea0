#pragma once

// Deletes objects: those that name a version after a look, many in one request where the store
// takes that. Internal to ufs/s3. For one thread at a time.

#include <atomic>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class S3UnderFileSystem;

class Deletion {
 public:
  // All outlive it. `batches_work`: the store takes many in one request, as far as is known.
  Deletion(S3UnderFileSystem& ufs, std::span<const DeleteRequest> requests, const CallOptions& call,
           std::atomic<bool>& batches_work)
      : ufs_(ufs), requests_(requests), call_(call), batches_work_(batches_work) {}
  std::vector<Status> Run();  // A status a request, in order.

 private:
  // Looks at the versions that deletions name, all at once. Those that are to be deleted; of the
  // others the results say why not.
  std::vector<size_t> Check();
  void DeleteTogether(std::span<const size_t> which, std::vector<size_t>& alone);
  // One request. The batch's own failure is the status; each key's is its result. kUnsupported: the
  // store takes no batches.
  Status DeleteBatch(std::span<const std::string> keys, std::span<Status> results);
  void DeleteEach(std::span<const size_t> which);

  S3UnderFileSystem& ufs_;
  const std::span<const DeleteRequest> requests_;
  const CallOptions& call_;
  std::atomic<bool>& batches_work_;
  std::vector<Status> results_;
};

}  // namespace tarn::ufs::s3
