#pragma once

// The properties in force in one process, merged from their sources, each remembering where it came
// from. A value; read it from any thread while nobody calls Set.

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "config/property.h"

namespace tarn {

// Where values come from, later ones prevailing.
struct PropertySources {
  std::vector<std::string> directories = {};  // Of tarn-site.properties; it need not be there.
  std::vector<std::string> environment = {};  // "NAME=value"; others than ours are passed over.
  std::vector<std::string> definitions = {};  // "name=value", of -D.
};

// /etc/tarn, $TARN_CONF_DIR and this process's environment, with the definitions given.
PropertySources ProcessSources(std::vector<std::string> definitions);
// The part of a "name=value" that others must not see: the value of a secret, or of what is no
// property (a secret's misspelt name). Empty: none.
std::string_view SecretPart(std::string_view definition);

class Properties {
 public:
  Properties();  // All defaults.
  // kInvalid: a name is unknown or a value malformed; the message says where it stands and what
  // would be right. kPermission, kIo: a site file is there but cannot be read.
  static Result<Properties> Load(const PropertySources& sources);

  template <typename T>
  const T& Get(PropertyKey<T> key) const {
    return std::get<T>(values_[static_cast<size_t>(key.row)].value);
  }
  // `source` is for people: "-D", "/etc/tarn/tarn-site.properties:12". Codes as Load; nothing
  // changes on error.
  Status Set(std::string_view name, std::string_view text, std::string_view source);
  // Relative paths become those that they are in `directory`. Before a process leaves it.
  void ResolvePaths(std::string_view directory);

  struct Entry {
    std::string name;
    std::string text;    // As it was written; secrets masked.
    std::string source;  // "default", or as given to Set.
  };
  std::vector<Entry> List() const;                  // In the order of the table.
  Result<Entry> Find(std::string_view name) const;  // kInvalid: unknown, with the nearest name.

 private:
  struct Value {
    PropertyValue value;
    std::string text;
    std::string source;
  };
  Entry EntryAt(size_t index) const;
  std::vector<Value> values_;  // One a row of the table.
};

}  // namespace tarn
