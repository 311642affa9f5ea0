#include "ufs/s3/upload_journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>

#include "base/strings.h"
#include "s3wire/sigv4.h"

namespace tarn::ufs::s3 {
namespace {

// No upload id begins with a slash, and no key line contains a line break.
std::string LineOf(const std::string& full_key) {
  return Concat("/", sigv4::UriEncode(full_key, sigv4::Slash::kKeep));
}

}  // namespace

Result<std::unique_ptr<UploadJournal>> UploadJournal::Open(const std::string& path) {
  std::unique_ptr<UploadJournal> journal(new UploadJournal(path));
  MutexLock lock(journal->mutex_);
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) (line.starts_with('/') ? journal->keys_ : journal->ids_).insert(line);
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

Result<bool> UploadJournal::Starting(const std::string& full_key) {
  MutexLock lock(mutex_);
  if (!keys_.insert(LineOf(full_key)).second) return true;
  RETURN_IF_ERROR(Write());
  return false;
}

Status UploadJournal::Settled(const std::string& full_key) {
  MutexLock lock(mutex_);
  return keys_.erase(LineOf(full_key)) == 0 ? OkStatus() : Write();
}

bool UploadJournal::IsUnsettled(const std::string& full_key) {
  MutexLock lock(mutex_);
  return keys_.contains(LineOf(full_key));
}

Status UploadJournal::Write() {
  std::string text;
  for (const std::string& key : keys_) text += Concat(key, "\n");
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
