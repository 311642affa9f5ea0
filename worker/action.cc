#include "worker/action.h"

#include "base/log.h"
#include "base/strings.h"
#include "worker/sending.h"

namespace tarn::worker {
namespace {

constexpr char kAttemptName[] = "tarn-attempt";  // In the metadata of an object.

ufs::AttributeChange AttributesOf(const rpc::Action& action) {
  ufs::AttributeChange change;
  change.mode = action.mode;
  change.uid = action.uid;
  change.gid = action.gid;
  change.xattrs = action.xattrs;
  if (action.mtime_ns) {
    change.times = ufs::Timestamps{action.atime_ns.value_or(*action.mtime_ns), *action.mtime_ns};
  }
  return change;
}

bool HasAttributes(const rpc::Action& action) {
  return action.mode || action.uid || action.gid || action.mtime_ns || action.xattrs;
}

std::optional<ufs::FileAttributes> AttributesToKeep(const rpc::Action& action) {
  if (!action.mode || !action.uid || !action.gid || !action.mtime_ns) return std::nullopt;
  return ufs::FileAttributes{*action.mode, *action.uid, *action.gid, *action.mtime_ns};
}

ufs::Precondition SourceCondition(const rpc::Action& action) {
  if (action.expected_etag.empty()) return {};
  return {ufs::Precondition::Kind::kEtag, action.expected_etag};
}

}  // namespace

struct ActionRunner::Call {
  ufs::UnderFileSystem& ufs;
  Clock& clock;
  Nanos timeout;
  std::stop_token stop;
  ufs::CallOptions Options() const { return {Deadline::After(clock, timeout), stop}; }
};

// The content, not being written if that can be had; otherwise as it was committed last, if nobody
// changes it meanwhile.
Result<std::unique_ptr<cache::FrozenContent>> ActionRunner::Freeze(const rpc::Action& action) {
  const ContentId content{action.ino, action.generation};
  Result<std::unique_ptr<cache::FrozenContent>> frozen =
      cache_.Freeze(content, cache::Freezing::kExclusive);
  if (frozen.code() != Code::kBusy) return frozen;
  return cache_.Freeze(content, cache::Freezing::kUnlessChanged);
}

// A file changed through the daemon may have pages that are still only in the version it was made
// from.
Status ActionRunner::Send(const rpc::Action& action, const cache::FrozenContent& content,
                          ufs::Upload& upload, Call& call) {
  rpc::Binding base;
  base.mount = action.mount;
  base.key = action.from_key;
  base.etag = action.expected_etag;
  base.size_bytes = action.from_size_bytes;
  Sending sending{content, upload, {}, {}, [&] { return call.Options(); }, {}};
  sending.wanted = [&] { return is_wanted_(action); };
  if (!base.etag.empty()) sending.base = {base.key, base.etag, 0};
  sending.read_base = [&](uint64_t offset_bytes, std::span<std::byte> out) {
    return filler_.ReadThrough(base, offset_bytes, out);
  };
  return SendParts(sending, call.ufs.Traits());
}

Result<ufs::ObjectInfo> ActionRunner::Upload(const rpc::Action& action,
                                             cache::FrozenContent& content, Call& call) {
  ufs::CreateOptions options;
  options.size_bytes = content.Info().size_bytes;
  if (call.ufs.Traits().holes) {
    ASSIGN_OR_RETURN(const std::vector<cache::ByteRange> data, content.Data());
    options.holes = HolesOf(data, options.size_bytes);
  }
  options.metadata[kAttemptName] = action.attempt;
  options.attributes = AttributesToKeep(action);
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Upload> upload,
                   call.ufs.Create(action.key, options, call.Options()));
  Status sent = Send(action, content, *upload, call);
  if (sent.ok() && !content.Unchanged()) sent = Status(Code::kStale, "it was written to meanwhile");
  Result<ufs::ObjectInfo> committed =
      sent.ok() ? upload->Commit(call.Options()) : Result<ufs::ObjectInfo>(sent);
  if (committed.ok()) return committed;
  // Also where nobody knows whether it was committed: what was not shall not be any more.
  Status aborted = upload->Abort(call.Options());
  if (!aborted.ok()) LogWarning("abort upload of ", action.key, ": ", aborted);
  return committed;
}

// What an earlier attempt has made already, if it is there and whole.
Result<std::optional<ufs::ObjectInfo>> ActionRunner::FindEarlier(
    const rpc::Action& action, const cache::FrozenContent& content, Call& call) {
  std::optional<ufs::ObjectInfo> none;
  if (action.earlier_attempt.empty() || !call.ufs.Traits().object_metadata) return none;
  Result<ufs::ObjectInfo> info = call.ufs.Stat(action.key, call.Options());
  if (info.code() == Code::kNotFound) return none;
  if (!info.ok()) return info.status();
  const auto attempt = info->metadata.find(kAttemptName);
  const bool ours = attempt != info->metadata.end() && attempt->second == action.earlier_attempt;
  if (!ours || info->size_bytes != content.Info().size_bytes) return none;
  LogInfo("persist ", action.key, ": an upload before the last start had arrived");
  return std::optional<ufs::ObjectInfo>(*std::move(info));
}

Result<ufs::ObjectInfo> ActionRunner::UploadContent(const rpc::Action& action, Call& call,
                                                    Done* done) {
  ASSIGN_OR_RETURN(done->content, Freeze(action));
  ASSIGN_OR_RETURN(std::optional<ufs::ObjectInfo> made, FindEarlier(action, *done->content, call));
  if (!made) {
    ASSIGN_OR_RETURN(made, Upload(action, *done->content, call));
  }
  ufs::ObjectInfo info = *std::move(made);
  if (info.size_bytes != done->content->Info().size_bytes) {
    return Status(Code::kIo, Concat("upload ", action.key, ": the UFS has ", info.size_bytes,
                                    " of ", done->content->Info().size_bytes, " bytes"));
  }
  if (call.ufs.Attributes() == nullptr || !HasAttributes(action)) return info;
  return SetAttributes(action, call);
}

Result<ufs::ObjectInfo> ActionRunner::Move(const rpc::Action& action, Call& call) {
  ufs::Precondition source = SourceCondition(action);
  const bool atomic = call.ufs.Traits().atomic_rename;
  if (!atomic && action.expected_etag.empty()) {
    // Only what was copied may be deleted.
    ASSIGN_OR_RETURN(ufs::ObjectInfo there, call.ufs.Stat(action.from_key, call.Options()));
    if (!there.etag.empty()) source = {ufs::Precondition::Kind::kEtag, there.etag};
  }
  ASSIGN_OR_RETURN(ufs::ObjectInfo info,
                   call.ufs.Move(action.from_key, action.key, source, call.Options()));
  if (!atomic) {
    const ufs::DeleteRequest request{action.from_key, source};
    RETURN_IF_ERROR(call.ufs.Delete(std::span(&request, 1), call.Options()).front());
  }
  return info;
}

Status ActionRunner::Localize(const rpc::Action& action) {
  const ContentId content{action.ino, action.generation};
  rpc::Binding binding;
  binding.mount = action.mount;
  binding.key = action.from_key;
  binding.etag = action.expected_etag;
  binding.generation = action.generation;
  binding.size_bytes = action.size_bytes;
  Result<std::unique_ptr<cache::LiveFile>> file = cache_.Open(content);
  if (file.code() == Code::kNotFound) file = cache_.AddClean(content, action.size_bytes);
  if (!file.ok()) return file.status();
  RETURN_IF_ERROR(filler_.FillWhole(**file, binding));
  return cache_.MarkDirty(content);
}

Result<ufs::ObjectInfo> ActionRunner::SetAttributes(const rpc::Action& action, Call& call) {
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes == nullptr || !HasAttributes(action))
    return call.ufs.Stat(action.key, call.Options());
  Result<ufs::ObjectInfo> info =
      attributes->SetAttributes(action.key, AttributesOf(action), call.Options());
  if (info.code() != Code::kNotPermitted) return info;
  // A mount without privileges cannot give files away. Bytes, times and mode are worth having all
  // the same.
  LogWarning(info.status().message(), ": kept here only");
  ufs::AttributeChange rest = AttributesOf(action);
  rest.uid.reset();
  rest.gid.reset();
  return attributes->SetAttributes(action.key, rest, call.Options());
}

Result<ufs::ObjectInfo> ActionRunner::MakeMarker(const rpc::Action& action, Call& call) {
  ufs::CreateOptions options;
  options.type = ufs::ObjectType::kDirectory;
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Upload> marker,
                   call.ufs.Create(action.key, options, call.Options()));
  return marker->Commit(call.Options());
}

Result<ufs::ObjectInfo> ActionRunner::MakeDirectory(const rpc::Action& action, Call& call) {
  constexpr uint32_t kPrivate = 0700;  // Until the attributes are set.
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes == nullptr) return MakeMarker(action, call);
  RETURN_IF_ERROR(attributes->MakeDirectory(action.key, kPrivate, call.Options()));
  return SetAttributes(action, call);
}

Result<ufs::ObjectInfo> ActionRunner::MakeSymlink(const rpc::Action& action, Call& call) {
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes == nullptr) return Status(Code::kUnsupported, "the UFS has no symlinks");
  ASSIGN_OR_RETURN(ufs::ObjectInfo info,
                   attributes->MakeSymlink(action.key, action.symlink_target, call.Options()));
  return HasAttributes(action) ? SetAttributes(action, call) : info;
}

Result<ufs::ObjectInfo> ActionRunner::Link(const rpc::Action& action, Call& call) {
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes != nullptr) return attributes->Link(action.from_key, action.key, call.Options());
  if (call.ufs.Traits().atomic_rename) {
    return Status(Code::kUnsupported, "the UFS has no hard links and copies nothing");
  }
  return call.ufs.Move(action.from_key, action.key, SourceCondition(action), call.Options());
}

Status ActionRunner::Delete(const rpc::Action& action, Call& call) {
  const ufs::DeleteRequest request{action.key, SourceCondition(action)};
  return call.ufs.Delete(std::span(&request, 1), call.Options()).front();
}

Status ActionRunner::RemoveDirectory(const rpc::Action& action, Call& call) {
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes != nullptr) return attributes->RemoveDirectory(action.key, call.Options());
  if (!call.ufs.Traits().directory_markers) return OkStatus();
  // Somebody may have made one; it would be the directory's return at the next listing.
  const ufs::DeleteRequest marker{action.key, {}, ufs::ObjectType::kDirectory};
  return call.ufs.Delete(std::span(&marker, 1), call.Options()).front();
}

Status ActionRunner::Dispatch(const rpc::Action& action, Call& call, Done* done) {
  using Kind = rpc::Action::Kind;
  Result<ufs::ObjectInfo> info = ufs::ObjectInfo{};
  switch (action.kind) {
    case Kind::kDone:
    case Kind::kWait:
      return OkStatus();
    case Kind::kUpload:
      info = UploadContent(action, call, done);
      break;
    case Kind::kLocalize:
      return Localize(action);
    case Kind::kMove:
      info = Move(action, call);
      break;
    case Kind::kSetAttributes:
      info = SetAttributes(action, call);
      break;
    case Kind::kMakeDirectory:
      info = MakeDirectory(action, call);
      break;
    case Kind::kMakeSymlink:
      info = MakeSymlink(action, call);
      break;
    case Kind::kLink:
      info = Link(action, call);
      break;
    case Kind::kDelete:
      return Delete(action, call);
    case Kind::kRemoveDirectory:
      return RemoveDirectory(action, call);
  }
  if (!info.ok()) return info.status();
  done->outcome.etag = info->etag;
  done->outcome.identity = info->identity;
  done->outcome.size_bytes = info->size_bytes;
  done->outcome.mtime_ns = info->mtime_ns;
  return OkStatus();
}

Done ActionRunner::Run(const rpc::Action& action, const std::stop_token& stop) {
  Done done;
  Result<ufs::UnderFileSystem*> ufs = mounts_.Get(action.mount);
  if (!ufs.ok()) {
    done.outcome.status = ufs.status();
    return done;
  }
  Call call{**ufs, clock_, ufs_timeout_, stop};
  done.outcome.status = Dispatch(action, call, &done);
  return done;
}

}  // namespace tarn::worker
