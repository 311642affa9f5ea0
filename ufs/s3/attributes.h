#pragma once

// What an object carries besides its bytes, as headers: user metadata, attributes in the names that
// s3fs and rclone use (x-amz-meta-mtime, -mode, -uid, -gid), encryption, storage class, ACL, tags.
// Pure.

#include <map>
#include <string>
#include <string_view>

#include "base/status.h"
#include "http/client.h"
#include "s3wire/sigv4.h"
#include "ufs/s3_options.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

// The headers of every request that makes an object. kInvalid: no header can hold the metadata.
Result<sigv4::Pairs> HeadersOfNewObject(const S3Options& options, std::string_view key,
                                        const CreateOptions& create);
// Replaces what `headers` say of these metadata names. kInvalid: no header can hold the metadata.
Status AddMetadata(const std::map<std::string, std::string>& metadata, sigv4::Pairs& headers);
// The headers of a copy of the object that answered a HEAD with `source`. Where the options say
// something of new objects, they prevail. Tags are not among the headers.
sigv4::Pairs HeadersOfCopy(const S3Options& options, const http::Response& source);
// Storage class, ACL, encryption, tags: a copy does not inherit these from its source.
void AddPlacement(const S3Options& options, sigv4::Pairs& headers);
// The customer's key, which each request for an encrypted object must carry. The key of a copy's
// source has other header names.
void AddCustomerKey(const S3Options& options, sigv4::Pairs& headers);
void AddSourceCustomerKey(const S3Options& options, sigv4::Pairs& headers);

// Takes over what the object itself says into an entry of a listing.
void TakeTold(const ObjectInfo& told, ObjectInfo& info);
// Takes version, times, attributes and metadata from an answer, but no size: an answer may have
// only a part of the object.
void TakeHeaders(const S3Options& options, const http::Response& response, ObjectInfo& info);
// What an answer to HEAD or GET says. kCorruption: it has no size or no time.
Result<ObjectInfo> InfoOfHeaders(const S3Options& options, std::string_view key,
                                 const http::Response& response);

}  // namespace tarn::ufs::s3
