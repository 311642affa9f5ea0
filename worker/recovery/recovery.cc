#include "worker/recovery.h"

#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/strings.h"

namespace tarn::worker {
namespace {

using cache::Recovered;
using cache::Verdict;
using Loss = role::Maintenance::Loss;

// Whether the cache file differs from the version that the coordinator has. Valid only after the
// death of the process alone.
bool WrittenSince(const cache::ContentInfo& content, const role::FileInfo& file) {
  const bool committed = file.attr.generation && content.generation == file.attr.generation;
  return !committed || content.live_changed;
}

// The coordinator has a newer version, which is not made of the bytes of this content. A commit
// writes the content first, so the content is never behind the coordinator by one commit.
bool IsSuperseded(const cache::ContentInfo& content, const role::FileInfo& file) {
  return content.generation && content.generation < file.attr.generation;
}

class Judge {
 public:
  Judge(role::Names& names, role::Files& files, role::Maintenance& maintenance)
      : names_(names), files_(files), maintenance_(maintenance) {}

  Result<Recovered> operator()(const cache::ContentInfo& content, bool power_cut);
  // After a power cut, removes a file that was never synced since its creation, or whose create was
  // never answered: its bytes may be anything.
  Status RemoveNeverCommitted(InodeId ino);

 private:
  Result<Recovered> AfterPowerCut(const cache::ContentInfo& content, const role::FileInfo& file);
  Result<Recovered> CommitLive(const cache::ContentInfo& content, const role::FileInfo& file);
  Result<Generation> Commit(const cache::ContentInfo& content, const role::FileInfo& file,
                            uint64_t size_bytes);
  static Result<Recovered> KeepCommitted(const role::FileInfo& file);
  Status UnlinkPath(const std::string& path);
  Result<Recovered> Lost(const cache::ContentInfo& content, const role::FileInfo& file, Loss loss);

  role::Names& names_;
  role::Files& files_;
  role::Maintenance& maintenance_;
  const role::Caller caller_{.session = SessionId(1)};
};

// Commits bytes that are all in the cache file but that the daemon never saw committed.
Result<Recovered> Judge::CommitLive(const cache::ContentInfo& content, const role::FileInfo& file) {
  ASSIGN_OR_RETURN(const Generation made, Commit(content, file, content.live_size_bytes));
  return Recovered{Verdict::kCommitLive, made, content.live_size_bytes};
}

Result<Generation> Judge::Commit(const cache::ContentInfo& content, const role::FileInfo& file,
                                 uint64_t size_bytes) {
  role::WriteCommit commit;
  commit.base = file.attr.generation;
  commit.generation = Generation(commit.base.value + 1);
  commit.size_bytes = size_bytes;
  if (content.complete) commit.allocated_bytes = content.live_allocated_bytes;
  commit.mtime_ns = content.live_mtime_ns.value_or(file.attr.mtime_ns);
  // The commit must not be durable before its bytes: Recover syncs both at its end.
  commit.durable = false;
  RETURN_IF_ERROR(files_.CommitWrite(caller_, content.ino, commit).status());
  return commit.generation;
}

// Keeps the version that the coordinator has committed, and cuts off bytes written after it.
Result<Recovered> Judge::KeepCommitted(const role::FileInfo& file) {
  // If the UFS has the bytes, drop the content: the cache file may hold others by now. Attributes
  // may still wait to be persisted, but only the bytes matter here.
  const bool stored = file.binding.mount && file.binding.generation == file.attr.generation;
  if (stored || file.attr.persist == role::PersistState::kPersisted) {
    return Recovered{Verdict::kDrop, {}, 0};
  }
  return Recovered{Verdict::kKeepDirty, file.attr.generation, file.attr.size_bytes};
}

Status Judge::RemoveNeverCommitted(InodeId ino) {
  for (;;) {
    Result<std::string> path = maintenance_.PathOf(ino);
    if (path.code() == Code::kNotFound) return OkStatus();
    if (!path.ok()) return path.status();
    LogInfo("recovery: ", *path,
            " was created and never closed or synced before the crash: removed");
    RETURN_IF_ERROR(UnlinkPath(*path));
  }
}

Status Judge::UnlinkPath(const std::string& path) {
  InodeId parent = kRootInode;
  std::string_view rest = std::string_view(path).substr(1);
  for (size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    ASSIGN_OR_RETURN(role::FileInfo info, names_.Lookup(caller_, parent, rest.substr(0, slash)));
    parent = info.attr.ino;
    rest.remove_prefix(slash + 1);
  }
  return names_.Unlink(caller_, parent, rest).status();
}

Result<Recovered> Judge::Lost(const cache::ContentInfo& content, const role::FileInfo& file,
                              Loss loss) {
  ASSIGN_OR_RETURN(role::FileInfo now,
                   maintenance_.ContentLost(content.ino, file.attr.generation, loss));
  const bool back = now.attr.persist == role::PersistState::kPersisted;
  LogWarning("recovery: the last bytes written to inode ", content.ino.value,
             loss == Loss::kPowerCut ? " did not survive the power cut: "
                                     : " are gone, for its cache file or directory was removed: ",
             back ? "it is back at its last persisted version" : "it is LOST");
  return Recovered{Verdict::kDrop, {}, 0};
}

// The crash may have come between the two steps of a commit. The first step is enough if it put the
// bytes on the disk; otherwise the previous commit counts.
Result<Recovered> Judge::AfterPowerCut(const cache::ContentInfo& content,
                                       const role::FileInfo& file) {
  const bool ahead = content.generation > file.attr.generation;
  const bool whole = content.synced && !content.lost && !content.cut;
  if (ahead && whole && content.prior_generation == file.attr.generation) {
    RETURN_IF_ERROR(Commit(content, file, content.size_bytes).status());
    return Recovered{Verdict::kKeepDirty, content.generation, content.size_bytes};
  }
  const bool synced = ahead ? content.prior_synced : content.synced;
  if (content.lost || !synced) {
    return Lost(content, file, content.damaged ? Loss::kDamage : Loss::kPowerCut);
  }
  ASSIGN_OR_RETURN(const Recovered kept, KeepCommitted(file));
  // The disk may lack bytes behind the point where the file was cut, and bytes written there later.
  // The file is then what the disk has of it, as on other file systems.
  if (kept.verdict != Verdict::kKeepDirty || !content.cut) return kept;
  LogWarning("recovery: inode ", content.ino.value, " was truncated before the power cut, and not ",
             "closed or synced since: it has ", content.live_size_bytes, " bytes now");
  return CommitLive(content, file);
}

Result<Recovered> Judge::operator()(const cache::ContentInfo& content, bool power_cut) {
  Result<role::FileInfo> file = files_.GetKnownAttr(content.ino);
  const bool gone = file.code() == Code::kStale || file.code() == Code::kNotFound;
  if (gone) return Recovered{Verdict::kDrop, {}, 0};
  if (!file.ok()) return file.status();
  if (file->attr.nlink == 0) return Recovered{Verdict::kDrop, {}, 0};  // An orphan: reaped below.
  if (power_cut) {
    if (!file->attr.generation) {
      RETURN_IF_ERROR(RemoveNeverCommitted(content.ino));
      return Recovered{Verdict::kDrop, {}, 0};
    }
    return AfterPowerCut(content, *file);
  }
  if (content.lost) return Lost(content, *file, Loss::kDamage);
  if (IsSuperseded(content, *file)) {
    LogWarning("recovery: what is here of inode ", content.ino.value, " is of version ",
               content.generation.value, ", which version ", file->attr.generation.value,
               " has replaced: dropped");
    return Recovered{Verdict::kDrop, {}, 0};
  }
  if (WrittenSince(content, *file)) return CommitLive(content, *file);
  return KeepCommitted(*file);
}

}  // namespace

Result<Recovered> JudgeContent(role::Names& names, role::Files& files,
                               role::Maintenance& maintenance, const cache::ContentInfo& content,
                               bool power_cut) {
  return Judge(names, files, maintenance)(content, power_cut);
}

Status RecoverContents(cache::CacheStore& cache, role::Names& names, role::Files& files,
                       role::Maintenance& maintenance) {
  RETURN_IF_ERROR(cache.Recover([&](const cache::ContentInfo& content, bool power_cut) {
    return JudgeContent(names, files, maintenance, content, power_cut);
  }));
  // Files whose content was not even created.
  std::vector<InodeId> never_committed;
  RETURN_IF_ERROR(maintenance.ListNeverCommitted([&](InodeId ino) {
    if (!cache.Find(ino)) never_committed.push_back(ino);
    return OkStatus();
  }));
  for (const InodeId ino : never_committed) {
    RETURN_IF_ERROR(Judge(names, files, maintenance).RemoveNeverCommitted(ino));
  }
  std::vector<InodeId> orphans;
  RETURN_IF_ERROR(maintenance.ListOrphans([&orphans](InodeId ino) {
    orphans.push_back(ino);
    return OkStatus();
  }));
  for (const InodeId ino : orphans) RETURN_IF_ERROR(cache.Erase(ino));
  return files.Forget(orphans);
}

}  // namespace tarn::worker
