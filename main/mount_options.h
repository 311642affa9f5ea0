#pragma once

// The options after -o, which also stand in /etc/fstab and in tarn.fuse.mount.options.

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "config/properties.h"
#include "node/mount_settings.h"

namespace tarn {

// Splits texts that hold several options, separated by commas. "\," is a comma in a value, "\\" a
// backslash.
std::vector<std::string> SplitOptions(const std::vector<std::string>& texts);
// Whether two characters stand for one here. Other backslashes are themselves.
inline bool IsEscape(const char* text) {
  return text[0] == '\\' && (text[1] == ',' || text[1] == '\\');
}

// Whether an option sets a property, by its name: tarn.log.level=debug.
bool IsPropertyOption(std::string_view option);

// What the options of one mount ask for. Options that are only for mount(8), systemd or desktops,
// or about access times, which a read never changes here, ask for nothing.
class MountOptions {
 public:
  // `property` is tarn.fuse.mount.options, `command` what stands after -o, which prevails.
  // kInvalid: an option is unknown, contradicts another one, or has a value that it cannot have.
  // The message names the nearest option, or what would be right.
  static Result<MountOptions> Parse(const std::vector<std::string>& property,
                                    const std::vector<std::string>& command);

  const MountSettings& settings() const { return settings_; }
  // Sets what options say of properties: attr_timeout, debug, tarn.log.level=debug and the like.
  // Those of the command prevail over -D, and -D over those of tarn.fuse.mount.options.
  // kInvalid: a property is unknown or its value malformed.
  Status ApplyTo(Properties& properties) const;

 private:
  struct Definition {
    std::string name;
    std::string text;
    std::string source;
  };
  friend class MountOptionReader;

  MountSettings settings_;
  std::vector<Definition> definitions_;  // By the command.
  std::vector<Definition> of_property_;  // By tarn.fuse.mount.options.
};

// The help text about the options.
std::string MountOptionsHelp();

// The rules of fuse.conf(5) for `user`, who mounts with `settings`. kPermission: the file at `path`
// lacks user_allow_other. The message says what to do.
Status CheckFuseConf(const MountSettings& settings, uint32_t user, const std::string& path);

}  // namespace tarn
