#include "ufs/s3/versions.h"

#include "base/log.h"
#include "base/strings.h"
#include "ufs/s3/attributes.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kMostAliases = 4096;

}  // namespace

std::string Versions::KnownAs(std::string_view key, std::string_view etag) const {
  MutexLock lock(mutex_);
  const auto found = aliases_.find(std::pair(std::string(key), std::string(etag)));
  return found == aliases_.end() ? std::string(etag) : found->second;
}

// HEAD goes before the listing. A read with the ETag of that HEAD then gets the listed version, or
// the store refuses it.
Result<std::string> Versions::ResolveEtag(std::string_view key, std::string_view etag,
                                          const CallOptions& call) {
  ASSIGN_OR_RETURN(const ObjectInfo info, bucket_.Head(key, call));
  if (info.etag == etag) return info.etag;
  ASSIGN_OR_RETURN(const std::optional<s3wire::ListedObject> listed, bucket_.Listed(key, call));
  const bool same = listed && listed->etag == etag && listed->size_bytes == info.size_bytes;
  if (!same) {
    // A listing may name another ETag each time for an object that does not change.
    if (listed && listed->etag != info.etag) {
      const Result<ObjectInfo> now = bucket_.Head(key, call);
      if (now.ok() && now->etag == info.etag) DistrustListedEtags(key, listed->etag, info.etag);
    }
    return Status(Code::kStale, Concat("read ", bucket_.Uri(key), ": it was replaced"));
  }
  DistrustListedEtags(key, etag, info.etag);
  MutexLock lock(mutex_);
  if (aliases_.size() >= kMostAliases) aliases_.clear();
  aliases_[std::pair(std::string(key), std::string(etag))] = info.etag;
  return info.etag;
}

bool Versions::IsVersion(std::string_view key, std::string_view there, std::string_view expected,
                         const CallOptions& call) {
  if (there == expected) return true;
  const std::string known = KnownAs(key, expected);
  if (known != expected) return known == there;
  const Result<std::string> own = ResolveEtag(key, expected, call);
  return own.ok() && *own == there;
}

Status Versions::CheckPrecondition(std::string_view key, const Precondition& precondition,
                                   const CallOptions& call) {
  if (precondition.kind == Precondition::Kind::kNone) return OkStatus();
  Result<ObjectInfo> there = bucket_.Head(key, call);
  if (!there.ok() && there.code() != Code::kNotFound) return there.status();
  const bool wants_absent = precondition.kind == Precondition::Kind::kAbsent;
  const bool holds = wants_absent
                         ? !there.ok()
                         : there.ok() && IsVersion(key, there->etag, precondition.etag, call);
  if (holds) return OkStatus();
  return Status(Code::kStale, Concat(bucket_.Uri(key), ": something else is there"));
}

void Versions::DistrustListedEtags(std::string_view key, std::string_view listed,
                                   std::string_view own) {
  if (!listed_etags_count_.exchange(false)) return;
  LogWarning(bucket_.client().Endpoint(), " lists ", bucket_.Uri(key), " with ETag ", listed,
             ", and HEAD says ", own, ": each object that is listed is asked for its own from now ",
             "on, which makes listings slow");
}

// One object made by a PUT stands for all objects made by a PUT, and one made of parts for all made
// of parts.
Status Versions::SampleEtags(std::span<const ObjectInfo> entries, const CallOptions& call) {
  for (const ObjectInfo& entry : entries) {
    if (entry.type != ObjectType::kFile || entry.etag.empty()) continue;
    std::atomic<bool>& known =
        entry.etag.find('-') == std::string::npos ? put_etags_known_ : part_etags_known_;
    if (known.exchange(true)) continue;
    const Result<std::string> own = ResolveEtag(entry.key, entry.etag, call);
    const bool retry = own.code() == Code::kUnavailable || own.code() == Code::kCancelled ||
                       own.code() == Code::kDeadlineExceeded;
    // An object that was replaced just now proves nothing: another one is compared. Neither does
    // one that may not be read, but the others probably may not be read either.
    if (retry || own.code() == Code::kStale) known = false;
    if (retry) return own.status();
  }
  return OkStatus();
}

Status Versions::ConfirmEntries(std::vector<ObjectInfo>& entries, const CallOptions& call) {
  if (listed_etags_count_) RETURN_IF_ERROR(SampleEtags(entries, call));
  std::vector<S3Call> heads;
  std::vector<ObjectInfo*> asked;
  for (ObjectInfo& entry : entries) {
    if (entry.type != ObjectType::kFile) continue;
    if (listed_etags_count_ && !entry.etag.empty()) continue;
    heads.push_back(bucket_.NewHead(entry.key));
    asked.push_back(&entry);
  }
  if (heads.empty()) return OkStatus();
  bucket_.Run(heads, call);
  for (size_t i = 0; i < heads.size(); ++i) {
    RETURN_IF_ERROR(TakeHead(heads[i], *asked[i], call));
  }
  std::erase_if(entries, [](const ObjectInfo& entry) { return entry.key.empty(); });
  return OkStatus();
}

// Completes one entry by the answer to its HEAD. Empties the key of an entry to be erased.
Status Versions::TakeHead(S3Call& head, ObjectInfo& entry, const CallOptions& call) {
  const Result<ObjectInfo> info = head.status.ok() ? bucket_.InfoOf(entry.key, head.response, call)
                                                   : Result<ObjectInfo>(head.status);
  const bool may_not = info.code() == Code::kPermission && !entry.etag.empty();
  if (may_not) return OkStatus();
  if (info.ok()) {
    entry.size_bytes = info->size_bytes;
    entry.etag = info->etag;
    TakeTold(*info, entry);
    return OkStatus();
  }
  entry.key.clear();
  if (info.code() == Code::kNotFound) return OkStatus();
  const bool lasting = info.code() == Code::kPermission || info.code() == Code::kCorruption;
  if (!lasting) return info.status();
  bucket_.NoteSkipped(head.key, Concat("neither a listing nor HEAD describes it: ", info.status()));
  return OkStatus();
}

}  // namespace tarn::ufs::s3
