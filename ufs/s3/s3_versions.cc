// Which version of an object an ETag names, where a listing has other ETags than HEAD and GET, or
// none. Those of HEAD and GET count.

#include <algorithm>

#include "base/digest.h"
#include "base/log.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/s3_ufs.h"

namespace tarn::ufs::s3 {
namespace {

constexpr size_t kMostAliases = 4096;

}  // namespace

bool IsMd5(std::string_view etag) {
  const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  return etag.size() == 32 && std::all_of(etag.begin(), etag.end(), is_digit);
}

bool MayBeMd5(const S3Options& options, const http::Response& answer) {
  const bool by_options =
      options.encryption == Encryption::kNone || options.encryption == Encryption::kS3;
  const std::string by_store = answer.Header("x-amz-server-side-encryption");
  return options.content_md5 && by_options && (by_store.empty() || by_store == "AES256") &&
         IsMd5(s3wire::Unquoted(answer.Header("etag")));
}

Result<std::optional<s3wire::ListedObject>> S3UnderFileSystem::Listed(std::string_view key,
                                                                      const CallOptions& call) {
  const std::string full_key = FullKey(key);
  ASSIGN_OR_RETURN(const KeyPage page, pages_.Get({full_key, "", 1}, call));
  const bool there = !page.entries.empty() && page.entries.front().full_key == full_key;
  return there ? page.entries.front().object : std::optional<s3wire::ListedObject>();
}

std::string S3UnderFileSystem::KnownAs(std::string_view key, std::string_view etag) const {
  MutexLock lock(mutex_);
  const auto found = aliases_.find(std::pair(std::string(key), std::string(etag)));
  return found == aliases_.end() ? std::string(etag) : found->second;
}

// The object is looked at before the listing: what is read with the ETag found then is the version
// that the listing has, unless the store refuses it.
Result<std::string> S3UnderFileSystem::ResolveEtag(std::string_view key, std::string_view etag,
                                                   const CallOptions& call) {
  ASSIGN_OR_RETURN(const ObjectInfo info, Head(key, call));
  if (info.etag == etag) return info.etag;
  ASSIGN_OR_RETURN(const std::optional<s3wire::ListedObject> listed, Listed(key, call));
  const bool same = listed && listed->etag == etag && listed->size_bytes == info.size_bytes;
  if (!same) {
    // A listing may name another ETag each time, of an object that stays as it is.
    if (listed && listed->etag != info.etag) {
      const Result<ObjectInfo> now = Head(key, call);
      if (now.ok() && now->etag == info.etag) DistrustListedEtags(key, listed->etag, info.etag);
    }
    return Status(Code::kStale, Concat("read ", client_->Uri(FullKey(key)), ": it was replaced"));
  }
  DistrustListedEtags(key, etag, info.etag);
  MutexLock lock(mutex_);
  if (aliases_.size() >= kMostAliases) aliases_.clear();
  aliases_[std::pair(std::string(key), std::string(etag))] = info.etag;
  return info.etag;
}

bool S3UnderFileSystem::IsVersion(std::string_view key, std::string_view there,
                                  std::string_view expected, const CallOptions& call) {
  if (there == expected) return true;
  const std::string known = KnownAs(key, expected);
  if (known != expected) return known == there;
  const Result<std::string> own = ResolveEtag(key, expected, call);
  return own.ok() && *own == there;
}

void S3UnderFileSystem::DistrustListedEtags(std::string_view key, std::string_view listed,
                                            std::string_view own) {
  if (!listed_etags_count_.exchange(false)) return;
  LogWarning(client_->Endpoint(), " lists ", client_->Uri(FullKey(key)), " with ETag ", listed,
             ", and HEAD says ", own, ": each object that is listed is asked for its own from now ",
             "on, which makes listings slow");
}

void S3UnderFileSystem::NoteOpaqueEtags(std::string_view what) {
  if (!etags_may_be_md5_.exchange(false)) return;
  LogInfo(what,
          ": the object has the bytes that were sent, and its ETag is not their MD5: ETags of ",
          client_->Endpoint(), " are not compared any more");
}

Result<Md5Digest> S3UnderFileSystem::ReadBack(std::string_view key, const std::string& etag,
                                              uint64_t size_bytes, const CallOptions& call) {
  constexpr uint64_t kStepBytes = 1 << 20;
  std::vector<std::byte> buffer(std::min(kStepBytes, size_bytes));
  Md5Stream md5;
  for (uint64_t at = 0; at < size_bytes;) {
    const Result<size_t> got = ReadObject(key, etag, at, buffer, call);
    if (got.code() == Code::kStale) {
      ASSIGN_OR_RETURN(const ObjectInfo there, Head(key, call));
      if (there.etag != etag) return got.status();
      return Status(Code::kCorruption, Concat("read back ", client_->Uri(FullKey(key)),
                                              ": HEAD says that its ETag is ", etag,
                                              ", and GET finds no such object"));
    }
    ASSIGN_OR_RETURN(const size_t read, got);
    if (read == 0) return Status(Code::kCorruption, Concat("read back ", key, ": it is short"));
    md5.Update(std::span(buffer).first(read));
    at += read;
  }
  return md5.Finish();
}

// One object made by a PUT and one made of parts tell for all of their kind.
Status S3UnderFileSystem::SampleEtags(std::span<const ObjectInfo> entries,
                                      const CallOptions& call) {
  for (const ObjectInfo& entry : entries) {
    if (entry.type != ObjectType::kFile || entry.etag.empty()) continue;
    std::atomic<bool>& known =
        entry.etag.find('-') == std::string::npos ? put_etags_known_ : part_etags_known_;
    if (known.exchange(true)) continue;
    const Result<std::string> own = ResolveEtag(entry.key, entry.etag, call);
    const bool retry = own.code() == Code::kUnavailable || own.code() == Code::kCancelled ||
                       own.code() == Code::kDeadlineExceeded;
    // One that was replaced just now, or may not be read, tells nothing.
    if (retry || own.code() == Code::kStale) known = false;
    if (retry) return own.status();
  }
  return OkStatus();
}

Status S3UnderFileSystem::ConfirmEntries(std::vector<ObjectInfo>& entries,
                                         const CallOptions& call) {
  if (listed_etags_count_) RETURN_IF_ERROR(SampleEtags(entries, call));
  std::vector<S3Call> heads;
  std::vector<ObjectInfo*> asked;
  for (ObjectInfo& entry : entries) {
    if (entry.type != ObjectType::kFile) continue;
    if (listed_etags_count_ && !entry.etag.empty()) continue;
    AddCustomerKey(options_, heads.emplace_back(NewCall("stat", "HEAD", entry.key)).headers);
    asked.push_back(&entry);
  }
  if (heads.empty()) return OkStatus();
  client_->Run(heads, call);
  for (size_t i = 0; i < heads.size(); ++i) {
    const Status& status = heads[i].status;
    Result<ObjectInfo> info =
        status.ok() ? InfoOf(asked[i]->key, heads[i].response, call) : Result<ObjectInfo>(status);
    const bool may_not = info.code() == Code::kPermission && !asked[i]->etag.empty();
    if (may_not) continue;
    if (info.ok()) {
      asked[i]->size_bytes = info->size_bytes;
      asked[i]->etag = info->etag;
      TakeTold(*info, *asked[i]);
      continue;
    }
    asked[i]->key.clear();  // To be left out.
    if (info.code() == Code::kNotFound) continue;
    const bool lasting = info.code() == Code::kPermission || info.code() == Code::kCorruption;
    if (!lasting) return info.status();
    NoteSkipped(heads[i].key, Concat("neither a listing nor HEAD describes it: ", info.status()));
  }
  std::erase_if(entries, [](const ObjectInfo& entry) { return entry.key.empty(); });
  return OkStatus();
}

}  // namespace tarn::ufs::s3
