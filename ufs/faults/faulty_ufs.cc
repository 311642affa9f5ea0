// A store that fails on demand, in front of any other store.

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "base/strings.h"
#include "ufs/faults.h"
#include "ufs/shared/call.h"

namespace tarn::ufs {
namespace {

class Faults final : public UfsFaults {
 public:
  explicit Faults(Clock& clock) : clock_(clock) {}

  void FailNth(int n, Status status, When when) override {
    MutexLock lock(mutex_);
    planned_.insert_or_assign(calls_ + n, Fault{std::move(status), when});
  }
  void FailAll(Status status) override {
    MutexLock lock(mutex_);
    all_ = std::move(status);
  }
  void DelayEach(Nanos delay) override {
    MutexLock lock(mutex_);
    delay_ = delay;
  }
  void ShortenReads(size_t max_bytes) override {
    MutexLock lock(mutex_);
    max_read_bytes_ = max_bytes;
  }
  void Heal() override {
    MutexLock lock(mutex_);
    planned_.clear();
    all_ = OkStatus();
    delay_ = Nanos(0);
    max_read_bytes_ = SIZE_MAX;
  }
  int Calls() const override {
    MutexLock lock(mutex_);
    return calls_;
  }
  size_t MaxReadBytes() const {
    MutexLock lock(mutex_);
    return max_read_bytes_;
  }

  // Runs `body` unless a planned fault prevents it. The result type is that of `body`, made from a
  // Status on a fault.
  template <typename Body>
  auto Around(const CallOptions& call, const Body& body) -> decltype(body()) {
    const Plan plan = NextCall();
    if (plan.delay > Nanos(0)) {
      clock_.SleepFor(plan.delay, call.stop);
      if (Status status = CheckCall(call, clock_); !status.ok()) return status;
    }
    if (!plan.fault) return body();
    if (plan.fault->when == When::kAfterEffect) {
      auto unheard = body();
      static_cast<void>(unheard);
    }
    return plan.fault->status;
  }

 private:
  struct Fault {
    Status status;
    When when;
  };
  struct Plan {
    Nanos delay{0};
    std::optional<Fault> fault;
  };

  Plan NextCall() {
    MutexLock lock(mutex_);
    ++calls_;
    Plan plan;
    plan.delay = delay_;
    auto planned = planned_.extract(calls_);
    if (!all_.ok()) {
      plan.fault = Fault{all_, When::kBeforeEffect};
    } else if (!planned.empty()) {
      plan.fault = std::move(planned.mapped());
    }
    return plan;
  }

  Clock& clock_;
  mutable Mutex mutex_;
  int calls_ GUARDED_BY(mutex_) = 0;
  std::map<int, Fault> planned_ GUARDED_BY(mutex_);  // By the number of the call.
  Status all_ GUARDED_BY(mutex_);
  Nanos delay_ GUARDED_BY(mutex_){0};
  size_t max_read_bytes_ GUARDED_BY(mutex_) = SIZE_MAX;
};

class FaultyUpload final : public Upload {
 public:
  FaultyUpload(std::unique_ptr<Upload> base, Faults& faults)
      : base_(std::move(base)), faults_(faults) {}

  std::string UploadId() const override { return base_->UploadId(); }
  std::string File() const override { return base_->File(); }
  Status WritePart(uint64_t offset_bytes, std::span<const std::byte> data,
                   const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_->WritePart(offset_bytes, data, call); });
  }
  Status CopyPart(uint64_t offset_bytes, const PartSource& from, uint64_t length_bytes,
                  const CallOptions& call) override {
    return faults_.Around(call,
                          [&] { return base_->CopyPart(offset_bytes, from, length_bytes, call); });
  }
  Result<ObjectInfo> Commit(const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_->Commit(call); });
  }
  Status Abort(const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_->Abort(call); });
  }

 private:
  const std::unique_ptr<Upload> base_;
  Faults& faults_;
};

class FaultyAttributes final : public AttributeStore {
 public:
  FaultyAttributes(AttributeStore* base, Faults& faults) : base_(base), faults_(faults) {}

  Status MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_->MakeDirectory(key, mode, call); });
  }
  Status RemoveDirectory(std::string_view key, const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_->RemoveDirectory(key, call); });
  }
  Result<ObjectInfo> MakeSymlink(std::string_view key, std::string_view target,
                                 const AttributeChange& attributes,
                                 const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_->MakeSymlink(key, target, attributes, call); });
  }
  Result<ObjectInfo> Link(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_->Link(from, to, options, call); });
  }
  Result<ObjectInfo> SetAttributes(std::string_view key, const AttributeChange& change,
                                   const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_->SetAttributes(key, change, call); });
  }
  Result<UfsUsage> Usage(const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_->Usage(call); });
  }

 private:
  AttributeStore* const base_;
  Faults& faults_;
};

class FaultyUnderFileSystem final : public UnderFileSystem {
 public:
  FaultyUnderFileSystem(UnderFileSystem& base, Clock& clock)
      : base_(base), faults_(clock), attributes_(base.Attributes(), faults_) {}

  Faults& faults() { return faults_; }

  const UfsTraits& Traits() const override { return base_.Traits(); }
  AttributeStore* Attributes() override {
    return base_.Attributes() == nullptr ? nullptr : &attributes_;
  }
  Result<std::string> SourceIdentity(const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_.SourceIdentity(call); });
  }
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_.Stat(key, call); });
  }
  Result<ObjectInfo> StatObject(std::string_view key, ObjectType type,
                                const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_.StatObject(key, type, call); });
  }
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_.List(directory_key, options, call); });
  }
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call) override {
    out = out.first(std::min(out.size(), faults_.MaxReadBytes()));
    return faults_.Around(call, [&] { return base_.Read(key, etag, offset_bytes, out, call); });
  }
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call) override {
    auto created = faults_.Around(call, [&] { return base_.Create(key, options, call); });
    if (!created.ok()) return created.status();
    return std::unique_ptr<Upload>(
        std::make_unique<FaultyUpload>(std::move(created).value(), faults_));
  }
  Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_.ListUploads(call); });
  }
  Status AbortUpload(const PendingUpload& upload, const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_.AbortUpload(upload, call); });
  }
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_.Move(from, to, options, call); });
  }
  // All requests fail together: one call is one request to the store.
  std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                             const CallOptions& call) override {
    std::vector<Status> results;
    const Status status = faults_.Around(call, [&] {
      results = base_.Delete(requests, call);
      return OkStatus();
    });
    if (!status.ok()) results.assign(requests.size(), status);
    return results;
  }
  Status Sync(const CallOptions& call) override {
    return faults_.Around(call, [&] { return base_.Sync(call); });
  }

 private:
  UnderFileSystem& base_;
  Faults faults_;
  FaultyAttributes attributes_;
};

}  // namespace

FaultyUfs NewFaultyUfs(UnderFileSystem& base, Clock& clock) {
  auto ufs = std::make_unique<FaultyUnderFileSystem>(base, clock);
  UfsFaults* faults = &ufs->faults();
  return {std::move(ufs), faults};
}

}  // namespace tarn::ufs
