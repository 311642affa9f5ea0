#pragma once

// A UFS that runs hooks around each question about names. A test can let time pass or change
// anything between the question and the use of its answer.

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ufs/under_file_system.h"

namespace tarn::meta {

class HookedUfs final : public ufs::UnderFileSystem {
 public:
  explicit HookedUfs(std::unique_ptr<ufs::UnderFileSystem> base) : base_(std::move(base)) {}

  // Each runs once: before the store is asked, and after it has answered. A question that a hook
  // itself asks runs no hook.
  std::function<void()> before;
  std::function<void()> after;
  std::atomic<bool> fails = false;  // Each question fails with kUnavailable.
  std::atomic<int> stats = 0;
  std::atomic<int> lists = 0;

  ufs::UnderFileSystem& base() { return *base_; }

  const ufs::UfsTraits& Traits() const override { return base_->Traits(); }
  ufs::AttributeStore* Attributes() override { return base_->Attributes(); }
  Result<std::string> SourceIdentity(const ufs::CallOptions& call) override {
    return base_->SourceIdentity(call);
  }
  Result<ufs::ObjectInfo> Stat(std::string_view key, const ufs::CallOptions& call) override {
    ++stats;
    ++depth_;
    Run(before);
    Result<ufs::ObjectInfo> info = Status(Code::kUnavailable, "down");
    if (!fails) info = base_->Stat(key, call);
    Run(after);
    --depth_;
    return info;
  }
  Result<ufs::ObjectInfo> StatObject(std::string_view key, ufs::ObjectType type,
                                     const ufs::CallOptions& call) override {
    if (fails) return Status(Code::kUnavailable, "down");
    return base_->StatObject(key, type, call);
  }
  Result<ufs::ListPage> List(std::string_view key, const ufs::ListOptions& options,
                             const ufs::CallOptions& call) override {
    ++lists;
    ++depth_;
    Run(before);
    Result<ufs::ListPage> page = Status(Code::kUnavailable, "down");
    if (!fails) page = base_->List(key, options, call);
    Run(after);
    --depth_;
    return page;
  }
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const ufs::CallOptions& call) override {
    return base_->Read(key, etag, offset_bytes, out, call);
  }
  Result<std::unique_ptr<ufs::Upload>> Create(std::string_view key,
                                              const ufs::CreateOptions& options,
                                              const ufs::CallOptions& call) override {
    return base_->Create(key, options, call);
  }
  Result<std::vector<ufs::PendingUpload>> ListUploads(const ufs::CallOptions& call) override {
    return base_->ListUploads(call);
  }
  Status AbortUpload(const ufs::PendingUpload& upload, const ufs::CallOptions& call) override {
    return base_->AbortUpload(upload, call);
  }
  Result<ufs::ObjectInfo> Move(std::string_view from, std::string_view to,
                               const ufs::MoveOptions& options,
                               const ufs::CallOptions& call) override {
    return base_->Move(from, to, options, call);
  }
  std::vector<Status> Delete(std::span<const ufs::DeleteRequest> requests,
                             const ufs::CallOptions& call) override {
    return base_->Delete(requests, call);
  }
  Status Sync(const ufs::CallOptions& call) override { return base_->Sync(call); }

 private:
  void Run(std::function<void()>& hook) {
    if (depth_ > 1 || !hook) return;
    if (const auto once = std::exchange(hook, nullptr)) once();
  }

  const std::unique_ptr<ufs::UnderFileSystem> base_;
  std::atomic<int> depth_ = 0;
};

}  // namespace tarn::meta
