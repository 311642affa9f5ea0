#include "kv/rocksdb/log_space.h"

#include <fcntl.h>
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "base/mutex.h"
#include "kv/rocksdb.h"
#include "kv/rocksdb/rocksdb_setup.h"
#include "kv/rocksdb/room.h"

namespace tarn::kv {
namespace {

constexpr uint64_t kStepBytes = 1 << 20;

// Blocks that reach beyond the end of a file and belong to it until it is deleted.
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
    const uint64_t least = end - end_;
    return Allocate(std::max(least, kStepBytes)) || (least < kStepBytes && Allocate(least));
  }

 private:
  bool Allocate(uint64_t bytes) {
    const int rc =
        ::fallocate(fd_, FALLOC_FL_KEEP_SIZE, static_cast<off_t>(end_), static_cast<off_t>(bytes));
    if (rc != 0 && (errno == ENOSPC || errno == EDQUOT)) return false;
    end_ += bytes;
    return true;
  }

  const int fd_;
  uint64_t end_ = 0;
};

class LogFile;

// Lets calls for files and directories fail, for tests.
class Faults {
 public:
  explicit Faults(FailsDisk fails) : fails_(std::move(fails)) {}
  template <typename Body>
  rocksdb::IOStatus Try(DiskCall call, const std::string& path, const Body& body) const {
    if (fails_ && fails_(call, path)) return rocksdb::IOStatus::IOError("made to fail", path);
    return body();
  }
  // RocksDB can be resumed from a retryable failure; any other one ends the database. The bytes
  // that it was writing are in memory too, and go to other files when it is resumed.
  template <typename Body>
  rocksdb::IOStatus TryResumable(DiskCall call, const std::string& path, const Body& body) const {
    return Resumable(Try(call, path, body));
  }
  static rocksdb::IOStatus Resumable(rocksdb::IOStatus status) {
    if (!status.ok()) status.SetRetryable(true);
    return status;
  }

 private:
  const FailsDisk fails_;
};

// The log file that RocksDB writes, which is the one made last, and the one that follows it.
struct Logs {
  Mutex mutex;
  LogFile* current GUARDED_BY(mutex) = nullptr;
  // The blocks of the file `next_path`; null if there is no such file.
  std::unique_ptr<Allocation> next GUARDED_BY(mutex);
  std::string next_path;
  Status sync_failure GUARDED_BY(mutex);  // The first since it was taken.
  Status torn GUARDED_BY(mutex);          // The first append that failed since all was mended.
};

class LogFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  LogFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path,
          std::unique_ptr<Allocation> allocation, Logs& logs, const Faults& faults)
      : FSWritableFileOwnerWrapper(std::move(file)),
        path_(std::move(path)),
        allocation_(std::move(allocation)),
        logs_(logs),
        faults_(faults) {
    MutexLock lock(logs_.mutex);
    logs_.current = this;
  }
  ~LogFile() override {
    MutexLock lock(logs_.mutex);
    if (logs_.current == this) logs_.current = nullptr;
  }

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    return AppendUnlessTorn(
        [&] { return FSWritableFileOwnerWrapper::Append(data, options, debug); });
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    return AppendUnlessTorn(
        [&] { return FSWritableFileOwnerWrapper::Append(data, options, verification, debug); });
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return NoteFailure(faults_.Try(
        DiskCall::kSync, path_, [&] { return FSWritableFileOwnerWrapper::Sync(options, debug); }));
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return NoteFailure(faults_.Try(
        DiskCall::kSync, path_, [&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); }));
  }

  bool Reserve(size_t bytes) {
    return allocation_->Reach(GetFileSize(rocksdb::IOOptions(), nullptr) + bytes);
  }

 private:
  // A start could read nothing after a missing piece, so a torn log takes no more. The caller deals
  // with a full disk.
  template <typename Body>
  rocksdb::IOStatus AppendUnlessTorn(const Body& body) {
    if (torn_) return rocksdb::IOStatus::OK();
    const rocksdb::IOStatus status = faults_.Try(DiskCall::kAppend, path_, body);
    if (status.ok() || status.IsNoSpace()) return status;
    torn_ = true;
    MutexLock lock(logs_.mutex);
    if (logs_.torn.ok()) logs_.torn = StatusOf(status, "append to the log " + path_);
    return rocksdb::IOStatus::OK();
  }
  // RocksDB would stop, so only the store learns of the failure.
  rocksdb::IOStatus NoteFailure(const rocksdb::IOStatus& status) {
    if (status.ok()) return status;
    MutexLock lock(logs_.mutex);
    if (logs_.sync_failure.ok()) logs_.sync_failure = StatusOf(status, "sync the log " + path_);
    return rocksdb::IOStatus::OK();
  }

  const std::string path_;
  const std::unique_ptr<Allocation> allocation_;
  Logs& logs_;
  const Faults& faults_;
  bool torn_ = false;  // RocksDB has one thread append at a time.
};

// A file that RocksDB writes again, under another name, if a call for it fails.
class OtherFile : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  OtherFile(std::unique_ptr<rocksdb::FSWritableFile> file, std::string path, const Faults& faults)
      : FSWritableFileOwnerWrapper(std::move(file)), path_(std::move(path)), faults_(faults) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    return faults_.TryResumable(DiskCall::kAppend, path_, [&] {
      return FSWritableFileOwnerWrapper::Append(data, options, debug);
    });
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    return faults_.TryResumable(DiskCall::kAppend, path_, [&] {
      return FSWritableFileOwnerWrapper::Append(data, options, verification, debug);
    });
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    return faults_.TryResumable(DiskCall::kSync, path_,
                                [&] { return FSWritableFileOwnerWrapper::Sync(options, debug); });
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return faults_.TryResumable(DiskCall::kSync, path_,
                                [&] { return FSWritableFileOwnerWrapper::Fsync(options, debug); });
  }
  rocksdb::IOStatus RangeSync(uint64_t offset, uint64_t bytes, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override {
    return faults_.TryResumable(DiskCall::kSync, path_, [&] {
      return FSWritableFileOwnerWrapper::RangeSync(offset, bytes, options, debug);
    });
  }

 private:
  const std::string path_;
  const Faults& faults_;
};

class Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(std::unique_ptr<rocksdb::FSDirectory> directory, std::string path, const Faults& faults)
      : FSDirectoryWrapper(std::move(directory)), path_(std::move(path)), faults_(faults) {}

  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return faults_.TryResumable(DiskCall::kSync, path_,
                                [&] { return FSDirectoryWrapper::Fsync(options, debug); });
  }
  rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options,
                                        rocksdb::IODebugContext* debug,
                                        const rocksdb::DirFsyncOptions& why) override {
    return faults_.TryResumable(DiskCall::kSync, path_, [&] {
      return FSDirectoryWrapper::FsyncWithDirOptions(options, debug, why);
    });
  }

 private:
  const std::string path_;
  const Faults& faults_;
};

// A table, or the list of tables. It waits for room before it grows. Compactions do not wait: their
// output takes up room, and they can be done later.
class TableFile final : public OtherFile {
 public:
  TableFile(std::unique_ptr<rocksdb::FSWritableFile> file, const std::string& path, Room& room,
            const Faults& faults)
      : OtherFile(std::move(file), path, faults), allocation_(path), room_(room) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    MakeRoom(data.size());
    return OtherFile::Append(data, options, debug);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* debug) override {
    MakeRoom(data.size());
    return OtherFile::Append(data, options, verification, debug);
  }
  void SetIOPriority(rocksdb::Env::IOPriority priority) override {
    is_compaction_ = priority == rocksdb::Env::IO_LOW;
    OtherFile::SetIOPriority(priority);
  }

 private:
  // If there is no room, the write itself fails.
  void MakeRoom(size_t bytes) {
    end_ += bytes;
    if (!is_compaction_) static_cast<void>(room_.Wait([this] { return allocation_.Reach(end_); }));
  }

  Allocation allocation_;
  Room& room_;
  uint64_t end_ = 0;
  bool is_compaction_ = false;
};

class SpaceFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  SpaceFileSystem(Logs& logs, Room& room, const Faults& faults)
      : FileSystemWrapper(rocksdb::FileSystem::Default()),
        logs_(logs),
        room_(room),
        faults_(faults) {}
  const char* Name() const override { return "TarnSpaceFileSystem"; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* file,
                                    rocksdb::IODebugContext* debug) override {
    return Faults::Resumable(New(path, options, file, debug));
  }
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* directory,
                                 rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = target()->NewDirectory(path, options, directory, debug);
    if (status.ok()) *directory = std::make_unique<Directory>(std::move(*directory), path, faults_);
    return status;
  }

 private:
  rocksdb::IOStatus New(const std::string& path, const rocksdb::FileOptions& options,
                        std::unique_ptr<rocksdb::FSWritableFile>* file,
                        rocksdb::IODebugContext* debug) {
    if (path.ends_with(".log")) return NewLogFile(path, options, file, debug);
    const bool is_table = path.ends_with(".sst") || path.find("/MANIFEST-") != std::string::npos;
    rocksdb::IOStatus status;
    if (!is_table) {
      status = target()->NewWritableFile(path, options, file, debug);
      if (status.ok()) *file = std::make_unique<OtherFile>(std::move(*file), path, faults_);
      return status;
    }
    static_cast<void>(room_.Wait([&] {
      status = target()->NewWritableFile(path, options, file, debug);
      return !status.IsNoSpace();
    }));
    if (status.ok()) *file = std::make_unique<TableFile>(std::move(*file), path, room_, faults_);
    return status;
  }

  rocksdb::IOStatus NewLogFile(const std::string& path, const rocksdb::FileOptions& options,
                               std::unique_ptr<rocksdb::FSWritableFile>* file,
                               rocksdb::IODebugContext* debug) {
    std::unique_ptr<Allocation> allocation = TakeNext(path);
    // Opens the empty file as it is, because truncating it would give its blocks back.
    const rocksdb::IOStatus status = allocation
                                         ? target()->ReopenWritableFile(path, options, file, debug)
                                         : target()->NewWritableFile(path, options, file, debug);
    if (!status.ok()) return status;
    if (!allocation) allocation = std::make_unique<Allocation>(path);
    *file =
        std::make_unique<LogFile>(std::move(*file), path, std::move(allocation), logs_, faults_);
    return status;
  }  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): `*file` owns what was opened.

  // Gives the waiting file the name `path`; null if there is none.
  std::unique_ptr<Allocation> TakeNext(const std::string& path) {
    MutexLock lock(logs_.mutex);
    if (!logs_.next || ::rename(logs_.next_path.c_str(), path.c_str()) != 0) return nullptr;
    return std::move(logs_.next);
  }

  Logs& logs_;
  Room& room_;
  const Faults& faults_;
};

class AllocatedLogSpace final : public LogSpace {
 public:
  AllocatedLogSpace(const std::string& directory, Ballast& ballast, FailsDisk fails)
      : room_(ballast),
        faults_(std::move(fails)),
        env_(rocksdb::NewCompositeEnv(std::make_shared<SpaceFileSystem>(logs_, room_, faults_))) {
    logs_.next_path = directory + "/next-log";
  }

  rocksdb::Env* env() override { return env_.get(); }
  bool Reserve(size_t bytes) override {
    MutexLock lock(logs_.mutex);
    if (!logs_.next) logs_.next = std::make_unique<Allocation>(logs_.next_path);
    return (!logs_.current || logs_.current->Reserve(bytes)) && logs_.next->Reach(bytes);
  }

  Status TakeSyncFailure() override {
    MutexLock lock(logs_.mutex);
    return std::exchange(logs_.sync_failure, OkStatus());
  }

  Status Torn() override {
    MutexLock lock(logs_.mutex);
    return logs_.torn;
  }
  void NoteMended() override {
    MutexLock lock(logs_.mutex);
    logs_.torn = OkStatus();
  }

  void SetTableWaits(Waiting waiting) override { room_.SetWaiting(waiting); }
  bool AnyTableWaits() override { return room_.RetryAll(); }

 private:
  Logs logs_;
  Room room_;
  const Faults faults_;
  const std::unique_ptr<rocksdb::Env> env_;
};

}  // namespace

std::unique_ptr<LogSpace> NewLogSpace(const std::string& directory, Ballast& ballast,
                                      FailsDisk fails) {
  return std::make_unique<AllocatedLogSpace>(directory, ballast, std::move(fails));
}

}  // namespace tarn::kv
