#include "outside/place.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/strings.h"
#include "outside/observed_ufs.h"
#include "outside/scratch.h"
#include "ufs/local.h"
#include "ufs/memory.h"

namespace tarn::outside {
namespace {

namespace fs = std::filesystem;

// Objects of a store in memory, reached by a second path past the counted one.
class MemoryPlace final : public Place {
 public:
  std::unique_ptr<ufs::UnderFileSystem> Open(Points& points, Clock& clock) override {
    auto base = ufs::NewMemoryUfs(clock);
    base_ = base.get();
    for (const auto& [key, bytes] : early_) Put(key, bytes);
    return NewObservedUfs(std::move(base), points);
  }
  void Put(const std::string& key, const std::string& bytes) override {
    if (base_ == nullptr) {
      early_[key] = bytes;
      return;
    }
    Remove(key);
    ufs::CreateOptions options;
    options.size_bytes = bytes.size();
    auto upload = base_->Create(key, options, {});
    ASSERT_TRUE(upload.ok()) << upload.status().ToString();
    if (!bytes.empty()) {
      ASSERT_TRUE((*upload)->WritePart(0, std::as_bytes(std::span(bytes)), {}).ok());
    }
    ASSERT_TRUE((*upload)->Commit({}).ok());
  }
  bool WriteInPlace(const std::string&, const std::string&) override { return false; }
  void Remove(const std::string& key) override {
    std::vector<ufs::ObjectInfo> all;
    Walk("", all);
    for (const ufs::ObjectInfo& info : all) {
      if (info.key != key && !info.key.starts_with(key + "/")) continue;
      const ufs::DeleteRequest request{info.key, {}};
      EXPECT_TRUE(base_->Delete(std::span(&request, 1), {}).front().ok());
    }
  }
  void MakeDirectory(const std::string&) override {}
  Objects Look() override {
    std::vector<ufs::ObjectInfo> all;
    Walk("", all);
    Objects found;
    for (const ufs::ObjectInfo& info : all) {
      std::string bytes(info.size_bytes, '\0');
      EXPECT_TRUE(base_->Read(info.key, "", 0, std::as_writable_bytes(std::span(bytes)), {}).ok());
      found[info.key] = {std::move(bytes), ""};
    }
    return found;
  }

 private:
  void Walk(const std::string& directory, std::vector<ufs::ObjectInfo>& found) {
    auto page = base_->List(directory, {}, {});
    ASSERT_TRUE(page.ok() && page->next_start_after.empty());
    for (const ufs::ObjectInfo& info : page->entries) {
      if (info.type == ufs::ObjectType::kDirectory) {
        Walk(info.key, found);
      } else {
        found.push_back(info);
      }
    }
  }

  ufs::UnderFileSystem* base_ = nullptr;
  std::map<std::string, std::string> early_;
};

class LocalPlace final : public Place {
 public:
  LocalPlace() : root_(directory_.path() + "/source") { fs::create_directory(root_); }
  std::unique_ptr<ufs::UnderFileSystem> Open(Points& points, Clock&) override {
    auto base = ufs::OpenLocalUfs(root_, SystemClock());
    EXPECT_TRUE(base.ok()) << base.status().ToString();
    return NewObservedUfs(*std::move(base), points);
  }
  void Put(const std::string& key, const std::string& bytes) override {
    const std::string fresh = directory_.path() + "/fresh";
    std::ofstream(fresh, std::ios::binary) << bytes;
    EXPECT_EQ(chmod(fresh.c_str(), 0640), 0);
    EXPECT_EQ(utimensat(AT_FDCWD, fresh.c_str(), NextTimes().data(), 0), 0);
    if (fs::is_directory(At(key))) Remove(key);
    fs::create_directories(fs::path(At(key)).parent_path());
    fs::rename(fresh, At(key));
  }
  bool WriteInPlace(const std::string& key, const std::string& bytes) override {
    const int file = open(At(key).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (file < 0) return false;
    EXPECT_EQ(write(file, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_EQ(futimens(file, NextTimes().data()), 0);
    EXPECT_EQ(close(file), 0);
    return true;
  }
  void Remove(const std::string& key) override { fs::remove_all(At(key)); }
  void MakeDirectory(const std::string& key) override { fs::create_directories(At(key)); }
  Objects Look() override {
    Objects found;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      const std::string key = entry.path().string().substr(root_.size() + 1);
      if (entry.is_directory()) {
        found[key + "/"] = {};
        continue;
      }
      std::ostringstream bytes;
      bytes << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      struct stat st = {};
      EXPECT_EQ(stat(entry.path().c_str(), &st), 0);
      found[key] = {bytes.str(), Concat(st.st_mode & 07777, " ", st.st_uid, " ", st.st_mtim.tv_sec,
                                        ".", st.st_mtim.tv_nsec)};
    }
    return found;
  }

 private:
  std::string At(const std::string& key) const { return root_ + "/" + key; }
  // Never the times of a version that the mount has made. After a kill Tarn knows its own upload by
  // size and time (ufs/expectation.h), and both programs may write in one tick of the kernel's
  // clock.
  std::array<timespec, 2> NextTimes() {
    return {timespec{1'500'000'000, 7}, timespec{1'500'000'000, ++last_time_}};
  }

  Scratch directory_;
  const std::string root_;
  int64_t last_time_ = 0;
};

}  // namespace

Scratch::~Scratch() {
  std::error_code error;
  fs::remove_all(path_, error);
  EXPECT_FALSE(error) << error.message();
  if (slow_) fs::create_directory(path_);  // It removes it again.
}

const char* NameOf(Kind kind) {
  if (kind == Kind::kMemory) return "Memory";
  return kind == Kind::kLocal ? "Local" : "S3";
}

std::unique_ptr<Place> NewPlace(Kind kind) {
  if (kind == Kind::kMemory) return std::make_unique<MemoryPlace>();
  if (kind == Kind::kLocal) return std::make_unique<LocalPlace>();
  return NewS3Place();
}

}  // namespace tarn::outside
