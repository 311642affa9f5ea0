#include "worker/persisting/action.h"

#include <atomic>

#include "base/log.h"
#include "base/strings.h"
#include "ufs/expectation.h"
#include "worker/persisting/read_back.h"
#include "worker/persisting/sending.h"

namespace tarn::worker {
namespace {

ufs::AttributeChange AttributesOf(const role::Action& action) {
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

bool HasAttributes(const role::Action& action) {
  return action.mode || action.uid || action.gid || action.mtime_ns || action.xattrs;
}

std::optional<ufs::FileAttributes> AttributesToKeep(const role::Action& action) {
  if (!action.mode || !action.uid || !action.gid || !action.mtime_ns) return std::nullopt;
  return ufs::FileAttributes{*action.mode, *action.uid, *action.gid, *action.mtime_ns};
}

AttemptMark MarkOf(const role::Action& action) {
  return {action.attempt, action.size_bytes, action.mtime_ns.value_or(0), action.attempt_file};
}

// Whether a read that failed with `code` may mean that another client replaced or removed the
// object.
bool MayBeGone(Code code) {
  return code == Code::kStale || code == Code::kNotFound || code == Code::kNotDirectory ||
         code == Code::kIsDirectory || code == Code::kInvalid;
}

}  // namespace

struct ActionRunner::Call {
  ufs::UnderFileSystem& ufs;
  Clock& clock;
  Nanos timeout;
  std::stop_token stop;
  std::atomic<bool> unwanted{false};  // The upload was given up: a newer version replaces it.
  ufs::CallOptions Options() const { return {Deadline::After(clock, timeout), stop}; }
  ufs::NewCall Each() const {
    return [this] { return Options(); };
  }
};

// Call it if the base of the action could not be used (`why`). Finds out whether another client has
// replaced or removed it.
Status ActionRunner::CheckBase(const role::Action& action, const std::string& key,
                               const Status& why, Call& call, Done* done) {
  if (!MayBeGone(why.code())) return why;
  ASSIGN_OR_RETURN(const std::optional<ufs::ObjectInfo> there,
                   ufs::Look(call.ufs, key, call.Options()));
  if (there && ufs::IsVersion(*there, action.expected_etag)) return why;
  done->outcome.base_gone = true;
  return Status(Code::kStale,
                Concat(key, ": another client has ", there ? "replaced" : "removed", " it"));
}

// Takes the result of a change into the outcome.
Result<ufs::ObjectInfo> ActionRunner::Take(const role::Action& action, ufs::Attempted attempted,
                                           Done* done) {
  if (attempted.yielded && action.yields) done->outcome.base_gone = true;
  if (attempted.yielded && !action.yields) {
    return Status(Code::kIsDirectory,
                  Concat(action.key, ": another client has made a directory there"));
  }
  if (attempted.replaced) {
    const ufs::ObjectInfo& theirs = *attempted.replaced;
    done->outcome.replaced = Concat(theirs.size_bytes, " bytes, etag ", theirs.etag);
  }
  return std::move(attempted.made);
}

// Freezes the content, if possible while no program writes it. Otherwise as it was last committed,
// if no program changes it meanwhile.
Result<std::unique_ptr<cache::FrozenContent>> ActionRunner::Freeze(const role::Action& action) {
  const ContentId content{action.ino, action.generation};
  Result<std::unique_ptr<cache::FrozenContent>> frozen =
      cache_.Freeze(content, cache::Freezing::kExclusive);
  if (frozen.code() != Code::kBusy) return frozen;
  return cache_.Freeze(content, cache::Freezing::kUnlessChanged);
}

// The status for bytes that are absent here while the UFS has no version to take them from.
Status ActionRunner::NowhereStatus(const role::Action& action, Done* done) {
  done->outcome.base_gone = true;
  return Status(Code::kStale, Concat(action.key, ": not all of its bytes are here"));
}

// A file that was changed through the daemon may lack pages that only its base has.
Status ActionRunner::Send(const role::Action& action, cache::FrozenContent& content,
                          ufs::Upload& upload, Call& call) {
  role::Binding base;
  base.mount = action.mount;
  base.key = action.from_key;
  base.etag = action.expected_etag;
  base.size_bytes = action.from_size_bytes;
  Sending sending{content, upload, {}, {}, [&] { return call.Options(); }, {}};
  sending.wanted = [&] {
    if (!is_wanted_(action)) call.unwanted = true;
    return !call.unwanted;
  };
  if (!base.etag.empty()) sending.base = {base.key, base.etag, 0};
  sending.read_base = [&](uint64_t offset_bytes, std::span<std::byte> out) {
    return filler_.ReadThrough(base, offset_bytes, out);
  };
  return SendParts(sending, call.ufs.Traits());
}

// Maps an error of sending to a code that says nothing about the target.
Status ActionRunner::NotSent(const role::Action& action, const cache::FrozenContent& content,
                             const Status& why, Call& call, Done* done) {
  Status status = why;
  if (call.unwanted) return Status(Code::kBusy, why.message());
  if (!content.Info().complete) status = CheckBase(action, action.from_key, why, call, done);
  if (done->outcome.base_gone) return Status(Code::kIo, status.message());
  return MayBeGone(status.code()) ? Status(Code::kBusy, status.message()) : status;
}

Result<ufs::ObjectInfo> ActionRunner::Upload(const role::Action& action,
                                             cache::FrozenContent& content,
                                             const ufs::Precondition& target, AttemptMark& own,
                                             Call& call, Done* done) {
  ufs::CreateOptions options;
  options.size_bytes = content.Info().size_bytes;
  if (call.ufs.Traits().holes) {
    ASSIGN_OR_RETURN(const std::vector<cache::ByteRange> data, content.Data());
    options.holes = HolesOf(data, options.size_bytes);
  }
  options.precondition = target;
  options.metadata[ufs::kAttemptName] = action.attempt;
  options.attributes = AttributesToKeep(action);
  if (HasAttributes(action)) options.exactly = AttributesOf(action);
  done->outcome.untouched = true;
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Upload> upload,
                   call.ufs.Create(action.key, options, call.Options()));
  Status sent = Send(action, content, *upload, call);
  // A change meanwhile explains the error: bytes that are read twice may give another digest.
  if (!content.Unchanged()) sent = Status(Code::kBusy, "it was written to meanwhile");
  if (sent.ok()) sent = Note(action, *upload, own);
  done->outcome.untouched = !sent.ok();
  if (!sent.ok()) sent = NotSent(action, content, sent, call, done);
  Result<ufs::ObjectInfo> committed =
      sent.ok() ? upload->Commit(call.Options()) : Result<ufs::ObjectInfo>(sent);
  if (committed.ok()) return committed;
  // Abort also if the outcome of Commit is unknown: an upload that is not committed now must not be
  // committed later.
  Status aborted = upload->Abort(call.Options());
  if (!aborted.ok()) LogWarning("abort upload of ", action.key, ": ", aborted);
  return committed;
}

// In a store that does not keep attempt ids, the file tells after a crash which attempt made the
// object.
Status ActionRunner::Note(const role::Action& action, const ufs::Upload& upload, AttemptMark& own) {
  own.file = upload.File();
  return own.file.empty() ? OkStatus() : note_file_(action, own.file);
}

// The object that the attempt made before the last start, if it is there whole. kCorruption: the
// store has other bytes than those sent. The previous process may have found that and died before
// it reported it.
Result<std::optional<ufs::ObjectInfo>> ActionRunner::FindMade(const role::Action& action,
                                                              const cache::FrozenContent& content,
                                                              Call& call) {
  std::optional<ufs::ObjectInfo> none;
  if (!action.repeats) return none;
  ASSIGN_OR_RETURN(std::optional<ufs::ObjectInfo> there,
                   ufs::Look(call.ufs, action.key, call.Options()));
  const bool ours = there && !ufs::IsVersion(*there, action.target_etag) &&
                    ufs::IsMadeBy(call.ufs, *there, MarkOf(action), action.target_etag);
  if (!ours || there->size_bytes != content.Info().size_bytes) return none;
  if (call.ufs.Traits().object_metadata) {
    ASSIGN_OR_RETURN(const bool same, HasBytesOf(call.ufs, *there, content, call.Each()));
    if (!same) {
      return Status(Code::kCorruption,
                    Concat("upload ", action.key, ": what had arrived before the ",
                           "last start has other bytes; it is sent again"));
    }
  }
  LogInfo("persist ", action.key, ": an upload before the last start had arrived");
  return there;
}

Result<ufs::ObjectInfo> ActionRunner::UploadContent(const role::Action& action, Call& call,
                                                    Done* done) {
  done->outcome.untouched = true;
  Result<std::unique_ptr<cache::FrozenContent>> frozen = Freeze(action);
  if (frozen.code() == Code::kNotFound && action.from_key.empty()) {
    return NowhereStatus(action, done);
  }
  ASSIGN_OR_RETURN(done->content, std::move(frozen));
  if (!done->content->Info().complete && action.from_key.empty()) {
    return NowhereStatus(action, done);
  }
  Result<std::optional<ufs::ObjectInfo>> found = FindMade(action, *done->content, call);
  if (found.code() == Code::kCorruption) done->outcome.untouched = false;
  ASSIGN_OR_RETURN(std::optional<ufs::ObjectInfo> made, std::move(found));
  if (!made) {
    ufs::Expectation expected = ufs::ExpectationOf(action);
    expected.own = MarkOf(action);
    const auto change = [&](const ufs::Precondition& target) {
      return Upload(action, *done->content, target, *expected.own, call, done);
    };
    Result<ufs::ObjectInfo> changed = Take(
        action, ufs::ChangeAsExpected(call.ufs, action.key, expected, change, call.Each()), done);
    if (done->outcome.base_gone) return Status(Code::kStale, changed.status().message());
    if (!changed.ok() && call.unwanted) return Status(Code::kStale, changed.status().message());
    ASSIGN_OR_RETURN(made, std::move(changed));
  }
  ufs::ObjectInfo info = *std::move(made);
  if (info.size_bytes != done->content->Info().size_bytes) {
    return Status(Code::kIo, Concat("upload ", action.key, ": the UFS has ", info.size_bytes,
                                    " of ", done->content->Info().size_bytes, " bytes"));
  }
  return info;
}

// Copies or moves `from_key` to `key`. kStale with base_gone: another client replaced or removed
// `from_key`.
Result<ufs::ObjectInfo> ActionRunner::CopyOrMove(const role::Action& action, Call& call,
                                                 const Copying& copy, Done* done) {
  ufs::MoveOptions options(ufs::IfIs(action.expected_etag));
  ufs::Expectation expected = ufs::ExpectationOf(action);
  if (call.ufs.Traits().object_metadata) {
    options.metadata[ufs::kAttemptName] = action.attempt;
    expected.own = MarkOf(action);
  }
  const auto change = [&](const ufs::Precondition& target) -> Result<ufs::ObjectInfo> {
    options.target = target;
    Result<ufs::ObjectInfo> made = copy(options);
    if (made.ok()) return made;
    Status base = CheckBase(action, action.from_key, made.status(), call, done);
    // The target is not at fault, so it is not looked at.
    if (done->outcome.base_gone) return Status(Code::kIo, base.message());
    return made;
  };
  ufs::Attempted attempted =
      ufs::ChangeAsExpected(call.ufs, action.key, expected, change, call.Each());
  if (done->outcome.base_gone) return Status(Code::kStale, attempted.made.status().message());
  return Take(action, std::move(attempted), done);
}

Result<ufs::ObjectInfo> ActionRunner::Move(const role::Action& action, Call& call, Done* done) {
  Result<ufs::ObjectInfo> info = CopyOrMove(
      action, call,
      [&](const ufs::MoveOptions& options) {
        return call.ufs.Move(action.from_key, action.key, options, call.Options());
      },
      done);
  if (done->outcome.base_gone) return UploadInstead(action, call, info.status(), done);
  if (!info.ok() || call.ufs.Traits().atomic_rename) return info;
  ufs::Expectation source;
  source.version = action.expected_etag;
  const Status removed = ufs::DeleteAsExpected(call.ufs, action.from_key, source, call.Each());
  if (removed.code() == Code::kStale) LogWarning(removed, ": it stays");
  if (!removed.ok() && removed.code() != Code::kStale) return removed;
  return info;
}

// The object to be moved is gone from the UFS. If the content is complete here, uploads it instead.
Result<ufs::ObjectInfo> ActionRunner::UploadInstead(const role::Action& action, Call& call,
                                                    const Status& why, Done* done) {
  Result<std::unique_ptr<cache::LiveFile>> file = cache_.Open({action.ino, action.generation});
  if (!file.ok() || !(*file)->Complete()) return why;
  done->outcome.base_gone = false;
  done->outcome.uploaded = true;
  LogWarning(why.message(), "; it was renamed here, and is uploaded as ", action.key);
  return UploadContent(action, call, done);
}

Status ActionRunner::Localize(const role::Action& action, Call& call, Done* done) {
  const ContentId content{action.ino, action.generation};
  role::Binding binding;
  binding.mount = action.mount;
  binding.key = action.from_key;
  binding.etag = action.expected_etag;
  binding.generation = action.generation;
  binding.size_bytes = action.size_bytes;
  Result<std::unique_ptr<cache::LiveFile>> file = cache_.Open(content);
  if (file.code() == Code::kNotFound) file = cache_.AddClean(content, action.size_bytes);
  if (!file.ok()) return file.status();
  Status filled = filler_.FillWhole(**file, binding);
  if (!filled.ok()) return CheckBase(action, action.from_key, filled, call, done);
  return cache_.MarkDirty(content);
}

Result<ufs::ObjectInfo> ActionRunner::SetAttributes(const role::Action& action, Call& call,
                                                    Done* done) {
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes == nullptr || !HasAttributes(action)) {
    return call.ufs.Stat(action.key, call.Options());
  }
  ufs::AttributeChange change = AttributesOf(action);
  change.precondition = ufs::IfIs(action.expected_etag);
  Result<ufs::ObjectInfo> info = attributes->SetAttributes(action.key, change, call.Options());
  if (!info.ok() && !action.expected_etag.empty() && MayBeGone(info.code())) {
    return CheckBase(action, action.key, info.status(), call, done);
  }
  if (info.code() != Code::kNotPermitted) return info;
  // A mount without privileges cannot change the owner of a file. It can still set times and mode.
  LogWarning(info.status().message(), ": kept here only");
  change.uid.reset();
  change.gid.reset();
  return attributes->SetAttributes(action.key, change, call.Options());
}

Result<ufs::ObjectInfo> ActionRunner::MakeMarker(const role::Action& action, Call& call) {
  ufs::CreateOptions options;
  options.type = ufs::ObjectType::kDirectory;
  options.precondition.kind = ufs::Precondition::Kind::kAbsent;
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Upload> marker,
                   call.ufs.Create(action.key, options, call.Options()));
  Result<ufs::ObjectInfo> made = marker->Commit(call.Options());
  // A marker that another client made is as good.
  return made.code() == Code::kStale ? call.ufs.Stat(action.key, call.Options()) : made;
}

Result<ufs::ObjectInfo> ActionRunner::MakeDirectory(const role::Action& action, Call& call,
                                                    Done* done) {
  constexpr uint32_t kPrivate = 0700;  // Until the attributes are set.
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes == nullptr) return MakeMarker(action, call);
  RETURN_IF_ERROR(attributes->MakeDirectory(action.key, kPrivate, call.Options()));
  // Only this directory gets the attributes, whatever object has its name by then.
  ASSIGN_OR_RETURN(const ufs::ObjectInfo made, call.ufs.Stat(action.key, call.Options()));
  if (made.type != ufs::ObjectType::kDirectory) {
    return Status(Code::kNotDirectory, Concat(action.key, ": another client has replaced it"));
  }
  role::Action attributed = action;
  attributed.expected_etag = made.identity;
  Result<ufs::ObjectInfo> info = SetAttributes(attributed, call, done);
  if (!done->outcome.base_gone) return info;
  done->outcome.base_gone = false;
  return Status(Code::kNotDirectory, info.status().message());
}

Result<ufs::ObjectInfo> ActionRunner::MakeSymlink(const role::Action& action, Call& call,
                                                  Done* done) {
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes == nullptr) return Status(Code::kUnsupported, "the UFS has no symlinks");
  const auto change = [&](const ufs::Precondition& target) {
    ufs::AttributeChange wanted = AttributesOf(action);
    wanted.precondition = target;
    return attributes->MakeSymlink(action.key, action.symlink_target, wanted, call.Options());
  };
  return Take(
      action,
      ufs::ChangeAsExpected(call.ufs, action.key, ufs::ExpectationOf(action), change, call.Each()),
      done);
}

Result<ufs::ObjectInfo> ActionRunner::Link(const role::Action& action, Call& call, Done* done) {
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes == nullptr && call.ufs.Traits().atomic_rename) {
    return Status(Code::kUnsupported, "the UFS has no hard links and copies nothing");
  }
  return CopyOrMove(
      action, call,
      [&](const ufs::MoveOptions& options) {
        return attributes != nullptr
                   ? attributes->Link(action.from_key, action.key, options, call.Options())
                   : call.ufs.Move(action.from_key, action.key, options, call.Options());
      },
      done);
}

Status ActionRunner::Delete(const role::Action& action, Call& call) {
  ufs::Expectation expected = ufs::ExpectationOf(action);
  expected.version = action.expected_etag;
  return ufs::DeleteAsExpected(call.ufs, action.key, expected, call.Each());
}

Status ActionRunner::RemoveDirectory(const role::Action& action, Call& call) {
  ufs::AttributeStore* attributes = call.ufs.Attributes();
  if (attributes != nullptr) return attributes->RemoveDirectory(action.key, call.Options());
  if (!call.ufs.Traits().directory_markers) return OkStatus();
  // Another client may have made a marker: with it, the next listing would bring the directory
  // back.
  const ufs::DeleteRequest marker{action.key, {}, ufs::ObjectType::kDirectory};
  return call.ufs.Delete(std::span(&marker, 1), call.Options()).front();
}

Status ActionRunner::MoveMarkers(const role::Action& action, Call& call) {
  ufs::MoveOptions options;
  options.type = ufs::ObjectType::kDirectory;
  return call.ufs.Move(action.from_key, action.key, options, call.Options()).status();
}

Status ActionRunner::Dispatch(const role::Action& action, Call& call, Done* done) {
  using Kind = role::Action::Kind;
  Result<ufs::ObjectInfo> info = ufs::ObjectInfo{};
  switch (action.kind) {
    case Kind::kDone:
    case Kind::kWait:
      return OkStatus();
    case Kind::kUpload:
      info = UploadContent(action, call, done);
      break;
    case Kind::kLocalize:
      return Localize(action, call, done);
    case Kind::kMove:
      info = Move(action, call, done);
      break;
    case Kind::kSetAttributes:
      info = SetAttributes(action, call, done);
      break;
    case Kind::kMakeDirectory:
      info = MakeDirectory(action, call, done);
      break;
    case Kind::kMakeSymlink:
      info = MakeSymlink(action, call, done);
      break;
    case Kind::kLink:
      info = Link(action, call, done);
      break;
    case Kind::kDelete:
      return Delete(action, call);
    case Kind::kRemoveDirectory:
      return RemoveDirectory(action, call);
    case Kind::kMoveMarkers:
      return MoveMarkers(action, call);
  }
  if (!info.ok()) return info.status();
  done->outcome.etag = info->etag;
  done->outcome.identity = info->identity;
  done->outcome.file = info->file;
  done->outcome.size_bytes = info->size_bytes;
  done->outcome.mtime_ns = info->mtime_ns;
  return OkStatus();
}

Done ActionRunner::Run(const role::Action& action, const std::stop_token& stop) {
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
