#pragma once

// One FUSE request on its way: who asks, how to answer, how long it took. Internal to fuse/. For
// one thread. Exactly one reply is made; nothing is locked while replying, since the reply may be
// the kernel's last reference.

#include <fuse_lowlevel.h>

#include <functional>
#include <optional>
#include <stop_token>
#include <string_view>

#include "base/current_request.h"
#include "base/log.h"
#include "base/log_limit.h"
#include "client/file_system.h"
#include "fuse/front_end.h"
#include "fuse/kernel/callers.h"
#include "fuse/kernel/executed_files.h"
#include "fuse/loop/interrupts.h"

namespace tarn::fuse {

// What every request handler needs; the session's user data.
struct Mounted {
  client::FileSystem& file_system;
  Clock& clock;
  MountOptions options;
  std::function<void(fuse_conn_info*)> negotiate;  // Called by INIT.
  // From INIT on: overlayfs cannot use an inode that the kernel has found by a file handle.
  bool handles_fail_overlayfs = false;
  LogLimit failures{};
  LogLimit refusals{};
  Interrupts interrupts{clock};
  ExecutedFiles executed{options.mount_point, options.generation};
  Callers callers{};
};

class Request final : private ServedRequest {
 public:
  Request(fuse_req_t req, std::string_view what, InodeId ino);
  ~Request() override;  // Logs the request if it was slow.
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  client::FileSystem& fs() const { return mounted_.file_system; }
  Clock& clock() const { return mounted_.clock; }
  const MountOptions& options() const { return mounted_.options; }
  ExecutedFiles& executed() const { return mounted_.executed; }
  role::Caller caller() const;
  // What the kernel leaves to us (HANDLE_KILLPRIV_V2): what a write by the caller takes off the
  // inode.
  client::FileSystem::SetId SetIdOfWrite() const;
  Callers& callers() const { return mounted_.callers; }
  pid_t pid() const;
  // With attributes that the source was asked for, where `info` has guesses. Not asked in time: the
  // guesses, unless a way may lead through a directory.
  Result<role::FileInfo> Learnt(Result<role::FileInfo> info) const;
  // The answer to a lookup in `parent`: as Learnt, but for a caller in the middle of a listing.
  Result<role::FileInfo> LookedUp(Result<role::FileInfo> info, InodeId parent) const;
  // True, and replies, where the kernel let the caller pass by guesses: it looks again, and checks
  // by what is known then.
  bool SendsBack();
  fuse_req_t raw() const { return req_; }
  // The caller is overlayfs, in whose hands an inode found by a file handle would be stale.
  bool RefusesHandle() const;

  void Done(const Status& status);   // Success without data, or the error.
  void Error(const Status& status);  // Logs failures, but not what may be expected.
  void Errno(int error);
  void Entry(const Result<role::FileInfo>& info);
  void Attr(const Result<role::FileInfo>& info);
  double AttrTimeout(const role::Attr& attr) const;
  fuse_entry_param EntryOf(const role::Attr& attr) const;

 private:
  bool MayShowGuess(const role::Attr& attr, InodeId parent) const;
  bool IsInGroup(gid_t gid) const;
  std::stop_token Stop() override;
  void Log(LogLevel level, LogLimit& limit, const Status& status) const;

  fuse_req_t req_;
  Mounted& mounted_;
  std::string_view what_;
  InodeId ino_;
  MonotonicTime start_;
  std::stop_source stop_{std::nostopstate};
  uint64_t interrupts_id_ = 0;  // 0: the request has not waited yet.
  const ServingRequest serving_;
};

// The kernel may give its requests by io_uring, and the mount wants it so.
bool ServesByRings(const MountOptions& options);

struct stat StatOf(const role::Attr& attr);
uint32_t TypeBits(role::FileType type);                 // S_IFREG, ...
std::optional<role::FileType> TypeOfMode(mode_t mode);  // Nullopt: no such type.
int64_t NanosOf(const struct timespec& time);

// Fill in the handlers of their kind.
void AddNameRequests(fuse_lowlevel_ops& ops);
void AddAttributeRequests(fuse_lowlevel_ops& ops);
void AddDataRequests(fuse_lowlevel_ops& ops);

// Passthrough through the session's /dev/fuse descriptor, which outlives it.
std::unique_ptr<client::Backing> NewKernelBacking(int fuse_descriptor);

}  // namespace tarn::fuse
