// tarn fs chmod, chown, chgrp and touch: attributes.

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "base/strings.h"
#include "cli/format.h"
#include "main/fs_commands.h"
#include "main/fs_place.h"
#include "main/mode_change.h"
#include "main/tree_walk.h"

namespace tarn {
namespace {

struct AttributeCommand {
  std::string change;  // A mode, "user:group" or a group.
  std::vector<std::string> paths;
  bool recursive = false;
};

// A new owner; what is absent stays as it is.
struct Owner {
  static constexpr uint32_t kSame = UINT32_MAX;
  uint32_t uid = kSame;
  uint32_t gid = kSame;
};

std::optional<uint32_t> Number(const std::string& text) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && number != Owner::kSame ? std::optional(number) : std::nullopt;
}

Result<uint32_t> GroupId(const std::string& name) {
  if (const group* found = getgrnam(name.c_str())) return found->gr_gid;
  if (const std::optional<uint32_t> number = Number(name)) return *number;
  return Status(Code::kInvalid, Concat("there is no group \"", cli::Shown(name), "\""));
}

// "user", "user:group", ":group", or "user:" for the group that the user logs in with.
Result<Owner> ParseOwner(const std::string& text) {
  Owner owner;
  const size_t colon = std::min(text.find(':'), text.size());
  const std::string user = text.substr(0, colon);
  const passwd* found = user.empty() ? nullptr : getpwnam(user.c_str());
  const std::optional<uint32_t> number = Number(user);
  if (found != nullptr) {
    owner.uid = found->pw_uid;
  } else if (number) {
    owner.uid = *number;
  } else if (!user.empty() || colon + 1 >= text.size()) {
    return Status(Code::kInvalid, Concat("there is no user \"", cli::Shown(user), "\""));
  }
  if (colon == text.size()) return owner;
  if (colon + 1 < text.size()) {
    ASSIGN_OR_RETURN(owner.gid, GroupId(text.substr(colon + 1)));
  } else if (found != nullptr) {
    owner.gid = found->pw_gid;
  }
  return owner;
}

// Changes each entry of a tree before those below it, so that "u+rwx" opens the way to them.
class ModeVisitor final : public TreeVisitor {
 public:
  explicit ModeVisitor(const ModeChange& change) : change_(change) {}
  Status Enter(const TreeEntry& directory) override { return Change(directory); }
  Status Visit(const TreeEntry& leaf) override { return Change(leaf); }
  Status Leave(const TreeEntry&, Below) override { return OkStatus(); }

 private:
  Status Change(const TreeEntry& entry) {
    const mode_t old = entry.attributes.st_mode;
    if (S_ISLNK(old)) return OkStatus();  // Has no mode of its own.
    const auto kind = S_ISDIR(old) ? ModeChange::Kind::kDirectory : ModeChange::Kind::kFile;
    const int flags = AT_SYMLINK_NOFOLLOW;
    if (fchmodat(entry.directory, entry.name, change_.Apply(old, kind), flags) == 0) {
      return OkStatus();
    }
    return PathError(errno, "change the mode of", entry.path);
  }

  const ModeChange& change_;
};

class OwnerVisitor final : public TreeVisitor {
 public:
  explicit OwnerVisitor(Owner owner) : owner_(owner) {}
  Status Enter(const TreeEntry& directory) override { return Change(directory); }
  Status Visit(const TreeEntry& leaf) override { return Change(leaf); }
  Status Leave(const TreeEntry&, Below) override { return OkStatus(); }

 private:
  Status Change(const TreeEntry& entry) const {
    const int flags = AT_SYMLINK_NOFOLLOW;
    if (fchownat(entry.directory, entry.name, owner_.uid, owner_.gid, flags) == 0) {
      return OkStatus();
    }
    return PathError(errno, "change the owner of", entry.path);
  }

  const Owner owner_;
};

// The file that `place` names, through symlinks.
Result<Descriptor> OpenThing(const Place& place, std::string_view attempt) {
  Descriptor thing(openat(place.root.get(), place.path.c_str(), O_PATH | O_CLOEXEC));
  if (!thing) return PathError(errno, attempt, place.text);
  return thing;
}

Status ChangeMode(const Place& place, const ModeChange& change) {
  ASSIGN_OR_RETURN(const Descriptor thing, OpenThing(place, "change the mode of"));
  struct stat st = {};
  if (fstat(thing.get(), &st) != 0) return PathError(errno, "look at", place.text);
  const auto kind = S_ISDIR(st.st_mode) ? ModeChange::Kind::kDirectory : ModeChange::Kind::kFile;
  // The kernel refuses fchmod on a descriptor that is only a path.
  const std::string path = Concat("/proc/self/fd/", thing.get());
  if (chmod(path.c_str(), change.Apply(st.st_mode, kind)) == 0) return OkStatus();
  return PathError(errno, "change the mode of", place.text);
}

Status ChangeOwner(const Place& place, Owner owner) {
  ASSIGN_OR_RETURN(const Descriptor thing, OpenThing(place, "change the owner of"));
  if (fchownat(thing.get(), "", owner.uid, owner.gid, AT_EMPTY_PATH) == 0) return OkStatus();
  return PathError(errno, "change the owner of", place.text);
}

// Calls `one` with each path of the command or, with -R, has `visitor` see all that is below.
// Prints "Changed <what> of <path> to <change>". Returns the exit status.
int ChangeAll(const GlobalOptions& global, const AttributeCommand& command, const char* what,
              TreeVisitor& visitor, const std::function<Status(const Place&)>& one) {
  Failures failures;
  for (const std::string& path : command.paths) {
    const Result<Place> place = OpenPlace(path, global.at);
    if (!failures.Check(place.status())) continue;
    const uint64_t before = failures.count();
    if (command.recursive) {
      WalkTree(place->root.get(), place->path, place->text, visitor, failures);
    } else {
      failures.Check(one(*place));
    }
    if (failures.count() != before) continue;
    std::printf("Changed %s of %s to %s\n", what, cli::Shown(place->text).c_str(),
                cli::Shown(command.change).c_str());
  }
  return failures.ExitStatus();
}

int Chmod(const GlobalOptions& global, const AttributeCommand& command) {
  const mode_t mask = umask(0);
  umask(mask);
  const Result<ModeChange> change = ModeChange::Parse(command.change, mask);
  if (!change.ok()) return Fail(change.status());
  ModeVisitor visitor(*change);
  return ChangeAll(global, command, "permission", visitor,
                   [&change](const Place& place) { return ChangeMode(place, *change); });
}

int ChangeOwners(const GlobalOptions& global, const AttributeCommand& command, const char* what,
                 const Result<Owner>& owner) {
  if (!owner.ok()) return Fail(owner.status());
  OwnerVisitor visitor(*owner);
  return ChangeAll(global, command, what, visitor,
                   [&owner](const Place& place) { return ChangeOwner(place, *owner); });
}

int Chown(const GlobalOptions& global, const AttributeCommand& command) {
  const bool both = command.change.find(':') != std::string::npos;
  return ChangeOwners(global, command, both ? "owner:group" : "owner", ParseOwner(command.change));
}

Result<Owner> ParseGroup(const std::string& text) {
  Owner owner;
  ASSIGN_OR_RETURN(owner.gid, GroupId(text));
  return owner;
}

Status Touch(const GlobalOptions& global, const std::string& path) {
  ASSIGN_OR_RETURN(const Place place, OpenPlace(path, global.at));
  if (utimensat(place.root.get(), place.path.c_str(), nullptr, 0) == 0) {
    std::printf("Changed times of %s\n", cli::Shown(place.text).c_str());
    return OkStatus();
  }
  if (errno != ENOENT) return PathError(errno, "change the times of", place.text);
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  const int fd = openat(place.root.get(), place.path.c_str(), flags, 0666);
  if (fd < 0 || close(fd) != 0) return PathError(errno, "create", place.text);
  std::printf("%s has been created\n", cli::Shown(place.text).c_str());
  return OkStatus();
}

CLI::App* AddChange(CLI::App& fs, GlobalOptions& global, const char* name, const char* about,
                    const char* example, const std::shared_ptr<AttributeCommand>& command,
                    const char* change, const char* change_help) {
  CLI::App* added = AddFileCommand(fs, global, name, about, example);
  added->add_option(change, command->change, change_help)->required();
  added->add_option("PATH", command->paths, kNamespacePath)->required();
  added->add_flag("-R,--recursive", command->recursive,
                  "Also all that is below. Symlinks are not followed");
  return added;
}

}  // namespace

void AddAttributeCommands(CLI::App& fs, GlobalOptions& global, int* exit_status) {
  auto command = std::make_shared<AttributeCommand>();
  CLI::App* chmod =
      AddChange(fs, global, "chmod", "Change the mode of files",
                "  tarn fs chmod -R go-w,a+X /logs\n  tarn fs chmod 640 /logs/today.csv", command,
                "MODE", "Octal (755), or symbolic: u+x, go-w, a=rX");
  chmod->callback([&global, command, exit_status] { *exit_status = Chmod(global, *command); });

  CLI::App* chown =
      AddChange(fs, global, "chown", "Change the owner, and the group, of files",
                "  tarn fs chown -R reader:staff /logs", command, "OWNER",
                "USER, USER:GROUP, USER: for the login group, or :GROUP; names or numbers");
  chown->callback([&global, command, exit_status] { *exit_status = Chown(global, *command); });

  CLI::App* chgrp =
      AddChange(fs, global, "chgrp", "Change the group of files", "  tarn fs chgrp staff /logs",
                command, "GROUP", "A name or a number");
  chgrp->callback([&global, command, exit_status] {
    *exit_status = ChangeOwners(global, *command, "group", ParseGroup(command->change));
  });

  CLI::App* touch = AddFileCommand(
      fs, global, "touch", "Create empty files, or set the times of those that exist to now",
      "  tarn fs touch /logs/_DONE");
  touch->add_option("PATH", command->paths, kNamespacePath)->required();
  touch->callback([&global, command, exit_status] {
    Failures failures;
    for (const std::string& path : command->paths) failures.Check(Touch(global, path));
    *exit_status = failures.ExitStatus();
  });
}

}  // namespace tarn
