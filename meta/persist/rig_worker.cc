// What the rig's worker does.

#include "base/strings.h"
#include "meta/persist/rig.h"

namespace tarn::meta {
namespace {

using Kind = rpc::Action::Kind;

constexpr int kMostRounds = 3000;

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

}  // namespace

Result<ufs::ObjectInfo> PutBytes(ufs::UnderFileSystem& ufs, const std::string& key,
                                 const std::string& bytes) {
  ufs::CreateOptions options;
  options.size_bytes = bytes.size();
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Upload> upload, ufs.Create(key, options, {}));
  if (!bytes.empty()) RETURN_IF_ERROR(upload->WritePart(0, Bytes(bytes), {}));
  return upload->Commit({});
}

Status MakeDirectoryIn(ufs::UnderFileSystem& ufs, const std::string& key, uint32_t mode) {
  if (ufs.Attributes() != nullptr) return ufs.Attributes()->MakeDirectory(key, mode, {});
  ufs::CreateOptions options;
  options.type = ufs::ObjectType::kDirectory;
  ASSIGN_OR_RETURN(std::unique_ptr<ufs::Upload> marker, ufs.Create(key, options, {}));
  return marker->Commit({}).status();
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
  rpc::PersistQueue& queue = ns().GetPersistQueue();
  for (int i = 0; i < 100; ++i) {
    auto tasks = queue.Lease(rpc::TaskClass::kSmall, 1, Nanos(0));
    EXPECT_TRUE(tasks.ok()) << tasks.status().ToString();
    if (!tasks.ok() || tasks->empty()) return std::nullopt;
    auto action = queue.Prepare(tasks->front());
    EXPECT_TRUE(action.ok()) << action.status().ToString();
    if (!action.ok()) return std::nullopt;
    if (action->kind == Kind::kDone || action->kind == Kind::kWait) continue;
    return Held{tasks->front(), *action, std::nullopt};
  }
  return std::nullopt;
}

void Rig::Do(Held& held) {
  const bool fails = fail_at_ > 0 && --fail_at_ == 0;
  failures_ += fails ? 1 : 0;
  rpc::Outcome outcome;
  if (!fails || failure_effect_ == Effect::kDone) outcome = Run(held.action);
  if (fails) outcome = rpc::Outcome{failure_, "", "", 0, 0};
  held.outcome = outcome;
}

void Rig::SettleHeld(const Held& held) {
  rpc::PersistQueue::Settled item{held.task, held.action, *held.outcome};
  auto settled = ns().GetPersistQueue().Settle(std::span(&item, 1));
  EXPECT_TRUE(settled.ok()) << settled.status().ToString();
  // Clean contents may be evicted at once: whoever still needs them must have said so.
  if (!settled.ok() || !settled->front()) {
    if (held.outcome->status.ok() || !settled.ok()) {
      rpc::Task task = held.task;
      (void)ns().GetPersistQueue().Release(std::span(&task, 1));
    }
    return;
  }
  auto content = contents_.find(held.action.ino);
  if (held.action.kind == Kind::kUpload && content != contents_.end() &&
      content->second.generation == held.action.generation)
    contents_.erase(content);
  rpc::Task task = held.task;
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
  rpc::PersistQueue& queue = ns().GetPersistQueue();
  std::string after;
  std::string all;
  const auto entries = queue.List(&after, 100);
  ASSERT_TRUE(entries.ok());
  for (const rpc::QueueEntry& entry : *entries)
    all += Concat("\n  ", entry.what, " ", entry.path, ": ", entry.last_error, " (attempts ",
                  entry.attempts, ", next in ", (entry.next_try_ns - clock_.WallNs()) / 1'000'000,
                  " ms)");
  all += Dump();
  ADD_FAILURE() << "these stay in the queue for ever:" << all;
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

Result<ufs::ObjectInfo> Rig::WithAttributes(const rpc::Action& action, ufs::ObjectInfo info) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(action.mount));
  ufs::AttributeStore* attributes = ufs->Attributes();
  if (attributes == nullptr || !action.mode) return info;
  ufs::AttributeChange change;
  change.mode = action.mode;
  change.xattrs = action.xattrs;
  if (action.mtime_ns) change.times = ufs::Timestamps{*action.atime_ns, *action.mtime_ns};
  return attributes->SetAttributes(action.key, change, {});
}

Result<ufs::ObjectInfo> Rig::Upload(const rpc::Action& action) {
  auto found = contents_.find(action.ino);
  if (found == contents_.end()) return Status(Code::kNotFound, "no such content here");
  Content& content = found->second;
  if (content.generation != action.generation) return Status(Code::kStale, "another generation");
  if (content.on_base) {
    ASSIGN_OR_RETURN(std::string base,
                     ReadUfs(action.mount, action.from_key, action.expected_etag));
    content.bytes = base + content.bytes;
    content.on_base = false;
  }
  EXPECT_EQ(content.bytes.size(), action.size_bytes);
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(action.mount));
  ASSIGN_OR_RETURN(ufs::ObjectInfo info, PutBytes(*ufs, action.key, content.bytes));
  return WithAttributes(action, info);
}

Status Rig::Localize(const rpc::Action& action) {
  auto found = contents_.find(action.ino);
  if (found != contents_.end() && !found->second.on_base) return OkStatus();
  ASSIGN_OR_RETURN(std::string base, ReadUfs(action.mount, action.from_key, action.expected_etag));
  if (found == contents_.end()) {
    contents_[action.ino] = {action.generation, base, false, 0};
    return OkStatus();
  }
  found->second.bytes = base + found->second.bytes;
  found->second.on_base = false;
  return OkStatus();
}

Status Rig::Effect_(const rpc::Action& action, ufs::ObjectInfo* info) {
  ASSIGN_OR_RETURN(ufs::UnderFileSystem * ufs, mounts_.Get(action.mount));
  ufs::AttributeStore* attributes = ufs->Attributes();
  ufs::Precondition source;
  if (!action.expected_etag.empty())
    source = {ufs::Precondition::Kind::kEtag, action.expected_etag};
  switch (action.kind) {
    case Kind::kUpload: {
      ASSIGN_OR_RETURN(*info, Upload(action));
      return OkStatus();
    }
    case Kind::kLocalize:
      return Localize(action);
    case Kind::kMove: {
      ASSIGN_OR_RETURN(*info, ufs->Move(action.from_key, action.key, source, {}));
      if (ufs->Traits().atomic_rename) return OkStatus();
      const ufs::DeleteRequest request{action.from_key, source};
      return ufs->Delete(std::span(&request, 1), {}).front();
    }
    case Kind::kSetAttributes: {
      ASSIGN_OR_RETURN(*info, WithAttributes(action, {}));
      return OkStatus();
    }
    case Kind::kMakeDirectory: {
      RETURN_IF_ERROR(MakeDirectoryIn(*ufs, action.key, 0700));
      ASSIGN_OR_RETURN(*info, WithAttributes(action, {}));
      return OkStatus();
    }
    case Kind::kMakeSymlink: {
      ASSIGN_OR_RETURN(*info, attributes->MakeSymlink(action.key, action.symlink_target, {}));
      return OkStatus();
    }
    case Kind::kLink: {
      ASSIGN_OR_RETURN(*info, attributes != nullptr
                                  ? attributes->Link(action.from_key, action.key, {})
                                  : ufs->Move(action.from_key, action.key, {}, {}));
      return OkStatus();
    }
    case Kind::kDelete: {
      const ufs::DeleteRequest request{action.key, source};
      return ufs->Delete(std::span(&request, 1), {}).front();
    }
    case Kind::kRemoveDirectory: {
      if (attributes != nullptr) return attributes->RemoveDirectory(action.key, {});
      const ufs::DeleteRequest marker{action.key, {}, ufs::ObjectType::kDirectory};
      return ufs->Delete(std::span(&marker, 1), {}).front();
    }
    default:
      return Status(Code::kInvalid, "not a step");
  }
}

rpc::Outcome Rig::Run(const rpc::Action& action) {
  ufs::ObjectInfo info;
  rpc::Outcome outcome;
  outcome.status = Effect_(action, &info);
  if (!outcome.status.ok()) return outcome;
  outcome.etag = info.etag;
  outcome.identity = info.identity;
  outcome.size_bytes = info.size_bytes;
  outcome.mtime_ns = info.mtime_ns;
  return outcome;
}

}  // namespace tarn::meta
