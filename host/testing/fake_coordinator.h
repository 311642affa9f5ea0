#pragma once

// For the tests of host/: a coordinator of one file, which refuses what a test says.

#include <string>
#include <utility>
#include <vector>

#include "role/files.h"
#include "role/writers.h"

namespace tarn::host {

class FakeFiles final : public role::Files {
 public:
  // The state of the file, which commits change.
  role::FileInfo info;
  std::vector<role::WriteCommit> commits;
  int log_syncs = 0;
  // The next commit fails with it; `taken`: and is in effect nevertheless.
  Status refusal;
  bool taken = false;

  Result<role::FileInfo> GetAttr(InodeId) override { return info; }
  Result<role::FileInfo> GetKnownAttr(InodeId) override { return info; }
  Result<role::FileInfo> SetAttr(const role::Caller&, InodeId, const role::AttrChange&) override {
    return info;
  }
  Result<std::string> ReadLink(InodeId) override { return None(); }
  Result<std::string> GetXattr(InodeId, std::string_view) override { return None(); }
  Result<std::vector<std::string>> ListXattrs(InodeId) override { return None(); }
  Status SetXattr(const role::Caller&, InodeId, std::string_view, std::string_view,
                  role::XattrMode) override {
    return None();
  }
  Status RemoveXattr(const role::Caller&, InodeId, std::string_view) override { return None(); }
  Result<role::FileInfo> CommitWrite(const role::Caller&, InodeId,
                                     const role::WriteCommit& commit) override {
    commits.push_back(commit);
    const Status answer = std::exchange(refusal, OkStatus());
    if (answer.ok() || taken) info.attr.generation = commit.generation;
    if (!answer.ok()) return answer;
    return info;
  }
  Status Forget(std::span<const InodeId>) override { return None(); }
  Status SyncLog() override {
    ++log_syncs;
    return OkStatus();
  }
  Result<role::StatFs> GetStatFs() override { return None(); }

 private:
  static Status None() { return Status(Code::kUnsupported, "not in this test"); }
};

class FakeWriters final : public role::Writers {
 public:
  int announced = 0;

  Result<role::FileInfo> OpenForWrite(InodeId) override {
    ++announced;
    return role::FileInfo();
  }
  void OpenMade(InodeId) override { ++announced; }
  void CloseForWrite(InodeId) override { --announced; }
};

}  // namespace tarn::host
