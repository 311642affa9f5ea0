#pragma once

// One FUSE request: the caller, the parts of the mount that serve it, the reply, the time it took.
// Internal to fuse/. For one thread. A handler makes exactly one reply, and holds no lock while it
// replies, since the reply may drop the kernel's last reference.

#include <fuse_lowlevel.h>

#include <memory>
#include <stop_token>
#include <string_view>

#include "base/current_request.h"
#include "base/log.h"
#include "fuse/requests/mounted.h"

namespace tarn::fuse {

class Request final : private ServedRequest {
 public:
  // `what` names the operation in the log, and outlives the request.
  Request(fuse_req_t req, std::string_view what, InodeId ino);
  ~Request() override;  // Logs the request if it was slow.
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  client::Names& names() const { return mounted_.file_system.GetNames(); }
  client::Attributes& attributes() const { return mounted_.file_system.GetAttributes(); }
  client::Xattrs& xattrs() const { return mounted_.file_system.GetXattrs(); }
  client::Opener& opener() const { return mounted_.file_system.GetOpener(); }
  HandleTable<client::OpenFile>& files() const { return mounted_.files; }
  HandleTable<OpenDirectory>& directories() const { return mounted_.directories; }
  Clock& clock() const { return mounted_.clock; }
  const MountOptions& options() const { return mounted_.options; }
  ExecutedFiles& executed() const { return mounted_.executed; }
  Callers& callers() const { return mounted_.callers; }
  role::Caller caller() const;
  pid_t pid() const;
  fuse_req_t raw() const { return req_; }

  // What a write by the caller takes off the inode: the kernel leaves that to this process
  // (HANDLE_KILLPRIV_V2).
  client::SetId SetIdOfWrite() const;
  // `info`; where it has guesses, the source is asked for the attributes. If the source does not
  // answer in time the guesses stay, but not those of a directory that the caller may pass through.
  Result<role::FileInfo> Learnt(Result<role::FileInfo> info) const;
  // The answer to a lookup in `parent`. Like Learnt, but a caller in the middle of a listing gets
  // guesses.
  Result<role::FileInfo> LookedUp(Result<role::FileInfo> info, InodeId parent) const;
  // True, and replies, where the kernel let the caller pass by guesses. The kernel then looks the
  // name up again, and checks the access by what is known by then.
  bool SendsBack();
  // True: the caller is overlayfs, to which an inode found by a file handle would be stale.
  bool RefusesHandle() const;

  void Done(const Status& status);   // Success without data, or the error.
  void Error(const Status& status);  // Logs failures, but not errors that programs expect.
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

}  // namespace tarn::fuse
