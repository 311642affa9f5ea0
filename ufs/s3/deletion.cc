#include "ufs/s3/deletion.h"

#include <algorithm>
#include <map>

#include "base/digest.h"
#include "base/log.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/names.h"
#include "ufs/s3/retry.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kMaxBatch = 1000;  // Keys in one request.

}  // namespace

Status Deletion::DeleteBatch(std::span<const std::string> keys, std::span<Status> results) {
  const std::string document = s3wire::DeleteDocument({keys.begin(), keys.end()});
  S3Call remove;
  remove.method = "POST";
  remove.what = bucket_.NewCall(Concat("delete ", keys.size(), " objects below"), "POST", "").what;
  remove.query = {{"delete", ""}};
  remove.body = std::as_bytes(std::span(document.data(), document.size()));
  remove.headers = {{"Content-Type", "application/xml"}, {"Content-MD5", Base64(Md5(document))}};
  Status status = bucket_.RunOne(remove, call_);
  if (remove.IsUnknownThere()) return Status(Code::kUnsupported, status.message());
  RETURN_IF_ERROR(status);
  ASSIGN_OR_RETURN(const std::vector<s3wire::DeleteFailure> failures,
                   s3wire::ParseDeleteDocument(remove.response.body));
  std::map<std::string_view, size_t> index;
  for (size_t i = 0; i < keys.size(); ++i) index[keys[i]] = i;
  for (const s3wire::DeleteFailure& failure : failures) {
    const auto found = index.find(failure.key);
    if (found == index.end() || failure.code == "NoSuchKey") continue;
    const Verdict verdict = Judge(failure.code == "AccessDenied" ? 403 : 500, failure.code);
    results[found->second] = Status(
        verdict.code, Concat("delete ", failure.key, ": ", failure.code, ": ", failure.message));
  }
  return OkStatus();
}

std::vector<Status> Deletion::Run() {
  results_.assign(requests_.size(), OkStatus());
  const std::vector<size_t> wanted = Check();
  std::vector<size_t> batch;
  std::vector<size_t> alone;
  for (const size_t i : wanted) {
    const bool fits = bucket_.options().bulk_delete && batches_work_ && wanted.size() > 1 &&
                      s3wire::XmlCanHold(bucket_.FullKey(requests_[i]));
    (fits ? batch : alone).push_back(i);
  }
  for (size_t at = 0; at < batch.size(); at += kMaxBatch) {
    const size_t count = std::min(kMaxBatch, batch.size() - at);
    DeleteTogether(std::span(batch).subspan(at, count), alone);
  }
  DeleteEach(alone);
  markers_.DeleteFolderMarkers(requests_, wanted, call_, results_);
  return results_;
}

void Deletion::DeleteTogether(std::span<const size_t> which, std::vector<size_t>& alone) {
  std::vector<std::string> keys;
  for (const size_t i : which) keys.push_back(bucket_.FullKey(requests_[i]));
  std::vector<Status> each(keys.size());
  Status status = DeleteBatch(keys, each);
  if (status.code() == Code::kUnsupported) {
    if (batches_work_.exchange(false)) {
      LogInfo("the store cannot delete in batches: ", status);
    }
    alone.insert(alone.end(), which.begin(), which.end());
    return;
  }
  for (size_t n = 0; n < which.size(); ++n) results_[which[n]] = status.ok() ? each[n] : status;
}

void Deletion::DeleteEach(std::span<const size_t> which) {
  std::vector<S3Call> calls;
  for (const size_t i : which) {
    S3Call& remove = calls.emplace_back(bucket_.NewCall("delete", "DELETE", requests_[i].key));
    remove.key = bucket_.FullKey(requests_[i]);
  }
  bucket_.Run(calls, call_);
  for (size_t n = 0; n < which.size(); ++n) {
    if (!results_[which[n]].ok()) continue;
    const bool absent = calls[n].status.code() == Code::kNotFound;
    results_[which[n]] = absent ? OkStatus() : calls[n].status;
  }
}

std::vector<size_t> Deletion::Check() {
  std::vector<size_t> wanted;
  std::vector<size_t> asked;
  std::vector<S3Call> heads;
  for (size_t i = 0; i < requests_.size(); ++i) {
    results_[i] = CheckKeyForS3(bucket_.options().prefix, requests_[i].key);
    if (requests_[i].key.empty()) results_[i] = Status(Code::kIsDirectory, "the root is no object");
    if (!results_[i].ok()) continue;
    // No store can have such a marker.
    if (bucket_.FullKey(requests_[i]).size() > kMaxKeyBytes) continue;
    if (requests_[i].precondition.kind == Precondition::Kind::kNone) {
      wanted.push_back(i);
      continue;
    }
    heads.push_back(bucket_.NewHead(requests_[i].key));
    asked.push_back(i);
  }
  bucket_.Run(heads, call_);
  for (size_t n = 0; n < asked.size(); ++n) {
    if (heads[n].status.code() == Code::kNotFound) continue;
    results_[asked[n]] = heads[n].status;
    if (!heads[n].status.ok()) continue;
    const Precondition& precondition = requests_[asked[n]].precondition;
    const bool holds = precondition.kind == Precondition::Kind::kEtag &&
                       versions_.IsVersion(requests_[asked[n]].key,
                                           s3wire::Unquoted(heads[n].response.Header("etag")),
                                           precondition.etag, call_);
    if (holds) {
      wanted.push_back(asked[n]);
    } else {
      results_[asked[n]] =
          Status(Code::kStale, Concat("delete ", heads[n].key, ": something else is there"));
    }
  }
  return wanted;
}

}  // namespace tarn::ufs::s3
