// tarn fs mkdir, rm and mv: names.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>

#include "base/strings.h"
#include "cli/format.h"
#include "main/fs_commands.h"
#include "main/fs_place.h"
#include "main/tree_walk.h"

namespace tarn {
namespace {

struct TreeCommand {
  std::vector<std::string> paths;
  std::string source;
  std::string destination;
  bool parents = false;
  bool recursive = false;
};

// mkdir
// --------------------------------------------------------------------------------------------

bool IsDirectory(const Place& place, const std::string& path) {
  struct stat st = {};
  return fstatat(place.root.get(), path.c_str(), &st, 0) == 0 && S_ISDIR(st.st_mode);
}

// A directory that is there already is no error.
Status MakeParents(const Place& place) {
  for (size_t end = 0; end != std::string::npos;) {
    end = place.path.find('/', end == 0 ? 0 : end + 1);
    const std::string part = place.path.substr(0, end);
    if (mkdirat(place.root.get(), part.c_str(), 0777) == 0) continue;
    if (errno != EEXIST) return PathError(errno, "make directory", place.text);
    if (IsDirectory(place, part)) continue;
    const bool last = end == std::string::npos;
    return PathError(last ? EEXIST : ENOTDIR, "make directory", place.text);
  }
  return OkStatus();
}

Status MakeDirectory(const Place& place, const TreeCommand& command) {
  if (command.parents) return MakeParents(place);
  if (mkdirat(place.root.get(), place.path.c_str(), 0777) == 0) return OkStatus();
  return PathError(errno, "make directory", place.text);
}

Status Mkdir(const GlobalOptions& global, const TreeCommand& command, const std::string& path) {
  ASSIGN_OR_RETURN(const Place place, OpenPlace(path, global.at));
  RETURN_IF_ERROR(MakeDirectory(place, command));
  std::printf("Successfully created directory %s\n", cli::Shown(place.text).c_str());
  return OkStatus();
}

// rm
// -----------------------------------------------------------------------------------------------

class Removal final : public TreeVisitor {
 public:
  // `device` is the mount's.
  explicit Removal(dev_t device) : device_(device) {}
  Status Enter(const TreeEntry& directory) override {
    if (device_ == directory.attributes.st_dev) return OkStatus();
    return PathError(Code::kBusy, "remove", directory.path,
                     "another file system is mounted there; unmount it first");
  }
  Status Visit(const TreeEntry& leaf) override { return Remove(leaf, 0); }
  // A directory that keeps an entry cannot go, and the entry's error says why.
  Status Leave(const TreeEntry& directory, Below below) override {
    return below == Below::kFailed ? OkStatus() : Remove(directory, AT_REMOVEDIR);
  }

 private:
  static Status Remove(const TreeEntry& entry, int flags) {
    if (unlinkat(entry.directory, entry.name, flags) == 0) return OkStatus();
    // Another program has removed it first.
    if (errno == ENOENT) return OkStatus();
    return PathError(errno, "remove", entry.path);
  }

  const dev_t device_;
};

Status RemoveOne(const Place& place) {
  struct stat st = {};
  if (fstatat(place.root.get(), place.path.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    return PathError(errno, "remove", place.text);
  }
  if (S_ISDIR(st.st_mode)) {
    return PathError(Code::kIsDirectory, "remove", place.text,
                     "it is a directory; -R removes it with all that is below");
  }
  if (unlinkat(place.root.get(), place.path.c_str(), 0) == 0) return OkStatus();
  return PathError(errno, "remove", place.text);
}

void RemoveTree(const Place& place, Failures& failures) {
  struct stat root = {};
  if (fstat(place.root.get(), &root) != 0) {
    failures.Check(PathError(errno, "look at the mount of", place.text));
    return;
  }
  Removal removal(root.st_dev);
  WalkTree(place.root.get(), place.path, place.text, removal, failures);
}

void Rm(const GlobalOptions& global, const TreeCommand& command, const std::string& path,
        Failures& failures) {
  const Result<Place> place = OpenPlace(path, global.at);
  if (!failures.Check(place.status())) return;
  if (place->IsRoot()) {
    failures.Check(PathError(Code::kBusy, "remove", place->text,
                             "it is the root of a mount; remove what is below it instead"));
    return;
  }
  const uint64_t before = failures.count();
  if (command.recursive) {
    RemoveTree(*place, failures);
  } else {
    failures.Check(RemoveOne(*place));
  }
  if (failures.count() != before) return;
  std::printf("%s has been removed\n", cli::Shown(place->text).c_str());
}

// mv
// -----------------------------------------------------------------------------------------------

Status Mv(const GlobalOptions& global, const TreeCommand& command) {
  ASSIGN_OR_RETURN(const Place source, OpenPlace(command.source, global.at));
  ASSIGN_OR_RETURN(const Place destination, OpenPlace(command.destination, global.at));
  const std::string attempt = Concat("rename ", cli::Shown(source.text), " to");
  if (source.IsRoot()) {
    return PathError(Code::kBusy, attempt, destination.text, "it is the root of a mount");
  }
  struct stat st = {};
  if (fstatat(source.root.get(), source.path.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    return PathError(errno, "rename", source.text);
  }
  ASSIGN_OR_RETURN(const Target target, OpenTarget(source, destination));
  if (renameat(source.root.get(), source.path.c_str(), target.directory.get(),
               target.name.c_str()) == 0) {
    std::printf("Renamed %s to %s\n", cli::Shown(source.text).c_str(),
                cli::Shown(target.text).c_str());
    return OkStatus();
  }
  if (errno != EXDEV) return PathError(errno, attempt, target.text);
  return PathError(Code::kCrossDevice, attempt, target.text,
                   "they are in different sources; use `tarn fs cp -R` and then `tarn fs rm -R`");
}

}  // namespace

void AddTreeCommands(CLI::App& fs, GlobalOptions& global, int* exit_status) {
  auto command = std::make_shared<TreeCommand>();
  CLI::App* mkdir = AddFileCommand(fs, global, "mkdir", "Make directories",
                                   "  tarn fs mkdir -p /logs/2026/11     also those above it");
  mkdir->add_option("PATH", command->paths, kNamespacePath)->required();
  mkdir->add_flag("-p,--parents", command->parents,
                  "Also the directories above it; one that exists is no error");
  mkdir->callback([&global, command, exit_status] {
    Failures failures;
    for (const std::string& path : command->paths) failures.Check(Mkdir(global, *command, path));
    *exit_status = failures.ExitStatus();
  });

  CLI::App* rm = AddFileCommand(
      fs, global, "rm",
      "Remove files and, with -R, directories; also from the source. Symlinks are not followed",
      "  tarn fs rm -R /logs/2025     goes on after an error, reports each, and then fails");
  rm->add_option("PATH", command->paths, kNamespacePath)->required();
  rm->add_flag("-R,-r,--recursive", command->recursive, "Directories with all that is below");
  rm->callback([&global, command, exit_status] {
    Failures failures;
    for (const std::string& path : command->paths) Rm(global, *command, path, failures);
    *exit_status = failures.ExitStatus();
  });

  CLI::App* mv = AddFileCommand(
      fs, global, "mv", "Rename a file or directory, or move it into a directory",
      "  tarn fs mv /logs/new.csv /logs/old.csv     replaces old.csv in one step, as rename(2)");
  mv->add_option("SOURCE", command->source, kNamespacePath)->required();
  mv->add_option("DESTINATION", command->destination, "The new path, or an existing directory")
      ->required();
  mv->callback([&global, command, exit_status] { *exit_status = Finish(Mv(global, *command)); });
}

}  // namespace tarn
