// The worker of the rig.

#include "base/strings.h"
#include "meta/ledger/ledger.h"
#include "meta/testing/rig.h"

namespace tarn::meta {
namespace {

using Kind = role::Action::Kind;

constexpr int kMostRounds = 3000;

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

AttemptMark MarkOf(const role::Action& action) {
  return {action.attempt, action.size_bytes, action.mtime_ns.value_or(0), action.attempt_file};
}

}  // namespace

Result<ufs::ObjectInfo> PutBytes(ufs::UnderFileSystem& ufs, const std::string& key,
                                 const std::string& bytes, ufs::CreateOptions options,
                                 const std::function<Status(const ufs::Upload&)>& ready) {
  options.size_bytes = bytes.size();
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Upload> upload, ufs.Create(key, options, {}));
  if (!bytes.empty()) RETURN_IF_ERROR(upload->WritePart(0, Bytes(bytes), {}));
  if (ready) RETURN_IF_ERROR(ready(*upload));
  return upload->Commit({});
}

Status MakeDirectoryIn(ufs::UnderFileSystem& ufs, const std::string& key, uint32_t mode) {
  if (ufs.Attributes() != nullptr) return ufs.Attributes()->MakeDirectory(key, mode, {});
  ufs::CreateOptions options;
  options.type = ufs::ObjectType::kDirectory;
  options.precondition.kind = ufs::Precondition::Kind::kAbsent;
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Upload> marker, ufs.Create(key, options, {}));
  const Status made = marker->Commit({}).status();
  return made.code() == Code::kStale ? OkStatus() : made;  // An existing marker is as good.
}

void Rig::After() {
  switch (pace_) {
    case Pace::kNothing:
      return;
    case Pace::kOneStep:
      return OneStep();
    case Pace::kAll:
      return Drain();
    case Pace::kHoldPrepared:
    case Pace::kHoldDone:
      break;
  }
  if (held_) {
    Held held = *std::exchange(held_, std::nullopt);
    if (!held.outcome) Do(held);
    SettleHeld(held);
  }
  held_ = PrepareNext();
  if (held_ && pace_ == Pace::kHoldDone) Do(*held_);
}

std::optional<Rig::Held> Rig::PrepareNext() {
  role::PersistQueue& queue = ns().GetPersistQueue();
  for (int i = 0; i < 100; ++i) {
    auto tasks = queue.Lease(role::TaskClass::kSmall, 1, Nanos(0));
    EXPECT_TRUE(tasks.ok()) << tasks.status().ToString();
    if (!tasks.ok() || tasks->empty()) return std::nullopt;
    auto action = queue.Prepare(tasks->front());
    EXPECT_TRUE(action.ok()) << action.status().ToString();
    if (!action.ok()) return std::nullopt;
    if (action->kind == Kind::kDone || action->kind == Kind::kWait) continue;
    if (!action->attempt.empty()) last_attempt_ = action->attempt;
    return Held{tasks->front(), *action, std::nullopt};
  }
  return std::nullopt;
}

role::Outcome Rig::FailedOutcome() const {
  role::Outcome outcome;
  outcome.status = failure_;
  return outcome;
}

void Rig::Do(Held& held) {
  const bool fails = fail_at_ > 0 && --fail_at_ == 0;
  failures_ += fails ? 1 : 0;
  role::Outcome outcome;
  if (!fails || failure_effect_ == Effect::kDone) outcome = Run(held.action);
  if (fails) outcome = FailedOutcome();
  held.outcome = outcome;
}

void Rig::SettleHeld(const Held& held) {
  role::PersistQueue::Settled item{held.task, held.action, *held.outcome};
  auto settled = ns().GetPersistQueue().Settle(std::span(&item, 1));
  const Result<bool>& persisted = settled.front();
  EXPECT_TRUE(persisted.ok()) << persisted.status().ToString();
  // Clean contents may be evicted at once, so a later step must not need them.
  if (!persisted.ok() || !*persisted) {
    if (held.outcome->status.ok() || !persisted.ok()) {
      role::Task task = held.task;
      (void)ns().GetPersistQueue().Release(std::span(&task, 1));
    }
    return;
  }
  auto content = contents_.find(held.action.ino);
  if ((held.action.kind == Kind::kUpload || held.outcome->uploaded) && content != contents_.end() &&
      content->second.generation == held.action.generation) {
    contents_.erase(content);
  }
  role::Task task = held.task;
  (void)ns().GetPersistQueue().Release(std::span(&task, 1));
}

void Rig::OneStep() {
  std::optional<Held> held = PrepareNext();
  if (!held || CrashPoint()) return;
  Do(*held);
  if (CrashPoint()) return;
  SettleHeld(*held);
}

void Rig::Drain() {
  if (held_) {
    Held held = *std::exchange(held_, std::nullopt);
    if (!held.outcome) Do(held);
    SettleHeld(held);
  }
  for (int round = 0; round < kMostRounds; ++round) {
    OneStep();
    clock_.SleepFor(std::chrono::milliseconds(50), {});
    if (ns().GetPersistQueue().Totals()->entries == 0) return;
  }
  role::PersistQueue& queue = ns().GetPersistQueue();
  std::string all;
  const auto page = queue.List("", 100);
  ASSERT_TRUE(page.ok());
  for (const role::QueueEntry& entry : page->entries) {
    all += Concat("\n  ", entry.what, " ", entry.path, ": ", entry.last_error, " (attempts ",
                  entry.attempts, ", next in ", (entry.next_try_ns - clock_.WallNs()) / 1'000'000,
                  " ms)");
  }
  all += Dump();
  ADD_FAILURE() << "these stay in the queue forever:" << all;
}

Result<std::string> Rig::ReadUfs(MountId mount, const std::string& key, const std::string& etag) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(mount));
  ASSIGN_OR_RETURN(ufs::ObjectInfo info, ufs->Stat(key, {}));
  std::string bytes(info.size_bytes, '\0');
  ASSIGN_OR_RETURN(
      size_t got,
      ufs->Read(key, etag, 0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())), {}));
  bytes.resize(got);
  return bytes;
}

ufs::AttributeChange Rig::AttributesOf(const role::Action& action) {
  ufs::AttributeChange change;
  change.mode = action.mode;
  change.xattrs = action.xattrs;
  if (action.mtime_ns) change.times = ufs::Timestamps{*action.atime_ns, *action.mtime_ns};
  return change;
}

Result<ufs::ObjectInfo> Rig::WithAttributes(const role::Action& action) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(action.mount));
  ufs::AttributeStore* attributes = ufs->Attributes();
  if (attributes == nullptr || !action.mode) return ufs::ObjectInfo{};
  ufs::AttributeChange change = AttributesOf(action);
  change.precondition = ufs::IfIs(action.expected_etag);
  return attributes->SetAttributes(action.key, change, {});
}

// Adds the bytes that only the UFS has.
Status Rig::Complete(const role::Action& action, Content& content, role::Outcome* outcome) {
  if (!content.on_base) return OkStatus();
  Result<std::string> base = ReadUfs(action.mount, action.from_key, action.expected_etag);
  if (!base.ok()) return CheckBase(action, action.from_key, base.status(), outcome);
  content.bytes = *base + content.bytes;
  content.on_base = false;
  return OkStatus();
}

Status Rig::CheckBase(const role::Action& action, const std::string& key, const Status& why,
                      role::Outcome* outcome) {
  const bool may_be_gone = why.code() == Code::kStale || why.code() == Code::kNotFound ||
                           why.code() == Code::kIsDirectory || why.code() == Code::kNotDirectory ||
                           why.code() == Code::kInvalid;
  if (!may_be_gone) return why;
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(action.mount));
  ASSIGN_OR_RETURN(const std::optional<ufs::ObjectInfo> there, ufs::Look(*ufs, key, {}));
  if (there && ufs::IsVersion(*there, action.expected_etag)) return why;
  outcome->base_gone = true;
  return Status(Code::kStale, key + ": another writer's");
}

Result<ufs::ObjectInfo> Rig::Changed(const role::Action& action, const ufs::Change& change,
                                     bool marked, role::Outcome* outcome) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(action.mount));
  ufs::Expectation expected = ufs::ExpectationOf(action);
  if (marked) expected.own = MarkOf(action);
  ufs::Attempted attempted =
      ufs::ChangeAsExpected(*ufs, action.key, expected, change, [] { return ufs::CallOptions(); });
  outcome->base_gone |= attempted.yielded && action.yields;
  if (attempted.yielded && !action.yields) {
    return Status(Code::kIsDirectory, "another writer has made a directory there");
  }
  if (attempted.replaced) outcome->replaced = attempted.replaced->etag;
  if (outcome->base_gone) return Status(Code::kStale, action.key + ": another writer's");
  return attempted.made;
}

Result<ufs::ObjectInfo> Rig::Upload(const role::Action& action, role::Outcome* outcome) {
  outcome->untouched = true;
  auto found = contents_.find(action.ino);
  if (found == contents_.end()) {
    outcome->base_gone = action.from_key.empty();
    return Status(outcome->base_gone ? Code::kStale : Code::kNotFound, "no such content here");
  }
  Content& content = found->second;
  if (content.generation != action.generation) return Status(Code::kStale, "another generation");
  RETURN_IF_ERROR(Complete(action, content, outcome));
  outcome->untouched = false;
  EXPECT_EQ(content.bytes.size(), action.size_bytes);
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(action.mount));
  if (action.repeats) {
    ASSIGN_OR_RETURN(const auto there, ufs::Look(*ufs, action.key, {}));
    const bool before = there && ufs::IsVersion(*there, action.target_etag);
    const bool made = there && ufs::IsMadeBy(*ufs, *there, MarkOf(action), action.target_etag);
    if (made && !before) return *there;
  }
  return Changed(
      action,
      [&](const ufs::Precondition& target) {
        ufs::CreateOptions options;
        options.size_bytes = content.bytes.size();
        options.precondition = target;
        options.metadata[ufs::kAttemptName] = action.attempt;
        if (ufs->Attributes() != nullptr && action.mode) options.exactly = AttributesOf(action);
        return PutBytes(*ufs, action.key, content.bytes, options, [&](const ufs::Upload& upload) {
          const std::string file = upload.File();
          return file.empty() ? OkStatus() : ns().GetPersistQueue().NoteFile(action, file);
        });
      },
      true, outcome);
}

Result<ufs::ObjectInfo> Rig::CopyOrMove(const role::Action& action, role::Outcome* outcome) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(action.mount));
  ufs::MoveOptions options(ufs::IfIs(action.expected_etag));
  const bool marked = ufs->Traits().object_metadata;
  if (marked) options.metadata[ufs::kAttemptName] = action.attempt;
  const bool links = action.kind == Kind::kLink && ufs->Attributes() != nullptr;
  Result<ufs::ObjectInfo> info = Changed(
      action,
      [&](const ufs::Precondition& target) -> Result<ufs::ObjectInfo> {
        options.target = target;
        Result<ufs::ObjectInfo> made =
            links ? ufs->Attributes()->Link(action.from_key, action.key, options, {})
                  : ufs->Move(action.from_key, action.key, options, {});
        if (made.ok()) return made;
        const Status base = CheckBase(action, action.from_key, made.status(), outcome);
        if (outcome->base_gone) return Status(Code::kIo, base.message());
        return made;
      },
      marked, outcome);
  if (action.kind == Kind::kLink) return info;
  auto content = contents_.find(action.ino);
  const bool here = content != contents_.end() && !content->second.on_base &&
                    content->second.generation == action.generation;
  if (outcome->base_gone && here) {
    outcome->base_gone = false;
    outcome->uploaded = true;
    return Upload(action, outcome);
  }
  if (!info.ok() || ufs->Traits().atomic_rename) return info;
  ufs::Expectation source;
  source.version = action.expected_etag;
  const Status removed =
      ufs::DeleteAsExpected(*ufs, action.from_key, source, [] { return ufs::CallOptions(); });
  if (!removed.ok() && removed.code() != Code::kStale) return removed;
  return info;
}

Status Rig::Localize(const role::Action& action, role::Outcome* outcome) {
  auto found = contents_.find(action.ino);
  if (found != contents_.end()) return Complete(action, found->second, outcome);
  Result<std::string> base = ReadUfs(action.mount, action.from_key, action.expected_etag);
  if (!base.ok()) return CheckBase(action, action.from_key, base.status(), outcome);
  contents_[action.ino] = {action.generation, *base, false, 0};
  return OkStatus();
}

Result<ufs::ObjectInfo> Rig::Attributed(const role::Action& action, role::Outcome* outcome) {
  Result<ufs::ObjectInfo> info = WithAttributes(action);
  if (info.ok() || action.expected_etag.empty()) return info;
  return CheckBase(action, action.key, info.status(), outcome);
}

Result<ufs::ObjectInfo> Rig::Effect_(const role::Action& action, role::Outcome* outcome) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(action.mount));
  ufs::AttributeStore* attributes = ufs->Attributes();
  switch (action.kind) {
    case Kind::kUpload:
      return Upload(action, outcome);
    case Kind::kLocalize:
      RETURN_IF_ERROR(Localize(action, outcome));
      return ufs::ObjectInfo{};
    case Kind::kMove:
    case Kind::kLink:
      return CopyOrMove(action, outcome);
    case Kind::kSetAttributes:
      return Attributed(action, outcome);
    case Kind::kMakeDirectory:
      RETURN_IF_ERROR(MakeDirectoryIn(*ufs, action.key, 0700));
      return WithAttributes(action);
    case Kind::kMakeSymlink:
      return Changed(
          action,
          [&](const ufs::Precondition& target) {
            ufs::AttributeChange change = AttributesOf(action);
            change.precondition = target;
            return attributes->MakeSymlink(action.key, action.symlink_target, change, {});
          },
          false, outcome);
    case Kind::kDelete: {
      ufs::Expectation expected = ufs::ExpectationOf(action);
      expected.version = action.expected_etag;
      RETURN_IF_ERROR(
          ufs::DeleteAsExpected(*ufs, action.key, expected, [] { return ufs::CallOptions(); }));
      return ufs::ObjectInfo{};
    }
    case Kind::kRemoveDirectory: {
      const ufs::DeleteRequest marker{action.key, {}, ufs::ObjectType::kDirectory};
      RETURN_IF_ERROR(attributes != nullptr ? attributes->RemoveDirectory(action.key, {})
                                            : ufs->Delete(std::span(&marker, 1), {}).front());
      return ufs::ObjectInfo{};
    }
    case Kind::kMoveMarkers: {
      ufs::MoveOptions markers;
      markers.type = ufs::ObjectType::kDirectory;
      return ufs->Move(action.from_key, action.key, markers, {});
    }
    default:
      return Status(Code::kInvalid, "not a step");
  }
}

role::Outcome Rig::Run(const role::Action& action) {
  role::Outcome outcome;
  Result<ufs::ObjectInfo> info = Effect_(action, &outcome);
  outcome.status = info.status();
  if (!info.ok()) return outcome;
  outcome.etag = info->etag;
  outcome.identity = info->identity;
  outcome.file = info->file;
  outcome.size_bytes = info->size_bytes;
  outcome.mtime_ns = info->mtime_ns;
  return outcome;
}

}  // namespace tarn::meta
