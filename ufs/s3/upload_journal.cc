#include "ufs/s3/upload_journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "base/strings.h"

namespace tarn::ufs::s3 {

Result<std::unique_ptr<UploadJournal>> UploadJournal::Open(const std::string& path) {
  std::unique_ptr<UploadJournal> journal(new UploadJournal(path));
  MutexLock lock(journal->mutex_);
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) journal->ids_.insert(line);
  }
  RETURN_IF_ERROR(journal->Write());
  return journal;
}

Status UploadJournal::Add(const std::string& upload_id) {
  MutexLock lock(mutex_);
  ids_.insert(upload_id);
  return Write();
}

Status UploadJournal::Remove(const std::string& upload_id) {
  MutexLock lock(mutex_);
  return ids_.erase(upload_id) == 0 ? OkStatus() : Write();
}

bool UploadJournal::Has(const std::string& upload_id) {
  MutexLock lock(mutex_);
  return ids_.contains(upload_id);
}

Status UploadJournal::Write() {
  std::string text;
  for (const std::string& id : ids_) text += Concat(id, "\n");
  const std::string fresh = path_ + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, Concat("open ", fresh));
  const bool written = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                       fdatasync(fd) == 0;
  const int error = errno;
  close(fd);
  if (!written) return ErrnoStatus(error, Concat("write ", fresh));
  if (std::rename(fresh.c_str(), path_.c_str()) != 0) {
    return ErrnoStatus(errno, Concat("rename ", fresh));
  }
  return OkStatus();
}

}  // namespace tarn::ufs::s3
