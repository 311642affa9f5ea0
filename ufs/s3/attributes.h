#pragma once

// What an object carries besides its bytes, as headers: user metadata, attributes in the names that
// s3fs and rclone use (x-amz-meta-mtime, -mode, -uid, -gid), encryption, storage class, ACL, tags.
// Pure. Internal to ufs/s3.

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "http/client.h"
#include "s3wire/sigv4.h"
#include "ufs/s3_options.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

// For whatever makes an object. kInvalid: metadata that no header can hold.
Result<sigv4::Pairs> HeadersOfNewObject(const S3Options& options, std::string_view key,
                                        const CreateOptions& create);
// What an object's metadata is to have, in place of what `headers` say of it. kInvalid.
Status AddMetadata(const std::map<std::string, std::string>& metadata, sigv4::Pairs& headers);
// For an object that is to be as the one that answered a HEAD so, apart from what the options say
// of new ones. Its tags are not known here.
sigv4::Pairs HeadersOfCopy(const S3Options& options, const http::Response& source);
// Storage class, ACL, encryption, tags: what a copy does not take over from its source.
void AddPlacement(const S3Options& options, sigv4::Pairs& headers);
// The customer's key, which each request for such an object must bring along; of a copy's source
// under other names.
void AddCustomerKey(const S3Options& options, sigv4::Pairs& headers);
void AddSourceCustomerKey(const S3Options& options, sigv4::Pairs& headers);

// What the object itself says, for an entry of a listing.
void TakeTold(const ObjectInfo& told, ObjectInfo& info);
// Version, times, attributes and metadata; all but the size, which a part of an object does not
// tell.
void TakeHeaders(const S3Options& options, const http::Response& response, ObjectInfo& info);
// Of an answer to HEAD or GET. kCorruption: no size or time in it.
Result<ObjectInfo> InfoOfHeaders(const S3Options& options, std::string_view key,
                                 const http::Response& response);

}  // namespace tarn::ufs::s3
