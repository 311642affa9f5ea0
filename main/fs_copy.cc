// tarn fs cp: copies into, out of and within a namespace.

#include <fcntl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/format.h"
#include "main/copy_progress.h"
#include "main/file_copy.h"
#include "main/fs_commands.h"
#include "main/fs_place.h"
#include "main/tree_copy.h"
#include "main/tree_totals.h"

namespace tarn {
namespace {

struct CopyCommand {
  std::vector<std::string> paths;  // The last one is the destination.
  bool recursive = false;
  bool preserve = false;
};

// What the command does, in order: all sources are looked at before the first is copied.
class Copying {
 public:
  Copying(const GlobalOptions& global, const CopyCommand& command)
      : global_(global),
        command_(command),
        progress_(SystemClock()),
        copy_(command.preserve ? FileCopy::Attributes::kKept : FileCopy::Attributes::kNew,
              progress_) {}

  int Run() {
    StopCopiesBySignals();
    Result<Place> destination = OpenPlaceOrLocal(command_.paths.back(), global_.at);
    if (!destination.ok()) return Fail(destination.status());
    // Several sources need a directory.
    if (command_.paths.size() > 2) destination->wants_directory = true;
    const std::vector<Place> sources = OpenSources();
    for (const Place& source : sources) Expect(source);
    for (const Place& source : sources) {
      if (NotStopped().ok()) CopyOne(source, *destination);
    }
    failures_.Check(NotStopped());
    if (global_.json) PrintJson();
    return failures_.ExitStatus();
  }

 private:
  std::vector<Place> OpenSources() {
    std::vector<Place> sources;
    for (size_t i = 0; i + 1 < command_.paths.size(); ++i) {
      Result<Place> source = OpenPlaceOrLocal(command_.paths[i], global_.at);
      if (failures_.Check(source.status())) sources.push_back(*std::move(source));
    }
    return sources;
  }

  // The bar needs to know how much there is. Errors come again when it is copied.
  void Expect(const Place& source) {
    if (!progress_.IsShown()) return;
    Failures unsaid(Failures::Report::kCount);
    TreeTotals totals;
    WalkTree(source.root.get(), source.path, source.text, totals, unsaid);
    progress_.Expect({totals.files(), totals.bytes()});
  }

  void CopyOne(const Place& source, const Place& destination) {
    const uint64_t before = failures_.count();
    const Result<Target> target = TargetOf(source, destination);
    if (!failures_.Check(target.status())) return;
    if (command_.recursive) {
      TreeCopy tree(*target, copy_);
      WalkTree(source.root.get(), source.path, source.text, tree, failures_);
    } else {
      failures_.Check(
          copy_.CopyBytes({source.root.get(), source.path.c_str(), source.text},
                          {target->directory.get(), target->name.c_str(), target->text}));
    }
    if (failures_.count() != before || global_.json) return;
    std::printf("Copied %s to %s\n", cli::Shown(source.text).c_str(),
                cli::Shown(target->text).c_str());
  }

  // Looks at the source first, so that its absence is what the user reads of.
  Result<Target> TargetOf(const Place& source, const Place& destination) {
    struct stat st = {};
    const int flags = command_.recursive ? AT_SYMLINK_NOFOLLOW : 0;
    if (fstatat(source.root.get(), source.path.c_str(), &st, flags) != 0) {
      return PathError(errno, "copy", source.text);
    }
    if (S_ISDIR(st.st_mode) && !command_.recursive) {
      return PathError(Code::kIsDirectory, "copy", source.text,
                       "it is a directory; -R copies it with all that is below");
    }
    return OpenTarget(source, destination);
  }

  void PrintJson() const {
    std::puts(cli::Dump({{"files", progress_.done().files},
                         {"bytes", progress_.done().bytes},
                         {"failures", failures_.count()}})
                  .c_str());
  }

  const GlobalOptions& global_;
  const CopyCommand& command_;
  CopyProgress progress_;
  FileCopy copy_;
  Failures failures_;
};

constexpr const char kMore[] =
    "  tarn fs cp file:///home/me/table.csv /tables     into the namespace\n"
    "  tarn fs cp -R /tables file:///backup             out of it, a directory\n"
    "  tarn fs cp /tables/a /mnt/other/b                from one mount to another\n\n"
    "A copy gets its name when it is complete, and replaces what had the name. After an error the\n"
    "other files are copied; each error is reported, and the command fails.";

}  // namespace

void AddCopyCommand(CLI::App& fs, GlobalOptions& global, int* exit_status) {
  auto command = std::make_shared<CopyCommand>();
  CLI::App* cp = AddFileCommand(
      fs, global, "cp", "Copy files and, with -R, directories; file:// is a path of this machine",
      kMore);
  cp->add_option("PATH", command->paths,
                 "SOURCE... DESTINATION; the destination may be an existing directory")
      ->required()
      ->expected(2, -1);
  cp->add_flag("-R,-r,--recursive", command->recursive,
               "Directories with all that is below, and symlinks as symlinks");
  cp->add_flag("-p,--preserve", command->preserve,
               "Keep mode and times and, if root copies, the owner");
  cp->add_flag("--json", global.json, "Print JSON, for scripts");
  cp->callback([&global, command, exit_status] { *exit_status = Copying(global, *command).Run(); });
}

}  // namespace tarn
