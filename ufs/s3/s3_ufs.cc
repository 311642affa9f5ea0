#include "ufs/s3/s3_ufs.h"

#include <algorithm>
#include <charconv>

#include "base/digest.h"
#include "base/log.h"
#include "base/random.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3.h"
#include "ufs/s3/attributes.h"
#include "ufs/s3/markers.h"
#include "ufs/s3/names.h"
#include "ufs/shared/call.h"

namespace tarn::ufs::s3 {
namespace {

constexpr uint64_t kMaxObjectBytes = 5ULL << 40;
constexpr uint32_t kMaxParts = 10'000;
constexpr size_t kKeyBytes = 32;

Status CheckOptions(const S3Options& options) {
  if (options.encryption == Encryption::kCustomer) {
    const std::optional<std::string> key = DecodeBase64(options.customer_key);
    if (!key || key->size() != kKeyBytes) {
      return Status(Code::kInvalid,
                    "tarn.underfs.s3.encryption.customer.key: not 32 bytes in base64");
    }
  }
  return CheckKey(options.prefix.substr(0, options.prefix.size() - !options.prefix.empty()));
}

// What HEAD tells but the size, by a GET of one byte. Nothing has that many: a GET of all.
Result<ObjectInfo> StatByGet(const S3UnderFileSystem& ufs, const S3Options& options,
                             std::string_view key, const CallOptions& call) {
  Status status;
  for (const char* range : {"bytes=0-0", ""}) {
    std::byte byte{};
    S3Call get = ufs.NewCall("stat", "GET", key);
    get.sink = std::span(&byte, 1);
    if (*range != '\0') get.headers.emplace_back("Range", range);
    AddCustomerKey(options, get.headers);
    status = ufs.RunOne(get, call);
    if (status.code() == Code::kRange) continue;
    RETURN_IF_ERROR(status);
    ObjectInfo info;
    TakeHeaders(options, get.response, info);
    return info;
  }
  return status;
}

}  // namespace

UfsTraits TraitsOf(const S3Options& options) {
  UfsTraits traits;
  traits.scheme = "s3";
  traits.object_metadata = true;
  traits.directory_markers = true;
  traits.writes_markers = options.write_directory_markers;
  traits.max_object_bytes = kMaxObjectBytes;
  traits.min_part_bytes = options.part_bytes;
  traits.max_parts = kMaxParts;
  traits.max_key_bytes = static_cast<uint32_t>(kMaxKeyBytes - options.prefix.size());
  traits.max_name_bytes = kMaxNameBytes;
  traits.default_file_mode = options.default_file_mode;
  traits.default_directory_mode = options.default_directory_mode;
  traits.default_uid = options.default_uid;
  traits.default_gid = options.default_gid;
  return traits;
}

S3UnderFileSystem::S3UnderFileSystem(S3Options options, std::unique_ptr<Client> client,
                                     Clock& clock)
    : options_(std::move(options)),
      client_(std::move(client)),
      clock_(clock),
      opened_ns_(clock.WallNs()),
      skipped_(options_.skipped != nullptr ? *options_.skipped : own_skipped_),
      traits_(TraitsOf(options_)),
      pages_(*client_) {}

std::string S3UnderFileSystem::FullKey(std::string_view key) const {
  return options_.prefix + EncodeKey(key);
}

S3Call S3UnderFileSystem::NewCall(std::string_view verb, std::string method,
                                  std::string_view key) const {
  S3Call one;
  one.method = std::move(method);
  one.key = FullKey(key);
  one.what = Concat(verb, " ", client_->Uri(one.key));
  return one;
}

Status S3UnderFileSystem::RunOne(S3Call& one, const CallOptions& call) const {
  client_->Run(std::span(&one, 1), call);
  return one.status;
}

Status S3UnderFileSystem::CheckObjectKey(std::string_view key) const {
  RETURN_IF_ERROR(CheckKeyForS3(options_.prefix, key));
  if (key.empty()) return Status(Code::kIsDirectory, "the root is no object");
  return OkStatus();
}

Status S3UnderFileSystem::CheckNewObject(std::string_view key, const CreateOptions& options) const {
  RETURN_IF_ERROR(CheckObjectKey(key));
  RETURN_IF_ERROR(CheckMarker(traits_, key, options));
  if (FullKey(ObjectKey(key, options.type)).size() > kMaxKeyBytes) {
    return Status(Code::kNameTooLong, Concat("make ", key, "/: S3 takes no key so long"));
  }
  if (options.size_bytes <= traits_.max_object_bytes) return OkStatus();
  return Status(Code::kTooBig, Concat("write ", key, ": ", options.size_bytes,
                                      " bytes; an object has 5 TiB at most"));
}

Status S3UnderFileSystem::Start(const CallOptions& call) {
  RETURN_IF_ERROR(LookAtRoot(call));
  if (!options_.upload_journal.empty()) {
    ASSIGN_OR_RETURN(journal_, UploadJournal::Open(options_.upload_journal));
  }
  takes_conditions_ = options_.conditional_writes != ConditionalWrites::kNo;
  if (options_.conditional_writes == ConditionalWrites::kYes || client_->IsAws()) {
    puts_are_conditional_ = options_.conditional_writes != ConditionalWrites::kNo;
    traits_.conditional_writes = puts_are_conditional_ && client_->IsAws();
    return OkStatus();
  }
  const bool may_ask =
      options_.conditional_writes == ConditionalWrites::kAuto && !options_.read_only;
  return may_ask ? ProbeConditionalWrites(call) : OkStatus();
}

// A PUT that must fail where preconditions are held to: it names an ETag that nothing has. Where
// they are not, it makes an empty object, which is removed at once.
Status S3UnderFileSystem::ProbeConditionalWrites(const CallOptions& call) {
  Random random(RandomSeed());
  const std::string key = Concat(".tarn-probe-", random.Next());
  S3Call put = NewCall("probe", "PUT", key);
  put.headers.emplace_back("If-Match", "\"00000000000000000000000000000000\"");
  AddCustomerKey(options_, put.headers);
  Status status = RunOne(put, call);
  if (status.code() == Code::kStale || status.code() == Code::kNotFound) {
    puts_are_conditional_ = true;
    return OkStatus();
  }
  if (status.code() == Code::kPermission) {
    LogInfo("the bucket cannot be written to: ", status);
    return OkStatus();
  }
  if (status.ok()) {
    S3Call remove = NewCall("remove probe", "DELETE", key);
    RETURN_IF_ERROR(RunOne(remove, call));
  } else if (!put.IsUnknownThere()) {
    return status;
  } else {
    takes_conditions_ = false;
  }
  LogInfo(client_->Endpoint(), " does not know conditional writes: preconditions are looked at ",
          "just before each write");
  return OkStatus();
}

Result<std::string> S3UnderFileSystem::SourceIdentity(const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  // A bucket that is gone fails its listing (NoSuchBucket): no request of its own is needed to
  // tell it from an empty one.
  // AWS's buckets have one name all over the world, whatever the region.
  return Concat("s3:", client_->IsAws() ? "aws" : client_->Endpoint(), "/", options_.bucket, "/",
                options_.prefix);
}

Status S3UnderFileSystem::Sync(const CallOptions& call) { return CheckCall(call); }

// Only what a listing has is the size of what is stored where a server leaves it out.
Result<ObjectInfo> S3UnderFileSystem::InfoOf(std::string_view key, http::Response& answer,
                                             const CallOptions& call) {
  const std::string stored = answer.Header("x-goog-stored-content-length");
  if (!stored.empty()) {
    std::erase_if(answer.headers, [](const auto& h) { return h.first == "content-length"; });
    answer.headers.emplace_back("content-length", stored);
  }
  if (answer.Header("content-length").empty()) {
    static const std::string kEtagOfNothing = Hex(Md5(std::string_view()));
    uint64_t size = 0;
    if (s3wire::Unquoted(answer.Header("etag")) != kEtagOfNothing) {
      ASSIGN_OR_RETURN(const std::optional<s3wire::ListedObject> listed, Listed(key, call));
      if (!listed || !listed->size_bytes) {
        return Status(Code::kCorruption, Concat("stat ", client_->Uri(FullKey(key)),
                                                ": neither HEAD (Content-Length) nor a listing "
                                                "(Size) says how large it is"));
      }
      size = *listed->size_bytes;
    }
    answer.headers.emplace_back("content-length", std::to_string(size));
  }
  return InfoOfHeaders(options_, key, answer);
}

Result<ObjectInfo> S3UnderFileSystem::Head(std::string_view key, const CallOptions& call) {
  S3Call head = NewCall("stat", "HEAD", key);
  AddCustomerKey(options_, head.headers);
  RETURN_IF_ERROR(RunOne(head, call));
  return InfoOf(key, head.response, call);
}

// Without the right to list, only a marker tells a directory from an absent name.
Result<ObjectInfo> S3UnderFileSystem::StatUnlisted(std::string_view key, S3Call& object,
                                                   const ObjectInfo& directory,
                                                   const Status& refusal, const CallOptions& call) {
  if (object.status.ok()) return InfoOf(key, object.response, call);
  S3Call marker = NewCall("stat", "HEAD", key);
  marker.key += '/';
  marker.what += '/';
  AddCustomerKey(options_, marker.headers);
  if (!RunOne(marker, call).ok()) return refusal;
  ObjectInfo marked = directory;
  const Result<ObjectInfo> told = InfoOf(key, marker.response, call);
  if (told.ok()) TakeTold(*told, marked);
  return marked;
}

// An object and a directory of one name: the directory is what is seen.
Result<ObjectInfo> S3UnderFileSystem::Stat(std::string_view key, const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckKeyForS3(options_.prefix, key));
  ObjectInfo directory;
  directory.key = std::string(key);
  directory.type = ObjectType::kDirectory;
  directory.mtime_ns = opened_ns_;
  if (key.empty()) return directory;
  const std::string prefix = Concat(FullKey(key), "/");
  std::vector<S3Call> calls = {NewCall("stat", "HEAD", key), pages_.CallForOne(prefix)};
  if (has_folder_markers_) calls.push_back(NewCall("stat", "HEAD", FolderMarkerOf(key)));
  for (S3Call& one : calls) {
    if (one.method == "HEAD") AddCustomerKey(options_, one.headers);
  }
  client_->Run(calls, call);
  const Result<KeyPage> below = pages_.FinishOne(prefix, std::move(calls[1]), call);
  if (below.ok() && !below->entries.empty()) {
    // Its marker is the first of all keys below it.
    const bool marked = below->entries.front().full_key == prefix;
    directory.attributes_untold = marked && options_.keep_attributes;
    return directory;
  }
  if (calls.size() > 2 && calls[2].status.ok()) return directory;
  S3Call& object = calls[0];
  if (below.code() == Code::kPermission) {
    return StatUnlisted(key, object, directory, below.status(), call);
  }
  RETURN_IF_ERROR(below.status());
  RETURN_IF_ERROR(object.status);
  ASSIGN_OR_RETURN(ObjectInfo info, InfoOf(key, object.response, call));
  if (info.size_bytes > 0 || !IsFolderMarker(key)) return info;
  return Status(Code::kNotFound, Concat(object.what, ": it marks a directory"));
}

Result<ObjectInfo> S3UnderFileSystem::StatObject(std::string_view key, ObjectType type,
                                                 const CallOptions& call) {
  RETURN_IF_ERROR(CheckCall(call));
  RETURN_IF_ERROR(CheckKeyForS3(options_.prefix, key));
  const bool directory = type == ObjectType::kDirectory;
  // The root's marker is the prefix itself.
  if (key.empty() && (!directory || options_.prefix.empty())) {
    return Status(Code::kNotFound, "the root of a bucket is no object");
  }
  const std::string object_key = key.empty() ? std::string() : ObjectKey(key, type);
  Result<ObjectInfo> info = Head(object_key, call);
  const bool refused = info.code() == Code::kPermission || info.code() == Code::kUnsupported;
  // A policy that allows lists by their prefix refuses the HEAD of an absent marker, too.
  if (refused && directory) {
    const std::string marker = FullKey(object_key);
    S3Call one = pages_.CallForOne(marker);
    (void)RunOne(one, call);
    const Result<KeyPage> below = pages_.FinishOne(marker, std::move(one), call);
    const bool marked =
        below.ok() && !below->entries.empty() && below->entries.front().full_key == marker;
    if (below.ok() && !marked) return Status(Code::kNotFound, Concat("stat ", marker, ": absent"));
  }
  if (refused) {
    Result<ObjectInfo> got = StatByGet(*this, options_, object_key, call);
    if (got.ok()) info = std::move(got);
  }
  RETURN_IF_ERROR(info.status());
  info->key = std::string(key);
  info->type = type;
  return info;
}

Status S3UnderFileSystem::CheckPrecondition(std::string_view key, const Precondition& precondition,
                                            const CallOptions& call) {
  if (precondition.kind == Precondition::Kind::kNone) return OkStatus();
  Result<ObjectInfo> there = Head(key, call);
  if (!there.ok() && there.code() != Code::kNotFound) return there.status();
  const bool wants_absent = precondition.kind == Precondition::Kind::kAbsent;
  const bool holds = wants_absent
                         ? !there.ok()
                         : there.ok() && IsVersion(key, there->etag, precondition.etag, call);
  if (holds) return OkStatus();
  return Status(Code::kStale, Concat(client_->Uri(FullKey(key)), ": something else is there"));
}

Result<std::unique_ptr<UnderFileSystem>> OpenS3Ufs(const S3Options& options,
                                                   const Environment& environment, Clock& clock,
                                                   const CallOptions& call) {
  RETURN_IF_ERROR(CheckOptions(options));
  ASSIGN_OR_RETURN(std::unique_ptr<Client> client, NewClient(options, environment, clock));
  auto ufs = std::make_unique<S3UnderFileSystem>(options, std::move(client), clock);
  RETURN_IF_ERROR(ufs->Start(call));
  return std::unique_ptr<UnderFileSystem>(std::move(ufs));
}

}  // namespace tarn::ufs::s3
