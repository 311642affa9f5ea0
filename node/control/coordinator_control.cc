#include "node/control/coordinator_control.h"

#include <optional>
#include <string_view>

#include "base/strings.h"

namespace tarn {
namespace {

std::string Join(const std::string& directory, const std::string& name) {
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

// The parts of an absolute path. Skips "." and empty ones; refuses "..".
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

class EmbeddedCoordinator final : public role::CoordinatorControl {
 public:
  explicit EmbeddedCoordinator(const CoordinatorParts& parts) : parts_(parts) {}

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
    ASSIGN_OR_RETURN(
        role::Names::Listing listing,
        parts_.file_system.GetNames().ReadDir(caller_, info.attr.ino, request.cursor, request.limit,
                                              role::Names::WithAttrs::kYes));
    reply.end = listing.end;
    for (const role::DirEntry& entry : listing.entries) {
      reply.next_cursor = entry.cursor;
      RETURN_IF_ERROR(AddEntry(request.path, entry, &reply));
    }
    return reply;
  }

  Result<role::QueuePage> PersistList(const std::string& after, size_t limit) override {
    return parts_.queue.List(after, limit);
  }

  Result<role::QueueEntry> PersistStat(const std::string& path) override {
    ASSIGN_OR_RETURN(role::FileInfo info, Resolve(path));
    ASSIGN_OR_RETURN(std::optional<role::QueueEntry> waiting, parts_.queue.Find(info.attr.ino));
    if (waiting) return *waiting;
    role::QueueEntry entry;
    entry.ino = info.attr.ino;
    entry.path = path;
    entry.state = info.attr.persist;
    entry.size_bytes = info.attr.size_bytes;
    return entry;
  }

  Result<role::QueueTotals> PersistTotals() override {
    // In this order: an orphan that is forgotten between the two is in the queue by then.
    ASSIGN_OR_RETURN(const uint64_t forgetting, parts_.node.Forgetting());
    ASSIGN_OR_RETURN(role::QueueTotals totals, parts_.queue.Totals());
    totals.entries += forgetting;
    return totals;
  }

  Status PersistRetry(const std::string& path) override {
    ASSIGN_OR_RETURN(const std::vector<role::FileInfo> way, ResolveAll(path));
    // The path alone does not tell which entries are below a directory: all are made due.
    if (way.back().attr.type == role::FileType::kDirectory) {
      return parts_.queue.RetryNow(std::nullopt);
    }
    for (const role::FileInfo& info : way) RETURN_IF_ERROR(parts_.queue.RetryNow(info.attr.ino));
    return OkStatus();
  }

  Status PersistResolve(const std::string& path, role::Take take) override {
    ASSIGN_OR_RETURN(role::FileInfo info, Resolve(path));
    if (info.attr.persist != role::PersistState::kConflict) {
      return Status(Code::kInvalid, Concat(path, " is not in CONFLICT"));
    }
    if (take == role::Take::kOurs) RETURN_IF_ERROR(CheckComplete(path, info.attr));
    return Delivered(parts_.queue.Resolve(info.attr.ino, take));
  }

  Result<role::UfsMountInfo> UfsMount(const role::UfsMountRequest& request) override {
    return Delivered(parts_.sources.Mount(request));
  }
  Status UfsUnmount(const role::UfsUnmountRequest& request) override {
    return Delivered(parts_.sources.Unmount(request));
  }
  Result<std::vector<role::UfsMountInfo>> UfsList() override { return parts_.sources.List(); }

 private:
  // The answer of a call that may have changed names or contents, after an error too, once the
  // kernel has forgotten what it had cached of them.
  template <typename Answer>
  Answer Delivered(Answer answer) {
    parts_.maintenance.DeliverChanges();
    return answer;
  }

  // kInvalid: the node lacks bytes of the file.
  Status CheckComplete(const std::string& path, const role::Attr& attr) {
    const role::FileSize file{attr.ino, attr.size_bytes};
    ASSIGN_OR_RETURN(const std::vector<uint32_t> percents,
                     parts_.node.CachedPercents(std::span(&file, 1)));
    if (percents.front() == 100) return OkStatus();
    return Status(Code::kInvalid,
                  Concat(path, ": not all bytes of the version made here are on this machine; ",
                         "take theirs, or write the file again"));
  }

  // Asks the source for each name of the path and, if it is a directory, for all its names. On
  // return the kernel has forgotten everything that this has changed.
  Status Recheck(const std::string& path) {
    ASSIGN_OR_RETURN(std::vector<std::string_view> parts, Parts(path));
    ASSIGN_OR_RETURN(role::FileInfo info, parts_.file_system.GetAttributes().GetAttr(kRootInode));
    for (const std::string_view part : parts) {
      RETURN_IF_ERROR(parts_.maintenance.RecheckName(info.attr.ino, part));
      Result<role::FileInfo> next =
          parts_.file_system.GetNames().Lookup(caller_, info.attr.ino, part);
      if (!next.ok()) break;  // The caller resolves the path next, and finds out.
      info = *std::move(next);
    }
    if (info.attr.type == role::FileType::kDirectory) {
      RETURN_IF_ERROR(parts_.maintenance.Revalidate(info.attr.ino));
    }
    parts_.maintenance.DeliverChanges();
    return OkStatus();
  }

  Result<role::FileInfo> Resolve(const std::string& path) {
    ASSIGN_OR_RETURN(const std::vector<role::FileInfo> way, ResolveAll(path));
    return way.back();
  }

  // The root, the directories on the way, and what the path names.
  Result<std::vector<role::FileInfo>> ResolveAll(const std::string& path) {
    ASSIGN_OR_RETURN(std::vector<std::string_view> parts, Parts(path));
    ASSIGN_OR_RETURN(role::FileInfo info, parts_.file_system.GetAttributes().GetAttr(kRootInode));
    std::vector<role::FileInfo> way = {info};
    for (const std::string_view part : parts) {
      Result<role::FileInfo> next =
          parts_.file_system.GetNames().Lookup(caller_, info.attr.ino, part);
      if (next.code() == Code::kNotFound) {
        return Status(Code::kNotFound, Concat(path, ": no such file or directory"));
      }
      if (!next.ok()) return Status(next.code(), Concat(path, ": ", next.status().message()));
      info = *next;
      way.push_back(info);
    }
    return way;
  }

  // Skips an entry that is gone by now.
  Status AddEntry(const std::string& directory, const role::DirEntry& entry, ListReply* reply) {
    Result<role::FileInfo> info = parts_.file_system.GetAttributes().GetAttr(entry.ino);
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
      ASSIGN_OR_RETURN(described.symlink_target,
                       parts_.file_system.GetNames().ReadLink(info.attr.ino));
    }
    return described;
  }

  const CoordinatorParts parts_;
  const role::Caller caller_{.session = SessionId(1)};
};

}  // namespace

std::unique_ptr<role::CoordinatorControl> NewCoordinatorControl(const CoordinatorParts& parts) {
  return std::make_unique<EmbeddedCoordinator>(parts);
}

}  // namespace tarn
