#include "ufs/local/directory_stream.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/strings.h"
#include "ufs/local/local_paths.h"

namespace tarn::ufs {

Result<DirectoryStream> DirectoryStream::Open(int root, std::string_view key) {
  ASSIGN_OR_RETURN(Descriptor directory, OpenDirectory(root, key));
  const int readable = openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (readable < 0) return ErrnoStatus(errno, Concat("list \"", key, "\""));
  DIR* stream = fdopendir(readable);
  if (stream == nullptr) {
    const int error = errno;
    close(readable);
    return ErrnoStatus(error, Concat("list \"", key, "\""));
  }
  return DirectoryStream(std::string(key), stream);
}

Result<const dirent*> DirectoryStream::Next() {
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(stream_.get());
    if (entry == nullptr && errno != 0) return ErrnoStatus(errno, Concat("list \"", key_, "\""));
    if (entry == nullptr) return entry;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return entry;
  }
}

bool DirectoryStream::IsDirectory(const dirent& entry) const {
  if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
  Result<struct statx> st = StatAt(get(), entry.d_name);
  return st.ok() && S_ISDIR(st->stx_mode);
}

}  // namespace tarn::ufs
