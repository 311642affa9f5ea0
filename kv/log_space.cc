#include "kv/log_space.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "base/mutex.h"

namespace tarn::kv {
namespace {

constexpr uint64_t kStepBytes = 1 << 20;

// Blocks of a file that reach beyond its end and stay its own until it is deleted.
class Allocation {
 public:
  explicit Allocation(const std::string& path)
      : fd_(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644)) {}
  ~Allocation() {
    if (fd_ >= 0) ::close(fd_);
  }
  Allocation(const Allocation&) = delete;
  Allocation& operator=(const Allocation&) = delete;

  bool Reach(uint64_t end) {
    if (end <= end_) return true;
    if (fd_ < 0) return false;
    const uint64_t step = std::max(end - end_, kStepBytes);
    const int rc =
        ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(end_), static_cast<off_t>(step));
    if (rc != 0 && (errno == ENOSPC || errno == EDQUOT)) return false;
    end_ += step;
    return true;
  }

 private:
  const int fd_;
  uint64_t end_ = 0;
};

class LogFile;

// The log file written to, which is the one made last, and the one to follow it.
struct Logs {
  Mutex mutex;
  LogFile* current GUARDED_BY(mutex) = nullptr;
  std::unique_ptr<Allocation> next
      GUARDED_BY(mutex);  // Of the file `next_path`; null if there is none.
  std::string next_path;
};

class LogFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  LogFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::unique_ptr<Allocation> allocation,
          Logs& logs)
      : FSWritableFileOwnerWrapper(std::move(file)),
        allocation_(std::move(allocation)),
        logs_(logs) {
    MutexLock lock(logs_.mutex);
    logs_.current = this;
  }
  ~LogFile() override {
    MutexLock lock(logs_.mutex);
    if (logs_.current == this) logs_.current = nullptr;
  }

  bool Reserve(size_t bytes) {
    return allocation_->Reach(GetFileSize(rocksdb::IOOptions(), nullptr) + bytes);
  }

 private:
  const std::unique_ptr<Allocation> allocation_;
  Logs& logs_;
};

class LogFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit LogFileSystem(Logs& logs)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), logs_(logs) {}
  const char* Name() const override { return "TarnLogFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    if (!path.ends_with(".log")) return target()->NewWritableFile(path, options, file, debug);
    std::unique_ptr<Allocation> allocation = TakeNext(path);
    // An empty file is opened as it is, because truncating it would give its blocks back.
    const rocksdb::IOStatus status = allocation
                                         ? target()->ReopenWritableFile(path, options, file, debug)
                                         : target()->NewWritableFile(path, options, file, debug);
    if (!status.ok()) return status;
    if (!allocation) allocation = std::make_unique<Allocation>(path);
    *file = std::make_unique<LogFile>(std::move(*file), std::move(allocation), logs_);
    return status;
  }

 private:
  // Gives the waiting file the name `path`; null if there is none.
  std::unique_ptr<Allocation> TakeNext(const std::string& path) {
    MutexLock lock(logs_.mutex);
    if (!logs_.next || ::rename(logs_.next_path.c_str(), path.c_str()) != 0) return nullptr;
    return std::move(logs_.next);
  }

  Logs& logs_;
};

class AllocatedLogSpace final : public LogSpace {
 public:
  explicit AllocatedLogSpace(const std::string& directory)
      : env_(rocksdb::NewCompositeEnv(std::make_shared<LogFileSystem>(logs_))) {
    logs_.next_path = directory + "/next-log";
  }

  rocksdb::Env* env() override { return env_.get(); }
  bool Reserve(size_t bytes) override {
    MutexLock lock(logs_.mutex);
    if (!logs_.next) logs_.next = std::make_unique<Allocation>(logs_.next_path);
    return (!logs_.current || logs_.current->Reserve(bytes)) && logs_.next->Reach(bytes);
  }

 private:
  Logs logs_;
  const std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace

std::unique_ptr<LogSpace> NewLogSpace(const std::string& directory) {
  return std::make_unique<AllocatedLogSpace>(directory);
}

}  // namespace tarn::kv
