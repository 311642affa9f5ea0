#include "fuse/requests/request.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/log.h"
#include "base/strings.h"
#include "fuse/kernel/handle_user.h"
#include "fuse/requests/convert.h"

namespace tarn::fuse {
namespace {

// How long guesses hold for the stat(2) whose lookup has just got them. Each use of a name looks
// the name up again, and where guesses are too narrow the kernel asks once more.
constexpr double kGlanceSeconds = 1;

// The kernel may keep attributes no longer than the coordinator may give them without asking the
// source again.
double Seconds(Nanos most, const role::Attr& attr) {
  return std::chrono::duration<double>(std::min(most, Nanos(attr.fresh_ns))).count();
}

}  // namespace

Request::Request(fuse_req_t req, std::string_view what, InodeId ino)
    : req_(req),
      mounted_(MountedOf(req)),
      what_(what),
      ino_(ino),
      start_(mounted_.clock.Now()),
      serving_(*this) {
  if (options().log_requests) {
    LogInfo("request ", what_, " of inode ", ino_.value, " by process ", pid());
  }
}

Request::~Request() {
  if (interrupts_id_ != 0) mounted_.interrupts.Remove(interrupts_id_);
  const auto took = mounted_.clock.Now() - start_;
  if (took < mounted_.options.slow_operation) return;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  LogWarning("slow ", what_, " of inode ", ino_.value, ": ", ms, " ms");
}

// libfuse may report an interrupt while the request is being answered, so it gets the request's
// number, not its address.
std::stop_token Request::Stop() {
  if (interrupts_id_ == 0) {
    stop_ = std::stop_source();
    interrupts_id_ = mounted_.interrupts.Add(fuse_req_ctx(req_)->pid, stop_);
    fuse_req_interrupt_func(
        req_,
        [](fuse_req_t req, void* id) {
          MountedOf(req).interrupts.Interrupted(reinterpret_cast<uintptr_t>(id));
        },
        reinterpret_cast<void*>(interrupts_id_));
  }
  return stop_.get_token();
}

role::Caller Request::caller() const {
  const fuse_ctx* context = fuse_req_ctx(req_);
  role::Caller caller;
  caller.session = SessionId(1);
  caller.uid = context->uid;
  caller.gid = context->gid;
  return caller;
}

bool Request::IsInGroup(gid_t gid) const {
  if (fuse_req_ctx(req_)->gid == gid) return true;
  std::vector<gid_t> groups(64);
  for (;;) {
    const int count = fuse_req_getgroups(req_, static_cast<int>(groups.size()), groups.data());
    if (count < 0) return false;  // The caller is unknown.
    const auto known = std::min(groups.size(), static_cast<size_t>(count));
    const auto end = groups.begin() + static_cast<std::ptrdiff_t>(known);
    if (std::find(groups.begin(), end, gid) != end) return true;
    if (known == static_cast<size_t>(count)) return false;
    groups.resize(static_cast<size_t>(count));
  }
}

client::SetId Request::SetIdOfWrite() const {
  using client::SetId;
  if (fuse_req_ctx(req_)->uid == 0) return SetId::kClearCapabilities;
  const std::optional<uint32_t> group = attributes().SetgidGroup(ino_);
  return group && !IsInGroup(*group) ? SetId::kClearAsOutsider : SetId::kClear;
}

bool Request::RefusesHandle() const {
  return mounted_.handles_fail_overlayfs && OverlayfsUsesHandle(pid());
}

pid_t Request::pid() const { return fuse_req_ctx(req_)->pid; }

// No later check follows once the kernel has let a caller pass through a directory, so its mode
// must be known, but for root.
Result<role::FileInfo> Request::Learnt(Result<role::FileInfo> info) const {
  using Next = client::Attributes::Next;
  if (!info.ok() || !info->attr.guessed) return info;
  const InodeId ino = info->attr.ino;
  const bool directory = info->attr.type == role::FileType::kDirectory;
  const Next next =
      !directory && callers().OpensWhatItLooksAt(pid()) ? Next::kRead : Next::kNothing;
  if (!directory) callers().AskedFor(pid(), ino);
  Result<role::FileInfo> learnt = attributes().LearnAttributes(ino, next);
  const bool must_know = directory && caller().uid != 0;
  if (learnt.ok() || learnt.code() == Code::kStale || must_know) return learnt;
  LogDebug("attributes of inode ", ino.value, " stay guesses: ", learnt.status());
  callers().ToldGuess(pid(), ino);
  return info;
}

// An open and a change check the mode of a file again (client::Opener::Open, SendsBack). A removal
// of a name from a sticky directory does not: the kernel alone checks it, by the owner of the file.
bool Request::MayShowGuess(const role::Attr& attr, InodeId parent) const {
  if (!callers().IsListing(pid(), parent, clock().Now())) return false;
  if (caller().uid == 0) return true;
  if (attr.type == role::FileType::kDirectory) return false;
  const Result<role::FileInfo> dir = attributes().GetAttr(parent);
  return dir.ok() && (dir->attr.mode & S_ISVTX) == 0;
}

Result<role::FileInfo> Request::LookedUp(Result<role::FileInfo> info, InodeId parent) const {
  if (!info.ok() || !info->attr.guessed) return info;
  if (!MayShowGuess(info->attr, parent)) return Learnt(std::move(info));
  callers().ToldGuess(pid(), info->attr.ino);
  return info;
}

bool Request::SendsBack() {
  if (caller().uid == 0 || !callers().PassedByGuess(pid(), ino_)) return false;
  const Status learnt =
      attributes().LearnAttributes(ino_, client::Attributes::Next::kCheck).status();
  learnt.ok() ? Errno(ESTALE) : Error(learnt);
  return true;
}

void Request::Errno(int error) { fuse_reply_err(req_, error); }

void Request::Error(const Status& status) {
  // Applications expect EIO of a file system, not ETIMEDOUT.
  const int error = status.code() == Code::kDeadlineExceeded ? EIO : ErrnoOf(status.code());
  if (error == EIO) Log(LogLevel::kError, mounted_.failures, status);
  // The kernel itself checks what callers may do, so it is the source that refuses this process.
  if (error == EACCES) Log(LogLevel::kWarning, mounted_.refusals, status);
  fuse_reply_err(req_, error);
}

void Request::Log(LogLevel level, LogLimit& limit, const Status& status) const {
  const std::optional<uint64_t> left_out = limit.Take(clock().Now());
  if (!left_out) return;
  const std::string more = *left_out == 0 ? "" : Concat(" (", *left_out, " more were not logged)");
  tarn::Log(level, Concat(what_, " of inode ", ino_.value, ": ", status, more));
}

void Request::Done(const Status& status) { status.ok() ? Errno(0) : Error(status); }

double Request::AttrTimeout(const role::Attr& attr) const {
  if (attr.guessed) return attr.type == role::FileType::kRegular ? kGlanceSeconds : 0;
  return attr.may_change ? 0 : Seconds(options().attr_timeout, attr);
}

fuse_entry_param Request::EntryOf(const role::Attr& attr) const {
  fuse_entry_param entry = {};
  entry.ino = attr.ino.value;
  // An inode number is never used twice, so all inodes have the same generation. The kernel knows
  // the root without one.
  entry.generation = attr.ino == kRootInode ? 0 : options().generation;
  entry.attr = StatOf(attr, options().shown);
  entry.attr_timeout = AttrTimeout(attr);
  if (attr.guessed) return entry;  // The next use of the name asks again.
  entry.entry_timeout = Seconds(options().entry_timeout, attr);
  return entry;
}

void Request::Entry(const Result<role::FileInfo>& info) {
  if (!info.ok()) return Error(info.status());
  const fuse_entry_param entry = EntryOf(info->attr);
  fuse_reply_entry(req_, &entry);
}

void Request::Attr(const Result<role::FileInfo>& info) {
  if (!info.ok()) return Error(info.status());
  const struct stat st = StatOf(info->attr, options().shown);
  fuse_reply_attr(req_, &st, AttrTimeout(info->attr));
}

}  // namespace tarn::fuse
