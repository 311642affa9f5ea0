#pragma once

// What the ETags of a store tell of the bytes. By the protocol the ETag of one PUT, and of a part,
// is the MD5 of its bytes; stores that encrypt, and some others, make ETags of another kind.
// Thread-safe.

#include <atomic>
#include <string_view>

#include "http/client.h"
#include "ufs/s3/client.h"
#include "ufs/s3_options.h"

namespace tarn::ufs::s3 {

// Whether it is an MD5 of bytes or parts: 32 hexadecimal digits in lower case.
bool IsMd5(std::string_view etag);
// Whether an answer's ETag may be the MD5 of the bytes sent. It is not where the store encrypts
// with keys of a key service or a customer, which a bucket may do without being asked. Other ETags
// may look like an MD5.
bool MayBeMd5(const S3Options& options, const http::Response& answer);

class EtagDigests {
 public:
  // `client` outlives it.
  explicit EtagDigests(const Client& client) : client_(client) {}

  // An ETag that looks like an MD5 is the MD5 of what one PUT sent, as far as is known.
  bool PutEtagsMayBeMd5() const { return put_etags_may_be_md5_; }
  // The object has the bytes that were sent, and its ETag is not their MD5. `what` is the request,
  // for the log.
  void NoteOpaqueEtag(std::string_view what);
  // The ETag of a part was the MD5 of its bytes at least once.
  bool PartEtagsAreMd5() const { return part_etags_are_md5_; }
  void NotePartEtagIsMd5() { part_etags_are_md5_ = true; }

 private:
  const Client& client_;
  std::atomic<bool> put_etags_may_be_md5_ = true;
  std::atomic<bool> part_etags_are_md5_ = false;
};

}  // namespace tarn::ufs::s3
