// tarn fs cat, head, tail and checksum: what files contain.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>

#include "base/digest.h"
#include "base/units.h"
#include "cli/format.h"
#include "main/fs_commands.h"
#include "main/fs_place.h"
#include "main/tree_walk.h"

namespace tarn {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

struct ContentCommand {
  std::vector<std::string> paths;
  std::string bytes = "1KB";
};

struct OpenFile {
  Descriptor descriptor;
  uint64_t size_bytes = 0;
  std::string text;
};

Result<OpenFile> OpenToRead(const std::string& path, const std::string& at) {
  ASSIGN_OR_RETURN(const Place place, OpenPlace(path, at));
  OpenFile file;
  file.text = place.text;
  // Without O_NONBLOCK the open of a fifo would wait for a writer.
  const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  file.descriptor.Reset(openat(place.root.get(), place.path.c_str(), flags));
  struct stat st = {};
  if (!file.descriptor || fstat(file.descriptor.get(), &st) != 0) {
    return PathError(errno, "read", place.text);
  }
  if (S_ISDIR(st.st_mode)) return PathError(EISDIR, "read", place.text);
  if (!S_ISREG(st.st_mode)) {
    return PathError(Code::kInvalid, "read", place.text, "it is not a regular file");
  }
  file.size_bytes = static_cast<uint64_t>(st.st_size);
  return file;
}

using Take = std::function<Status(std::span<const std::byte>)>;

// Gives `take` the bytes from `offset` on, at most `limit` of them.
Status Read(const OpenFile& file, uint64_t offset, uint64_t limit, const Take& take) {
  std::vector<std::byte> buffer(kBufferBytes);
  while (limit > 0) {
    const size_t wanted = static_cast<size_t>(std::min<uint64_t>(limit, buffer.size()));
    const ssize_t got =
        pread(file.descriptor.get(), buffer.data(), wanted, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return PathError(errno, "read", file.text);
    if (got == 0) return OkStatus();
    RETURN_IF_ERROR(take({buffer.data(), static_cast<size_t>(got)}));
    offset += static_cast<uint64_t>(got);
    limit -= static_cast<uint64_t>(got);
  }
  return OkStatus();
}

Status Print(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return ErrnoStatus(errno, "write to standard output");
    bytes = bytes.subspan(static_cast<size_t>(written));
  }
  return OkStatus();
}

Status Cat(const GlobalOptions& global, const ContentCommand&, const std::string& path) {
  ASSIGN_OR_RETURN(const OpenFile file, OpenToRead(path, global.at));
  return Read(file, 0, UINT64_MAX, Print);
}

Status Head(const GlobalOptions& global, const ContentCommand& command, const std::string& path) {
  ASSIGN_OR_RETURN(const uint64_t bytes, ParseSize(command.bytes));
  ASSIGN_OR_RETURN(const OpenFile file, OpenToRead(path, global.at));
  return Read(file, 0, bytes, Print);
}

Status Tail(const GlobalOptions& global, const ContentCommand& command, const std::string& path) {
  ASSIGN_OR_RETURN(const uint64_t bytes, ParseSize(command.bytes));
  ASSIGN_OR_RETURN(const OpenFile file, OpenToRead(path, global.at));
  return Read(file, file.size_bytes - std::min(file.size_bytes, bytes), bytes, Print);
}

Status Checksum(const GlobalOptions& global, const ContentCommand&, const std::string& path) {
  ASSIGN_OR_RETURN(const OpenFile file, OpenToRead(path, global.at));
  Md5Stream digest;
  RETURN_IF_ERROR(Read(file, 0, UINT64_MAX, [&digest](std::span<const std::byte> bytes) {
    digest.Update(bytes);
    return OkStatus();
  }));
  const std::string md5 = Hex(digest.Finish());
  if (global.json) {
    std::puts(cli::Dump({{"path", file.text}, {"md5", md5}}).c_str());
  } else {
    std::printf("md5sum: %s\n", md5.c_str());
  }
  return OkStatus();
}

using Action = Status (*)(const GlobalOptions&, const ContentCommand&, const std::string&);

int ForEachPath(const GlobalOptions& global, const ContentCommand& command, Action action) {
  // A reader such as head(1) that has enough ends this process, without a message.
  std::signal(SIGPIPE, SIG_DFL);
  Failures failures;
  for (const std::string& path : command.paths) failures.Check(action(global, command, path));
  return failures.ExitStatus();
}

}  // namespace

void AddContentCommands(CLI::App& fs, GlobalOptions& global, int* exit_status) {
  auto command = std::make_shared<ContentCommand>();
  const auto add = [&fs, &global, command, exit_status](const char* name, const char* about,
                                                        const char* example, Action action) {
    CLI::App* added = AddFileCommand(fs, global, name, about, example);
    added->add_option("PATH", command->paths, kNamespacePath)->required();
    added->callback([&global, command, exit_status, action] {
      *exit_status = ForEachPath(global, *command, action);
    });
    return added;
  };
  add("cat", "Print files", "  tarn fs cat /logs/today.csv | wc -l", Cat);
  add("head", "Print the first bytes of files", "  tarn fs head -c 4KB /logs/today.csv", Head)
      ->add_option("-c,--bytes", command->bytes, "How many bytes, such as 100 or 4KB")
      ->capture_default_str();
  add("tail", "Print the last bytes of files", "  tarn fs tail -c 100 /logs/today.csv", Tail)
      ->add_option("-c,--bytes", command->bytes, "How many bytes, such as 100 or 4KB")
      ->capture_default_str();
  add("checksum", "Print the MD5 of the bytes of files", "  tarn fs checksum /logs/today.csv",
      Checksum)
      ->add_flag("--json", global.json, "Print JSON, for scripts");
}

}  // namespace tarn
