#include "node/sources/source_opener.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "base/log.h"
#include "base/strings.h"
#include "node/mounted_file_systems.h"
#include "node/sources/open_source.h"
#include "node/sources/overlap.h"

namespace tarn {
namespace {

std::optional<std::string> Variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): never changed.
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::string JournalName(MountId mount) { return Concat("s3-uploads-", mount.value); }

}  // namespace

Result<OpenedSource> SourceOpener::Open(const SourceToOpen& wanted,
                                        const ufs::CallOptions& call) const {
  ASSIGN_OR_RETURN(const Properties properties,
                   WithOptions(options_.properties, wanted.options, Variable));
  OpenedSource opened;
  ASSIGN_OR_RETURN(opened.source, ParseSource(wanted.uri, properties));
  RETURN_IF_ERROR(CheckPlace(opened.source));
  OpenSourceOptions how;
  how.state_directory = options_.state_directory;
  how.read_only = wanted.read_only || options_.read_only;
  how.journal_name = JournalName(wanted.mount);
  how.skipped = &mounts_.SkippedOf(wanted.mount);
  ASSIGN_OR_RETURN(opened.ufs, OpenSource(opened.source, properties, how, clock_, call));
  ASSIGN_OR_RETURN(opened.identity, opened.ufs->SourceIdentity(call));
  RETURN_IF_ERROR(opened.ufs->Stat("", call).status());
  return opened;
}

// A directory that holds our own mount, state or cache, or is in them, would contain itself.
Status SourceOpener::CheckPlace(const Source& source) const {
  if (source.scheme != "file") return OkStatus();
  const std::vector<MountedFileSystem> mounts = FileSystemsOfProcess();
  std::vector<std::string> ours = options_.properties.Get(property::kPageStoreDirs);
  ours.insert(ours.end(), {options_.mount_point, options_.state_directory});
  for (const std::string& directory : ours) {
    const std::string own = directory == options_.mount_point ? directory : ResolvedPath(directory);
    if (IsInside(mounts, source.path, own) || IsInside(mounts, own, source.path)) {
      return Status(Code::kInvalid, Concat("cannot mount ", source.uri, ": ", own,
                                           ", which this mount uses itself, overlaps with it"));
    }
  }
  return OkStatus();
}

Source SourceOpener::SourceOf(const role::MountInfo& info) const {
  if (info.root == kRootInode) return options_.root;
  const size_t colon = info.uri.find("://");
  Source source{info.uri.substr(0, colon), "", info.uri, ""};
  source.path = info.uri.substr(colon + (source.scheme == "file" ? 3 : 2));
  if (source.scheme != "s3") return source;
  const auto own = WithOptions(options_.properties, WithoutSecrets(info.options), Variable);
  const Result<std::string> where = EndpointOf(own.ok() ? *own : options_.properties);
  if (where.ok()) source.where = *where;
  return source;
}

Status SourceOpener::CheckOthers(const OpenedSource& opened,
                                 const std::vector<role::MountInfo>& table) const {
  for (const role::MountInfo& info : table) {
    if (info.unmounting) continue;
    RETURN_IF_ERROR(CheckApart(opened.source, SourceOf(info), info.path));
    if (IdentitiesOverlap(opened.identity, info.identity)) {
      return Status(Code::kInvalid,
                    Concat("cannot mount ", opened.source.uri, ": it overlaps with ", info.uri,
                           ", which is mounted on ", info.path));
    }
  }
  return OkStatus();
}

Result<std::unique_ptr<ufs::UnderFileSystem>> SourceOpener::OpenAgain(
    const role::MountInfo& info, const ufs::CallOptions& call) const {
  ASSIGN_OR_RETURN(OpenedSource opened,
                   Open({info.mount, info.uri, info.options, info.read_only}, call));
  if (opened.identity == info.identity) return std::move(opened.ufs);
  return Status(Code::kIo, Concat(info.uri, " is another source than was mounted (",
                                  opened.identity, ", not ", info.identity, ")"));
}

ufs::UfsTraits SourceOpener::ExpectedTraitsOf(const role::MountInfo& info) const {
  return ExpectedTraits(SourceOf(info), options_.properties, info.options);
}

void SourceOpener::RemoveJournal(MountId mount) const {
  const std::string path = Concat(options_.state_directory, "/", JournalName(mount));
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    LogWarning(ErrnoStatus(errno, Concat("remove ", path)));
  }
}

}  // namespace tarn
