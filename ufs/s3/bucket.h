#pragma once

// One bucket, or the part of it below a prefix: options, mapping of keys, and the requests that
// every class of this room sends. Thread-safe; blocks on the store.

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/status.h"
#include "s3wire/xml.h"
#include "ufs/s3/client.h"
#include "ufs/s3/pages.h"
#include "ufs/s3_options.h"
#include "ufs/skipped_keys.h"
#include "ufs/types.h"

namespace tarn::ufs::s3 {

class Bucket {
 public:
  // `clock` outlives it.
  Bucket(S3Options options, std::unique_ptr<Client> client, Clock& clock);

  const S3Options& options() const { return options_; }
  // What TraitsOf says of the options. The store was not asked.
  const UfsTraits& traits() const { return traits_; }
  Clock& clock() const { return clock_; }
  Client& client() const { return *client_; }
  Pages& pages() { return pages_; }
  // kDeadlineExceeded, kCancelled.
  Status Check(const CallOptions& call) const;
  // kInvalid, kNameTooLong, kIsDirectory: no object can have the key.
  Status CheckObjectKey(std::string_view key) const;

  // The key in the bucket, with the mount's prefix.
  std::string FullKey(std::string_view key) const;
  std::string FullKey(const DeleteRequest& request) const;
  std::string Uri(std::string_view key) const { return client_->Uri(FullKey(key)); }
  // The info that all directories share: no ETag, and the time of the mount for mtime.
  ObjectInfo DirectoryInfo(std::string_view key) const;

  // A request about the object `key`. `verb` is for messages.
  S3Call NewCall(std::string_view verb, std::string method, std::string_view key) const;
  S3Call NewHead(std::string_view key) const;
  void Run(std::span<S3Call> calls, const CallOptions& call) const { client_->Run(calls, call); }
  Status RunOne(S3Call& one, const CallOptions& call) const;
  Result<ObjectInfo> Head(std::string_view key, const CallOptions& call);
  // What an answer to HEAD says. A size that the answer lacks is looked up in a listing.
  Result<ObjectInfo> InfoOf(std::string_view key, http::Response& answer, const CallOptions& call);
  // What a listing says of this one object; nullopt: it is not listed.
  Result<std::optional<s3wire::ListedObject>> Listed(std::string_view key, const CallOptions& call);

  // Reports a key that the mount does not show.
  void NoteSkipped(std::string_view full_key, std::string_view why);
  // Keys that end in "_$folder$" were seen.
  bool has_folder_markers() const { return has_folder_markers_; }
  void NoteFolderMarker() { has_folder_markers_ = true; }

 private:
  const S3Options options_;
  const std::unique_ptr<Client> client_;
  Clock& clock_;
  const int64_t opened_ns_;
  SkippedKeys own_skipped_;  // Where the options have none.
  SkippedKeys& skipped_;
  const UfsTraits traits_;
  Pages pages_;
  std::atomic<bool> has_folder_markers_ = false;
};

}  // namespace tarn::ufs::s3
