#include "ufs/local/leftover_uploads.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/strings.h"
#include "ufs/local/directory_stream.h"
#include "ufs/local/local_paths.h"

namespace tarn::ufs {
namespace {

// A directory that this process may not read, or that has no key, holds no upload of its making.
bool HoldsNoUploads(Code code) {
  return code == Code::kNotFound || code == Code::kNotDirectory || code == Code::kPermission ||
         code == Code::kNameTooLong;
}

}  // namespace

// One directory is open at a time, however deep the tree.
Status LeftoverUploads::Find(const std::string& directory_key, const CallOptions& call,
                             std::vector<PendingUpload>* found,
                             std::vector<std::string>* directories) {
  ASSIGN_OR_RETURN(DirectoryStream stream, DirectoryStream::Open(root_.get(), directory_key));
  for (;;) {
    RETURN_IF_ERROR(root_.Check(call));
    ASSIGN_OR_RETURN(const dirent* entry, stream.Next());
    if (entry == nullptr) return OkStatus();
    const std::string key = KeyIn(directory_key, entry->d_name);
    if (!IsUploadName(entry->d_name)) {
      if (stream.IsDirectory(*entry)) directories->push_back(key);
      continue;
    }
    Result<struct statx> st = StatAt(stream.get(), entry->d_name);
    if (!st.ok() || S_ISDIR(st->stx_mode) || held_.IsHeld(key)) continue;
    found->push_back({directory_key, key, BirthNs(*st)});
  }
}

Result<std::vector<PendingUpload>> LeftoverUploads::List(const CallOptions& call) {
  std::vector<PendingUpload> found;
  std::vector<std::string> directories = {""};
  while (!directories.empty()) {
    const std::string directory_key = std::move(directories.back());
    directories.pop_back();
    const Status status = Find(directory_key, call, &found, &directories);
    if (!status.ok() && (directory_key.empty() || !HoldsNoUploads(status.code()))) return status;
  }
  return found;
}

Status LeftoverUploads::Abort(const PendingUpload& upload) {
  const size_t slash = upload.upload_id.rfind('/');
  const bool at_root = slash == std::string::npos;
  const std::string name = at_root ? upload.upload_id : upload.upload_id.substr(slash + 1);
  if (!IsUploadName(name)) {
    return Status(Code::kInvalid, Concat("abort upload ", upload.upload_id, ": not an upload"));
  }
  Result<Descriptor> directory =
      OpenDirectory(root_.get(), at_root ? "" : upload.upload_id.substr(0, slash));
  if (directory.code() == Code::kNotFound) return OkStatus();
  if (!directory.ok()) return directory.status();
  if (unlinkat(directory->get(), name.c_str(), 0) == 0 || errno == ENOENT) return OkStatus();
  return ErrnoStatus(errno, Concat("abort upload ", upload.upload_id));
}

Status LeftoverUploads::RemoveFrom(std::string_view directory_key) {
  ASSIGN_OR_RETURN(DirectoryStream stream, DirectoryStream::Open(root_.get(), directory_key));
  std::vector<std::string> leftovers;
  for (;;) {
    ASSIGN_OR_RETURN(const dirent* entry, stream.Next());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (!IsUploadName(name) || held_.IsHeld(KeyIn(directory_key, name))) {
      return Status(Code::kNotEmpty, Concat("remove directory ", directory_key));
    }
    leftovers.emplace_back(name);
  }
  const OwnerAccess::Grant grant(root_.access(), stream.get(), kChangeNames);
  for (const std::string& name : leftovers) {
    if (unlinkat(stream.get(), name.c_str(), 0) != 0 && errno != ENOENT) {
      return ErrnoStatus(errno, Concat("remove leftover upload ", name));
    }
  }
  return OkStatus();
}

}  // namespace tarn::ufs
