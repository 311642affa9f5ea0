#include "base/strings.h"
#include "config/property.h"

namespace tarn {
namespace {

constexpr std::string_view kIntroduction = R"(# Configuration

Generated from `config/property_table.inc` by `ninja -C build/release configuration_doc`; do not edit.

Each property has a default. It may be set, in rising priority,

1. in `tarn-site.properties` (lines `name=value`, comments with `#`), looked for in `/etc/tarn` and then in the
   directory that the environment variable `TARN_CONF_DIR` names, which must exist;
2. in the environment, in capitals and with `_` for `.`: `TARN_WRITE_CACHE_SYNC_ON_CLOSE=false`;
3. on the command line: `tarn mount -D tarn.write.cache.sync.on.close=false ...`.

`alluxio.` is accepted for `tarn.` (`ALLUXIO_` for `TARN_`), so that an existing site file keeps working. An unknown
name or a malformed value is an error that says where it stands and names the nearest valid one. In the environment this
holds only for variables whose first word after `TARN_` is that of a property. `tarn conf list` shows every
value in force and where it comes from; `tarn conf get NAME` shows one.

Sizes are a number and a unit, in powers of 1024: `64k`, `512MB`, `1GiB`. Durations are a number and a unit: `500ms`,
`30s`, `10min`, `1h`, `2d`; `never` (or `-1`) is forever. Ratios are `0.3` or `30%`. Lists are separated by commas.
A relative path is relative to the directory that `tarn` is called in.

)";

std::string_view TypeName(PropertyType type) {
  switch (type) {
    case PropertyType::kBool:
      return "true or false";
    case PropertyType::kInt:
      return "number";
    case PropertyType::kSize:
      return "size";
    case PropertyType::kDuration:
      return "duration";
    case PropertyType::kRatio:
      return "ratio";
    case PropertyType::kString:
      return "text";
    case PropertyType::kAddress:
      return "address";
    case PropertyType::kChoice:
      return "choice";
    case PropertyType::kSecret:
      return "secret";
    case PropertyType::kSizes:
      return "list of sizes";
    case PropertyType::kStrings:
      return "list";
    case PropertyType::kPath:
      return "path";
    case PropertyType::kPaths:
      return "list of paths";
  }
  return "unknown";
}

// "S3FIFO, LRU" for "S3FIFO|LRU", because a bar would end the cell; "1 to 8" for "1..8".
std::string Readable(std::string_view allowed) {
  std::string out;
  for (size_t i = 0; i < allowed.size(); ++i) {
    const bool dots = allowed.substr(i, 2) == "..";
    if (dots) ++i;
    out += dots ? " to " : allowed[i] == '|' ? ", " : std::string(1, allowed[i]);
  }
  return out;
}

std::string RowMarkdown(const PropertyRow& row) {
  const std::string kind = row.allowed.empty()
                               ? std::string(TypeName(row.type))
                               : Concat(TypeName(row.type), ": ", Readable(row.allowed));
  const std::string value =
      row.default_text.empty() ? std::string("empty") : Concat("`", row.default_text, "`");
  return Concat("| `", row.name, "` | ", kind, " | ", value, " | ", ScopeName(row.scope), " | ",
                row.doc, " |\n");
}

}  // namespace

std::string ConfigurationMarkdown() {
  std::string out(kIntroduction);
  out += "| name | type | default | scope | meaning |\n|---|---|---|---|---|\n";
  for (const PropertyRow& row : PropertyTable()) out += RowMarkdown(row);
  return out;
}

}  // namespace tarn
