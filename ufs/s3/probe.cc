#include "ufs/s3/probe.h"

#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/markers.h"

namespace tarn::ufs::s3 {
namespace {

// Ceph answers AccessDenied to unknown access keys, too. It lets every user that it knows list that
// user's buckets. Its requests have ids of this form.
Status CheckKeysKnown(const Bucket& bucket, const std::string& denial, const CallOptions& call) {
  if (denial.find("(request tx0") == denial.npos) return OkStatus();
  S3Call list = bucket.NewCall("list the buckets beside", "GET", "");
  list.key.clear();
  list.of_store = true;
  if (bucket.RunOne(list, call).code() != Code::kPermission) return OkStatus();
  return Status(Code::kPermission,
                Concat(denial, "; nor may the buckets of its user be listed: check the keys, or ",
                       "allow s3:ListBucket"));
}

Status CheckNoObjectOfPrefix(const Bucket& bucket, const CallOptions& call) {
  const std::string& prefix = bucket.options().prefix;
  if (prefix.empty()) return OkStatus();
  S3Call object;
  object.method = "HEAD";
  object.key = prefix.substr(0, prefix.size() - 1);
  const std::string uri = bucket.client().Uri(object.key);
  object.what = Concat("look at ", uri);
  AddCustomerKey(bucket.options(), object.headers);
  if (!bucket.RunOne(object, call).ok()) return OkStatus();
  return Status(Code::kNotDirectory,
                Concat(uri, " is an object, not a directory: mount the prefix that it is below"));
}

// A PUT with an ETag that nothing has: it fails where the store holds PUTs to their preconditions.
// Elsewhere it makes an empty object, which is removed at once.
Result<Conditions> ProbeByPut(const Bucket& bucket, const CallOptions& call) {
  Conditions conditions;
  Random random(RandomSeed());
  const std::string key = Concat(".tarn-probe-", random.Next());
  S3Call put = bucket.NewCall("probe", "PUT", key);
  put.headers.emplace_back("If-Match", "\"00000000000000000000000000000000\"");
  AddCustomerKey(bucket.options(), put.headers);
  Status status = bucket.RunOne(put, call);
  if (status.code() == Code::kStale || status.code() == Code::kNotFound) {
    conditions.holds_puts = true;
    return conditions;
  }
  if (status.code() == Code::kPermission) {
    LogInfo("the bucket cannot be written to: ", status);
    return conditions;
  }
  if (status.ok()) {
    S3Call remove = bucket.NewCall("remove probe", "DELETE", key);
    RETURN_IF_ERROR(bucket.RunOne(remove, call));
  } else if (!put.IsUnknownThere()) {
    return status;
  } else {
    conditions.takes_puts = false;
  }
  LogInfo(bucket.client().Endpoint(),
          " does not know conditional writes: preconditions are looked ",
          "at just before each write");
  return conditions;
}

}  // namespace

Status LookAtRoot(Bucket& bucket, const CallOptions& call) {
  PageRequest request;
  request.prefix = bucket.options().prefix;
  const Result<KeyPage> first = bucket.pages().Get(request, call);
  const std::string text = first.status().message();
  const bool denied = first.code() == Code::kPermission && text.find("AccessDenied") != text.npos;
  if (!first.ok() && !denied) {
    const bool absent = text.find("NoSuchBucket") != text.npos;
    return Status(absent ? Code::kNotFound : first.code(), text);
  }
  if (first.ok() && !first->entries.empty()) {
    for (const KeyPage::Entry& entry : first->entries) {
      if (!DirectoryOfFolderMarker(entry.full_key, entry).empty()) bucket.NoteFolderMarker();
    }
    return OkStatus();
  }
  RETURN_IF_ERROR(CheckNoObjectOfPrefix(bucket, call));
  if (!denied) return OkStatus();
  if (!bucket.options().credentials.anonymous) {
    RETURN_IF_ERROR(CheckKeysKnown(bucket, text, call));
  }
  LogWarning(text,
             ": files can be opened by their whole names, and directories not be listed; "
             "to list them, allow s3:ListBucket");
  return OkStatus();
}

Result<Conditions> ProbeConditions(Bucket& bucket, const CallOptions& call) {
  const ConditionalWrites wanted = bucket.options().conditional_writes;
  Conditions conditions;
  conditions.takes_puts = wanted != ConditionalWrites::kNo;
  if (wanted == ConditionalWrites::kYes || bucket.client().IsAws()) {
    conditions.holds_puts = wanted != ConditionalWrites::kNo;
    conditions.holds_completions = conditions.holds_puts && bucket.client().IsAws();
    return conditions;
  }
  const bool may_ask = wanted == ConditionalWrites::kAuto && !bucket.options().read_only;
  return may_ask ? ProbeByPut(bucket, call) : conditions;
}

}  // namespace tarn::ufs::s3
