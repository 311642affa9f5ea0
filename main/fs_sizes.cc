// tarn fs du, count and test: how much there is, and what it is.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "cli/format.h"
#include "main/fs_commands.h"
#include "main/fs_place.h"
#include "main/tree_totals.h"

namespace tarn {
namespace {

struct SizesCommand {
  std::vector<std::string> paths;
  bool summary = false;
  bool human = false;
};

// Prints the lines of `du`, or collects them for JSON.
class SizeTable {
 public:
  SizeTable(const SizesCommand& command, const GlobalOptions& global)
      : human_(command.human), json_(global.json) {
    if (!json_) Print("File Size", "Path");
  }
  void Add(uint64_t bytes, const std::string& path) {
    if (json_) {
      rows_.push_back({{"path", path}, {"size_bytes", bytes}});
    } else {
      Print(human_ ? cli::SizeText(bytes) : std::to_string(bytes), path);
    }
  }
  void Finish() {
    if (json_) std::puts(cli::Dump(rows_).c_str());
  }

 private:
  static void Print(const std::string& size, const std::string& path) {
    std::printf("%-13s %s\n", size.c_str(), cli::Shown(path).c_str());
  }

  const bool human_;
  const bool json_;
  nlohmann::json rows_ = nlohmann::json::array();
};

// Each file is a line.
class FileSizes final : public TreeVisitor {
 public:
  explicit FileSizes(SizeTable& table) : table_(table) {}
  Status Enter(const TreeEntry&) override { return OkStatus(); }
  Status Visit(const TreeEntry& leaf) override {
    table_.Add(static_cast<uint64_t>(leaf.attributes.st_size), leaf.path);
    return OkStatus();
  }
  Status Leave(const TreeEntry&, Below) override { return OkStatus(); }

 private:
  SizeTable& table_;
};

int Du(const GlobalOptions& global, const SizesCommand& command) {
  Failures failures;
  SizeTable table(command, global);
  for (const std::string& path : command.paths) {
    const Result<Place> place = OpenPlace(path, global.at);
    if (!failures.Check(place.status())) continue;
    TreeTotals totals;
    FileSizes sizes(table);
    TreeVisitor& visitor = command.summary ? static_cast<TreeVisitor&>(totals) : sizes;
    WalkTree(place->root.get(), place->path, place->text, visitor, failures);
    if (command.summary && totals.files() + totals.directories() > 0) {
      table.Add(totals.bytes(), place->text);
    }
  }
  table.Finish();
  return failures.ExitStatus();
}

int Count(const GlobalOptions& global, const std::string& path) {
  const Result<Place> place = OpenPlace(path, global.at);
  if (!place.ok()) return Fail(place.status());
  Failures failures;
  TreeTotals totals;
  WalkTree(place->root.get(), place->path, place->text, totals, failures);
  if (totals.files() + totals.directories() == 0) return failures.ExitStatus();
  if (global.json) {
    std::puts(cli::Dump({{"path", place->text},
                         {"files", totals.files()},
                         {"directories", totals.directories()},
                         {"size_bytes", totals.bytes()}})
                  .c_str());
    return failures.ExitStatus();
  }
  std::printf("%-25s%-25s%s\n", "File Count", "Folder Count", "Total Bytes");
  std::printf("%-25s%-25s%s\n", std::to_string(totals.files()).c_str(),
              std::to_string(totals.directories()).c_str(), std::to_string(totals.bytes()).c_str());
  return failures.ExitStatus();
}

struct TestCommand {
  std::string path;
  bool directory = false;
  bool exists = false;
  bool file = false;
  bool not_empty = false;
  bool zero = false;
};

Result<bool> HasEntries(const Place& place) {
  Descriptor directory(openat(place.root.get(), place.path.c_str(), O_RDONLY | O_DIRECTORY));
  std::unique_ptr<DIR, int (*)(DIR*)> stream(directory ? fdopendir(directory.get()) : nullptr,
                                             closedir);
  if (!stream) return PathError(errno, "list", place.text);
  directory.Release();
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return true;
  }
  if (errno != 0) return PathError(errno, "list", place.text);
  return false;
}

Result<bool> Holds(const TestCommand& command, const Place& place) {
  struct stat st = {};
  if (fstatat(place.root.get(), place.path.c_str(), &st, 0) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return PathError(errno, "look at", place.text);
  }
  if (command.directory) return S_ISDIR(st.st_mode);
  if (command.file) return S_ISREG(st.st_mode);
  if (command.zero) return S_ISREG(st.st_mode) && st.st_size == 0;
  if (command.not_empty) return S_ISDIR(st.st_mode) ? HasEntries(place) : st.st_size > 0;
  return true;
}

int Test(const GlobalOptions& global, const TestCommand& command) {
  constexpr int kNotKnown = 2;
  const Result<Place> place = OpenPlace(command.path, global.at);
  if (!place.ok()) return Fail(place.status()), kNotKnown;
  const Result<bool> holds = Holds(command, *place);
  if (!holds.ok()) return Fail(holds.status()), kNotKnown;
  return *holds ? 0 : 1;
}

void AddTest(CLI::App& fs, GlobalOptions& global, int* exit_status) {
  CLI::App* test = AddFileCommand(
      fs, global, "test",
      "Say by the exit status what a path is: 0 it is so, 1 it is not, 2 it is not known",
      "  tarn fs test -d /logs && echo a directory");
  auto command = std::make_shared<TestCommand>();
  CLI::Option_group* what = test->add_option_group("Question");
  what->add_flag("-d", command->directory, "Is it a directory?");
  what->add_flag("-e", command->exists, "Does it exist?");
  what->add_flag("-f", command->file, "Is it a regular file?");
  what->add_flag("-s", command->not_empty, "Does the file have bytes, the directory entries?");
  what->add_flag("-z", command->zero, "Is it a file without bytes?");
  what->require_option(1);
  test->add_option("PATH", command->path, kNamespacePath)->required();
  test->callback([&global, command, exit_status] { *exit_status = Test(global, *command); });
}

}  // namespace

void AddSizeCommands(CLI::App& fs, GlobalOptions& global, int* exit_status) {
  auto sizes = std::make_shared<SizesCommand>();
  CLI::App* du = AddFileCommand(fs, global, "du", "Show the size of each file below a path",
                                "  tarn fs du -s -h /logs      the sum, as 12.3 MiB");
  du->add_option("PATH", sizes->paths, kNamespacePath)->required();
  du->add_flag("-s,--summarize", sizes->summary, "One line for each PATH: the sum of its files");
  du->set_help_flag("--help", "Print this help message and exit");
  du->add_flag("-h,--human", sizes->human, "Sizes with units, such as 12.3 MiB");
  du->add_flag("--json", global.json, "Print JSON, for scripts");
  du->callback([&global, sizes, exit_status] { *exit_status = Du(global, *sizes); });

  auto path = std::make_shared<std::string>();
  CLI::App* count = AddFileCommand(fs, global, "count",
                                   "Count the files and directories below a path, itself too",
                                   "  tarn fs count /logs");
  count->add_option("PATH", *path, kNamespacePath)->required();
  count->add_flag("--json", global.json, "Print JSON, for scripts");
  count->callback([&global, path, exit_status] { *exit_status = Count(global, *path); });

  AddTest(fs, global, exit_status);
}

}  // namespace tarn
