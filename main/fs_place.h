#pragma once

// Paths that the commands of `tarn fs` work on. The commands reach a namespace through its mount
// point, so that each call has the rights of the user who runs the command, and other programs see
// its effect at once.

#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/status.h"

namespace tarn {

// A path of a namespace or, after file://, of this machine. Nothing may be there yet.
struct Place {
  Descriptor root;               // O_PATH, of the mount point; "/" for a local path.
  std::string path;              // Below `root`, relative; "." for `root` itself.
  std::string text;              // The user's word, without the '/' at its end.
  bool local = false;            // The user wrote file://.
  bool wants_directory = false;  // The user wrote a '/' at its end.

  bool IsRoot() const { return path == "."; }
};

// Where something is made or replaced: a name in a directory.
struct Target {
  Descriptor directory;  // O_PATH.
  std::string name;
  std::string text;  // A user would write it so.
  bool local = false;
};

// The path behind file://. Empty: `text` names no local path.
std::string LocalPath(std::string_view text);
// An absolute path without "..", as one below a directory: "/a/b" is "a/b", "/" is ".".
std::string RelativeToRoot(std::string_view path);
// The last name of a path as RelativeToRoot returns it. Empty for ".".
std::string LastName(std::string_view path);

// `text` is below a mount point, or a path of the namespace of the mount that `at` names.
// kNotFound: no such mount. kInvalid: `text` begins with file://, or several mounts run.
Result<Place> OpenPlace(const std::string& text, const std::string& at);
// OpenPlace, or a path of this machine.
Result<Place> OpenPlaceOrLocal(const std::string& text, const std::string& at);
// `destination` itself or, if that is a directory, the name of `source` in it. For the root of a
// mount, which has no name, it is the directory.
Result<Target> OpenTarget(const Place& source, const Place& destination);

// "remove /x: Permission denied"; for ENOENT "remove /x: Path does not exist". Control characters
// of the path are escaped, because a terminal would act on them.
Status PathError(int error, std::string_view attempt, const std::string& path);
// "remove /x: " and why.
Status PathError(Code code, std::string_view attempt, const std::string& path,
                 std::string_view why);

}  // namespace tarn
