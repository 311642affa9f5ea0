#include "client/control.h"

#include "base/strings.h"

namespace tarn::client {
namespace {

std::string Join(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

// The parts of an absolute path: "." and empty ones are passed over, ".." is refused.
Result<std::vector<std::string_view>> Parts(const std::string& path) {
  if (!path.starts_with('/')) return Status(Code::kInvalid, Concat(path, ": not an absolute path"));
  std::vector<std::string_view> parts;
  const std::string_view all = path;
  for (size_t begin = 1; begin <= all.size();) {
    const size_t end = std::min(all.find('/', begin), all.size());
    const std::string_view part = all.substr(begin, end - begin);
    if (part == "..") return Status(Code::kInvalid, Concat(path, ": \"..\" in a path"));
    if (!part.empty() && part != ".") parts.push_back(part);
    begin = end + 1;
  }
  return parts;
}

class LocalControl final : public role::Control {
 public:
  LocalControl(FileSystem& file_system, const Dependencies& dependencies, ControlHooks hooks)
      : fs_(file_system), deps_(dependencies), hooks_(std::move(hooks)) {}

  Result<role::ServerInfo> Info() override {
    role::ServerInfo info = hooks_.info();
    const cache::Usage usage = deps_.cache.GetUsage();
    info.cache_capacity_bytes = usage.capacity_bytes;
    info.cache_used_bytes = usage.used_bytes;
    info.cache_pinned_bytes = usage.pinned_bytes;
    info.open_files = fs_.OpenHandles();
    return info;
  }

  Result<role::PathInfo> StatPath(const std::string& path) override {
    ASSIGN_OR_RETURN(role::FileInfo info, Resolve(path));
    return Describe(path, info);
  }

  Result<ListReply> ListPath(const ListRequest& request) override {
    if (request.revalidate) RETURN_IF_ERROR(Recheck(request.path));
    ASSIGN_OR_RETURN(role::FileInfo info, Resolve(request.path));
    ListReply reply;
    reply.end = true;
    if (info.attr.type != role::FileType::kDirectory) {
      ASSIGN_OR_RETURN(role::PathInfo itself, Describe(request.path, info));
      reply.entries.push_back(std::move(itself));
      return reply;
    }
    ASSIGN_OR_RETURN(role::Names::Listing listing,
                     fs_.ReadDir(caller_, info.attr.ino, request.cursor, request.limit,
                                 role::Names::WithAttrs::kYes));
    reply.end = listing.end;
    for (const role::DirEntry& entry : listing.entries) {
      reply.next_cursor = entry.cursor;
      RETURN_IF_ERROR(AddEntry(request.path, entry, &reply));
    }
    return reply;
  }

  Result<std::vector<role::QueueEntry>> PersistList(std::string* after, size_t limit) override {
    ASSIGN_OR_RETURN(role::QueuePage page, deps_.queue.List(*after, limit));
    *after = std::move(page.next);
    return std::move(page.entries);
  }

  Result<role::QueueEntry> PersistStat(const std::string& path) override {
    ASSIGN_OR_RETURN(role::FileInfo info, Resolve(path));
    ASSIGN_OR_RETURN(std::optional<role::QueueEntry> waiting, deps_.queue.Find(info.attr.ino));
    if (waiting) return *waiting;
    role::QueueEntry entry;
    entry.ino = info.attr.ino;
    entry.path = path;
    entry.state = info.attr.persist;
    entry.size_bytes = info.attr.size_bytes;
    return entry;
  }

  Result<role::QueueTotals> PersistTotals() override {
    // In this order: what is forgotten between the two is in the queue by then.
    const uint64_t forgetting = fs_.Forgetting();
    ASSIGN_OR_RETURN(role::QueueTotals totals, deps_.queue.Totals());
    totals.entries += forgetting;
    return totals;
  }

  Status PersistRetry(const std::string& path) override {
    ASSIGN_OR_RETURN(role::FileInfo info, Resolve(path));
    // What waits below a directory is not known by its path alone: all of it is hurried.
    if (info.attr.type == role::FileType::kDirectory) return deps_.queue.RetryNow(std::nullopt);
    return deps_.queue.RetryNow(info.attr.ino);
  }

  Status PersistResolve(const std::string& path, role::Take take) override {
    ASSIGN_OR_RETURN(role::FileInfo info, Resolve(path));
    if (info.attr.persist != role::PersistState::kConflict)
      return Status(Code::kInvalid, Concat(path, " is not in CONFLICT"));
    if (take == role::Take::kOurs) {
      const std::optional<cache::ContentInfo> content = deps_.cache.Find(info.attr.ino);
      if (info.attr.size_bytes > 0 && !(content && content->complete))
        return Status(Code::kInvalid,
                      Concat(path, ": not all bytes of the version made here are on this machine; ",
                             "take theirs, or write the file anew"));
    }
    return deps_.queue.Resolve(info.attr.ino, take);
  }

  Result<std::vector<role::ConfigEntry>> Config() override { return hooks_.config(); }

  Result<role::UfsMountInfo> UfsMount(const UfsMountRequest& request) override {
    return hooks_.ufs_mount(request);
  }
  Status UfsUnmount(const UfsUnmountRequest& request) override {
    return hooks_.ufs_unmount(request);
  }
  Result<std::vector<role::UfsMountInfo>> UfsList() override { return hooks_.ufs_list(); }

  Result<role::QueueTotals> Stop(const StopRequest& request) override {
    RETURN_IF_ERROR(hooks_.stop(request));
    return deps_.queue.Totals();
  }

 private:
  // Asks the source for each name of the path and, of a directory, for all its names. On return the
  // kernel has forgotten what that has changed.
  Status Recheck(const std::string& path) {
    ASSIGN_OR_RETURN(std::vector<std::string_view> parts, Parts(path));
    ASSIGN_OR_RETURN(role::FileInfo info, fs_.GetAttr(kRootInode));
    for (const std::string_view part : parts) {
      RETURN_IF_ERROR(deps_.maintenance.RecheckName(info.attr.ino, part));
      Result<role::FileInfo> next = fs_.Lookup(caller_, info.attr.ino, part);
      if (!next.ok()) break;  // What it is called for says so.
      info = *std::move(next);
    }
    if (info.attr.type == role::FileType::kDirectory)
      RETURN_IF_ERROR(deps_.maintenance.Revalidate(info.attr.ino));
    deps_.maintenance.DeliverChanges();
    return OkStatus();
  }

  Result<role::FileInfo> Resolve(const std::string& path) {
    ASSIGN_OR_RETURN(std::vector<std::string_view> parts, Parts(path));
    ASSIGN_OR_RETURN(role::FileInfo info, fs_.GetAttr(kRootInode));
    for (const std::string_view part : parts) {
      Result<role::FileInfo> next = fs_.Lookup(caller_, info.attr.ino, part);
      if (next.code() == Code::kNotFound) {
        return Status(Code::kNotFound, Concat(path, ": no such file or directory"));
      }
      if (!next.ok()) return Status(next.code(), Concat(path, ": ", next.status().message()));
      info = *next;
    }
    return info;
  }

  Status AddEntry(const std::string& directory, const role::DirEntry& entry, ListReply* reply) {
    Result<role::FileInfo> info = fs_.GetAttr(entry.ino);
    if (info.code() == Code::kStale || info.code() == Code::kNotFound) return OkStatus();
    if (!info.ok()) return info.status();
    ASSIGN_OR_RETURN(role::PathInfo described, Describe(Join(directory, entry.name), *info));
    reply->entries.push_back(std::move(described));
    return OkStatus();
  }

  Result<role::PathInfo> Describe(const std::string& path, const role::FileInfo& info) {
    role::PathInfo described;
    described.path = path;
    described.attr = info.attr;
    described.binding = info.binding;
    if (info.attr.type == role::FileType::kSymlink) {
      ASSIGN_OR_RETURN(described.symlink_target, fs_.ReadLink(info.attr.ino));
    }
    if (info.attr.type == role::FileType::kRegular) described.cached_percent = Cached(info.attr);
    return described;
  }

  uint32_t Cached(const role::Attr& attr) {
    const std::optional<cache::ContentInfo> content = deps_.cache.Find(attr.ino);
    if (!content) return attr.size_bytes == 0 ? 100 : 0;
    if (content->complete || attr.size_bytes == 0) return 100;
    const uint64_t here = std::min(content->allocated_bytes, attr.size_bytes);
    return static_cast<uint32_t>(static_cast<double>(here) / static_cast<double>(attr.size_bytes) *
                                 99);
  }

  FileSystem& fs_;
  const Dependencies deps_;
  const ControlHooks hooks_;
  const role::Caller caller_{.session = SessionId(1)};
};

}  // namespace

std::unique_ptr<role::Control> NewControl(FileSystem& file_system, const Dependencies& dependencies,
                                          ControlHooks hooks) {
  return std::make_unique<LocalControl>(file_system, dependencies, std::move(hooks));
}

}  // namespace tarn::client
