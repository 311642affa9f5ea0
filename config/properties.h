#pragma once

// The properties in force in one process, merged from their sources. Each value says which source
// it has. A value; any number of threads may read it while no thread calls Set.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "config/property.h"

namespace tarn {

// Where values come from. A later source prevails over an earlier one.
struct PropertySources {
  std::vector<std::string> directories = {};  // Where tarn-site.properties may be.
  // The value of TARN_CONF_DIR: a further such directory, which must exist. Empty: not set.
  std::string named_directory = {};
  std::vector<std::string> environment = {};  // "NAME=value"; other names are skipped.
  std::vector<std::string> definitions = {};  // "name=value", as given to -D.
};

// /etc/tarn, $TARN_CONF_DIR and this process's environment, with the definitions given.
PropertySources ProcessSources(std::vector<std::string> definitions);
// The part of a "name=value" that must not be shown: the value of a secret, or of an unknown name,
// which may be a misspelt secret. Empty: there is none.
std::string_view SecretPart(std::string_view definition);

class Properties {
 public:
  Properties();  // All defaults.
  // kInvalid: a name is unknown or a value malformed. The message says where, and what would be
  // right. kPermission, kIo: a site file exists and cannot be read. kNotFound, kNotDirectory:
  // PropertySources::named_directory is no directory.
  static Result<Properties> Load(const PropertySources& sources);

  template <typename T>
  const T& Get(PropertyKey<T> key) const {
    return std::get<T>(values_[static_cast<size_t>(key.row)].value);
  }
  // Messages and List show `source`: "-D", "/etc/tarn/tarn-site.properties:12". kInvalid: the name
  // is unknown or the value malformed, and nothing changes.
  Status Set(std::string_view name, std::string_view text, std::string_view source);
  // Makes relative paths absolute: they are paths in `directory`. Call it before the process
  // changes its working directory.
  void ResolvePaths(std::string_view directory);

  // What the user must know of the site files, such as a secret that every user can read.
  const std::vector<std::string>& warnings() const { return warnings_; }

  struct Entry {
    std::string name;
    std::string text;    // The text that was set; a secret is masked.
    std::string source;  // "default", or the source given to Set.
  };
  std::vector<Entry> List() const;  // In the order of the table.
  // kInvalid: the name is unknown; the message has the nearest one.
  Result<Entry> Find(std::string_view name) const;

 private:
  struct Value {
    PropertyValue value;
    std::string text;
    std::string source;
  };
  Status TakeSiteFile(const std::string& path);
  Entry EntryAt(size_t index) const;
  std::vector<Value> values_;  // One a row of the table.
  std::vector<std::string> warnings_;
};

}  // namespace tarn
