#pragma once

// A local directory as a UFS. Internal to ufs/: see stores.h. Thread-safe.

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "ufs/local/local_paths.h"
#include "ufs/local/owner_access.h"
#include "ufs/shared/call.h"

namespace tarn::ufs {

// One sorted reading of a directory, kept while it is paged through.
struct LocalListing {
  std::string directory_key;
  Deadline fresh_until = Deadline::Never();
  std::string names;              // Each ended by NUL; of directories with a '/' before it.
  std::vector<uint32_t> offsets;  // Into `names`, sorted by what is there.
  std::string_view NameAt(size_t i) const { return names.c_str() + offsets[i]; }
};

class LocalUfs final : public UnderFileSystem, public AttributeStore {
 public:
  LocalUfs(std::string path, Descriptor root, const struct statx& root_stat);

  const UfsTraits& Traits() const override { return traits_; }
  AttributeStore* Attributes() override { return this; }
  Result<std::string> SourceIdentity(const CallOptions& call) override;
  Result<ObjectInfo> Stat(std::string_view key, const CallOptions& call) override;
  Result<ListPage> List(std::string_view directory_key, const ListOptions& options,
                        const CallOptions& call) override;
  Result<size_t> Read(std::string_view key, std::string_view etag, uint64_t offset_bytes,
                      std::span<std::byte> out, const CallOptions& call) override;
  Result<std::unique_ptr<Upload>> Create(std::string_view key, const CreateOptions& options,
                                         const CallOptions& call) override;
  Result<std::vector<PendingUpload>> ListUploads(const CallOptions& call) override;
  Status AbortUpload(const PendingUpload& upload, const CallOptions& call) override;
  Result<ObjectInfo> Move(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override;
  std::vector<Status> Delete(std::span<const DeleteRequest> requests,
                             const CallOptions& call) override;
  Status Sync(const CallOptions& call) override;

  Status MakeDirectory(std::string_view key, uint32_t mode, const CallOptions& call) override;
  Status RemoveDirectory(std::string_view key, const CallOptions& call) override;
  Result<ObjectInfo> MakeSymlink(std::string_view key, std::string_view target,
                                 const AttributeChange& attributes,
                                 const CallOptions& call) override;
  Result<ObjectInfo> Link(std::string_view from, std::string_view to, const MoveOptions& options,
                          const CallOptions& call) override;
  Result<ObjectInfo> SetAttributes(std::string_view key, const AttributeChange& change,
                                   const CallOptions& call) override;
  Result<UfsUsage> Usage(const CallOptions& call) override;

  // For uploads, which must not outlive this.
  int root() const { return root_.get(); }
  OwnerAccess& access() { return access_; }
  void Hold(const std::string& upload_id);
  void LetGo(const std::string& upload_id);
  bool IsHeld(const std::string& upload_id);
  // To be called after each change in `directory`: Sync must reach its file system too, if another
  // one is mounted there.
  Status Changed(const Descriptor& directory);

 private:
  using ListingPtr = std::shared_ptr<const LocalListing>;
  Result<ListingPtr> ReadListing(std::string_view directory_key, const CallOptions& call);
  Result<ListingPtr> ListingFor(std::string_view directory_key, const ListOptions& options,
                                const CallOptions& call);
  Status DeleteOne(const DeleteRequest& request);
  Status RemoveLeftovers(std::string_view directory_key);
  int SyncDevices(const std::map<uint64_t, Descriptor>& others);
  Status FindUploads(const std::string& directory_key, const CallOptions& call,
                     std::vector<PendingUpload>* found, std::vector<std::string>* directories);

  const std::string path_;
  const Descriptor root_;
  const uint64_t root_device_;
  const uint64_t root_inode_;
  UfsTraits traits_;
  OwnerAccess access_;

  Mutex listings_mutex_;
  std::list<ListingPtr> listings_ GUARDED_BY(listings_mutex_);  // Latest first, few.
  Mutex uploads_mutex_;
  std::set<std::string> uploads_ GUARDED_BY(uploads_mutex_);

  // Callers of Sync that one syncfs serves.
  struct SyncRound {
    bool done = false;
    Status status;
  };
  Mutex sync_mutex_;  // Not held during syncfs.
  CondVar sync_done_;
  bool syncing_ GUARDED_BY(sync_mutex_) = false;
  std::shared_ptr<SyncRound> next_round_ GUARDED_BY(sync_mutex_);  // Null: nobody waits for one.
  // By device: file systems mounted below the root that were changed since the last round began.
  std::map<uint64_t, Descriptor> changed_devices_ GUARDED_BY(sync_mutex_);
};

// A reserved name for what is about to be renamed to a key, not taken for a leftover while this
// lives.
class FreshName {
 public:
  FreshName(LocalUfs& ufs, const Place& target, std::string_view key);
  ~FreshName() { ufs_.LetGo(id_); }
  FreshName(const FreshName&) = delete;
  FreshName& operator=(const FreshName&) = delete;
  const Place& place() const { return place_; }
  const std::string& id() const { return id_; }  // The upload id.
  Status Remove() const;                         // Absent is OK.

 private:
  LocalUfs& ufs_;
  Place place_;
  const std::string id_;
};

// What a directory must grant its owner to be changed.
inline constexpr uint32_t kChangeNames = 0300;
// Gives the object behind a descriptor the attributes. kNotPermitted: it may not be given away, and
// has none of them yet.
Status ApplyAttributes(int object, const AttributeChange& change, OwnerAccess& access);
// The same, of an owner that may not be given all the rest.
Status ApplyOrLeaveOwner(int object, const AttributeChange& change, OwnerAccess& access);

}  // namespace tarn::ufs
