#include "main/mount_options.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <string_view>

#include "base/strings.h"

namespace tarn {
namespace {

constexpr std::string_view kForOthers[] = {
    "defaults", "auto",    "noauto", "user",    "nouser",   "users",     "nousers",
    "owner",    "noowner", "group",  "nogroup", "_netdev",  "nofail",    "fail",
    "silent",   "loud",    "mand",   "nomand",  "iversion", "noiversion"};
constexpr std::string_view kForOthersWithValue[] = {
    "x-", "X-", "user=", "comment=", "uhelper=", "helper="};
constexpr std::string_view kAccessTimes[] = {"atime",      "diratime",    "relatime",
                                             "norelatime", "strictatime", "nostrictatime",
                                             "lazytime",   "nolazytime"};
constexpr std::string_view kForKernel[] = {
    "suid",       "nosuid", "dev",   "nodev",   "exec",      "noexec",      "noatime",
    "nodiratime", "sync",   "async", "dirsync", "symfollow", "nosymfollow", "auto_unmount"};
constexpr std::string_view kForKernelWithValue[] = {
    "fsname=", "context=", "fscontext=", "defcontext=", "rootcontext="};
constexpr std::string_view kCommand = "-o";
constexpr std::string_view kPropertyPrefixes[] = {"tarn.", "alluxio.", "s3a."};

enum class Takes : uint8_t { kNothing, kNumber, kOctal, kSeconds };

struct OptionRow {
  std::string_view name;
  Takes takes;
  uint64_t least;
  uint64_t most;
  std::string_view example;
  std::string_view help;
};

constexpr uint64_t kMostId = 0xfffffffe;
constexpr uint64_t kMostSeconds = uint64_t{365} * 24 * 3600;

constexpr OptionRow kOptions[] = {
    {"ro", Takes::kNothing, 0, 0, "", "the mount changes nothing; rw: it does"},
    {"rw", Takes::kNothing, 0, 0, "", ""},
    {"direct_io", Takes::kNothing, 0, 0, "", "the kernel keeps no page of a file"},
    {"kernel_cache", Takes::kNothing, 0, 0, "", "the kernel keeps pages from open to open"},
    {"auto_cache", Takes::kNothing, 0, 0, "",
     "it drops them at an open after size or modification time changed"},
    {"attr_timeout", Takes::kSeconds, 0, kMostSeconds, "60", "seconds it may keep attributes"},
    {"entry_timeout", Takes::kSeconds, 0, kMostSeconds, "60", "seconds it may keep names"},
    {"negative_timeout", Takes::kSeconds, 0, kMostSeconds, "1",
     "seconds it may keep that a name does not exist"},
    {"max_read", Takes::kNumber, 4096, 1 << 20, "131072", "bytes of one read request, at most"},
    {"max_idle_threads", Takes::kNumber, 1, 1024, "64", "threads that wait for requests, at most"},
    {"allow_other", Takes::kNothing, 0, 0, "", "all users see the mount, as where root mounts"},
    {"allow_root", Takes::kNothing, 0, 0, "", "only root and the user who mounts see it"},
    {"default_permissions", Takes::kNothing, 0, 0, "", "always on"},
    {"uid", Takes::kNumber, 0, kMostId, "1000", "the owner that stat shows of each file"},
    {"gid", Takes::kNumber, 0, kMostId, "1000", "the group that stat shows"},
    {"umask", Takes::kOctal, 0, 0777, "022", "octal; stat shows the mode 0777 without these bits"},
    {"big_writes", Takes::kNothing, 0, 0, "", "no effect: writes are always big"},
    {"debug", Takes::kNothing, 0, 0, "", "logs each request (tarn.fuse.debug.enabled)"},
};

constexpr std::string_view kPageOptions[] = {"direct_io", "kernel_cache", "auto_cache"};
constexpr std::string_view kAccessOptions[] = {"allow_other", "allow_root"};

bool Has(std::span<const std::string_view> words, std::string_view word) {
  return std::ranges::find(words, word) != words.end();
}

bool BeginsWithOne(std::span<const std::string_view> prefixes, std::string_view word) {
  const auto begins = [&](std::string_view prefix) { return word.starts_with(prefix); };
  return std::ranges::any_of(prefixes, begins);
}

bool IsForOthers(std::string_view option) {
  return Has(kForOthers, option) || Has(kAccessTimes, option) ||
         BeginsWithOne(kForOthersWithValue, option);
}

bool IsForKernel(std::string_view option) {
  return Has(kForKernel, option) || BeginsWithOne(kForKernelWithValue, option);
}

const OptionRow* FindOption(std::string_view name) {
  const auto* row = std::ranges::find(kOptions, name, &OptionRow::name);
  return row == std::end(kOptions) ? nullptr : row;
}

Status Refused(std::string_view source, std::string_view option, std::string_view why) {
  return Status(Code::kInvalid, Concat("cannot mount with ", source, " ", option, ": ", why));
}

Status Unknown(std::string_view source, std::string_view option) {
  std::vector<std::string_view> names;
  for (const OptionRow& row : kOptions) names.push_back(row.name);
  for (const std::string_view name : kForKernel) names.push_back(name);
  for (const std::string_view name : kForOthers) names.push_back(name);
  for (const std::string_view name : kAccessTimes) names.push_back(name);
  // Its value may be a secret.
  const std::string_view name = option.substr(0, option.find('='));
  const std::string_view nearest = Nearest(name, names.data(), names.size());
  return Refused(source, name,
                 nearest.empty() ? "there is no such option; `tarn mount --help` shows all"
                                 : Concat("there is no such option; did you mean ", nearest, "?"));
}

std::optional<uint64_t> NumberIn(std::string_view text, int base) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

std::optional<double> SecondsIn(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

std::string RangeText(const OptionRow& row) {
  const std::string as = Concat(", as in ", row.name, "=", row.example);
  switch (row.takes) {
    case Takes::kOctal:
      return Concat("give an octal number from 0 to 0777", as);
    case Takes::kSeconds:
      return Concat("give seconds from ", row.least, " to ", row.most, as);
    default:
      return Concat("give a number from ", row.least, " to ", row.most, as);
  }
}

bool IsInRange(const OptionRow& row, std::string_view text) {
  if (row.takes == Takes::kSeconds) {
    const std::optional<double> seconds = SecondsIn(text);
    return seconds && *seconds >= 0 && *seconds <= static_cast<double>(row.most);
  }
  const std::optional<uint64_t> number = NumberIn(text, row.takes == Takes::kOctal ? 8 : 10);
  return number && *number >= row.least && *number <= row.most;
}

// "500000000ns" for "0.5".
std::string DurationOf(std::string_view seconds) {
  return Concat(static_cast<int64_t>(SecondsIn(seconds).value_or(0) * 1e9), "ns");
}

}  // namespace

// Reads the options of one place after those of another one, which they prevail over.
class MountOptionReader {
 public:
  explicit MountOptionReader(MountOptions& out) : out_(out) {}

  Status Read(std::string_view source, const std::vector<std::string>& options);
  void Finish();

 private:
  using Values = std::map<std::string, std::string, std::less<>>;

  Status Take(std::string_view option);
  Status TakeProperty(std::string_view option);
  Status TakeKnown(const OptionRow& row, std::string_view option, bool has_value);
  // Fails if a further one of `group` is given in this place. Forgets those of other places.
  Status Choose(std::span<const std::string_view> group, std::string_view option);
  bool Given(std::string_view name) const { return values_.contains(name); }
  std::optional<uint32_t> Number(std::string_view name, int base) const;
  void SetProperty(std::string_view option, std::string_view property);

  MountOptions& out_;
  std::string_view source_;
  Values values_;  // By the name of the option.
  Values here_;    // Those of them that the place being read gave.
  std::optional<bool> read_only_;
};

Status MountOptionReader::Read(std::string_view source, const std::vector<std::string>& options) {
  source_ = source;
  here_.clear();
  for (const std::string& option : options) RETURN_IF_ERROR(Take(option));
  return OkStatus();
}

Status MountOptionReader::Take(std::string_view option) {
  if (IsPropertyOption(option)) return TakeProperty(option);
  const size_t equals = option.find('=');
  if (const OptionRow* row = FindOption(option.substr(0, equals)); row != nullptr) {
    return TakeKnown(*row, option, equals != std::string_view::npos);
  }
  if (IsForOthers(option)) return OkStatus();
  if (!IsForKernel(option)) return Unknown(source_, option);
  out_.settings_.kernel_options.emplace_back(option);
  return OkStatus();
}

Status MountOptionReader::TakeProperty(std::string_view option) {
  const size_t equals = option.find('=');
  const std::string_view name = Trimmed(option.substr(0, equals));
  if (source_ != kCommand) {
    return Refused(source_, name, "write a line of its own for it into the site file");
  }
  if (name.ends_with(".fuse.mount.options")) {
    return Refused(source_, name, "write the options themselves after -o");
  }
  if (equals == std::string_view::npos) {
    return Refused(source_, name, Concat("it needs a value, as in ", name, "=VALUE"));
  }
  out_.definitions_.push_back(
      {std::string(name), std::string(Trimmed(option.substr(equals + 1))), std::string(source_)});
  return OkStatus();
}

Status MountOptionReader::TakeKnown(const OptionRow& row, std::string_view option, bool has_value) {
  const std::string_view text = has_value ? option.substr(row.name.size() + 1) : "";
  if (row.takes == Takes::kNothing && has_value) {
    return Refused(source_, option, Concat("it takes no value; write ", row.name));
  }
  if (row.takes != Takes::kNothing && !IsInRange(row, text)) {
    return Refused(source_, option, RangeText(row));
  }
  if (row.name == "ro" || row.name == "rw") {  // The last one counts, as for mount(8).
    read_only_ = row.name == "ro";
    return OkStatus();
  }
  if (const auto before = here_.find(row.name); before != here_.end() && before->second != text) {
    return Refused(source_, option,
                   Concat("it contradicts ", row.name, "=", before->second, "; give one of them"));
  }
  RETURN_IF_ERROR(Choose(kPageOptions, row.name));
  RETURN_IF_ERROR(Choose(kAccessOptions, row.name));
  here_[std::string(row.name)] = text;
  values_[std::string(row.name)] = text;
  return OkStatus();
}

Status MountOptionReader::Choose(std::span<const std::string_view> group, std::string_view option) {
  if (!Has(group, option)) return OkStatus();
  for (const std::string_view other : group) {
    if (other == option) continue;
    if (here_.contains(other)) {
      return Refused(source_, option, Concat("it contradicts ", other, "; give one of them"));
    }
    if (const auto found = values_.find(other); found != values_.end()) values_.erase(found);
  }
  return OkStatus();
}

std::optional<uint32_t> MountOptionReader::Number(std::string_view name, int base) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  const std::optional<uint64_t> number = NumberIn(found->second, base);
  return number ? std::optional(static_cast<uint32_t>(*number)) : std::nullopt;
}

void MountOptionReader::SetProperty(std::string_view option, std::string_view property) {
  const auto found = values_.find(option);
  if (found == values_.end()) return;
  const bool flag = FindOption(option)->takes == Takes::kNothing;
  const bool by_command = source_ == kCommand && here_.contains(option);
  (by_command ? out_.definitions_ : out_.of_property_)
      .push_back({std::string(property), flag ? "true" : DurationOf(found->second),
                  Concat("mount option ", option)});
}

void MountOptionReader::Finish() {
  MountSettings& settings = out_.settings_;
  settings.read_only = read_only_.value_or(false);
  if (Given("direct_io")) settings.pages = KernelPages::kNone;
  if (Given("kernel_cache")) settings.pages = KernelPages::kKept;
  if (Given("auto_cache")) settings.pages = KernelPages::kKeptIfUnchanged;
  if (Given("allow_other")) settings.access = MountAccess::kOthers;
  if (Given("allow_root")) settings.access = MountAccess::kRoot;
  settings.uid = Number("uid", 10);
  settings.gid = Number("gid", 10);
  settings.umask = Number("umask", 8);
  settings.max_read_bytes = Number("max_read", 10);
  settings.max_idle_threads = Number("max_idle_threads", 10);
  SetProperty("attr_timeout", "tarn.fuse.attr.timeout");
  SetProperty("entry_timeout", "tarn.fuse.entry.timeout");
  SetProperty("negative_timeout", "tarn.fuse.negative.timeout");
  SetProperty("debug", "tarn.fuse.debug.enabled");
}

bool IsPropertyOption(std::string_view option) { return BeginsWithOne(kPropertyPrefixes, option); }

std::vector<std::string> SplitOptions(const std::vector<std::string>& texts) {
  std::vector<std::string> options;
  for (const std::string& text : texts) {
    std::string option;
    for (size_t i = 0; i <= text.size(); ++i) {
      if (i == text.size() || text[i] == ',') {
        if (!option.empty()) options.push_back(std::move(option));
        option.clear();
      } else {
        if (IsEscape(&text[i])) ++i;
        option.push_back(text[i]);
      }
    }
  }
  return options;
}

Result<MountOptions> MountOptions::Parse(const std::vector<std::string>& property,
                                         const std::vector<std::string>& command) {
  MountOptions out;
  MountOptionReader reader(out);
  RETURN_IF_ERROR(reader.Read("tarn.fuse.mount.options", property));
  RETURN_IF_ERROR(reader.Read(kCommand, command));
  reader.Finish();
  return out;
}

Status MountOptions::ApplyTo(Properties& properties) const {
  for (const Definition& definition : of_property_) {
    ASSIGN_OR_RETURN(const Properties::Entry present, properties.Find(definition.name));
    if (present.source == "-D") continue;
    RETURN_IF_ERROR(properties.Set(definition.name, definition.text, definition.source));
  }
  for (const Definition& definition : definitions_) {
    RETURN_IF_ERROR(properties.Set(definition.name, definition.text, definition.source));
  }
  return OkStatus();
}

std::string MountOptionsHelp() {
  std::string text = "Mount options (doc/mount.md says what each costs):\n";
  for (const OptionRow& row : kOptions) {
    if (row.help.empty()) continue;
    std::string name = Concat(row.name, row.takes == Takes::kNothing ? "" : "=N");
    name.resize(std::max<size_t>(name.size() + 1, 21), ' ');
    text += Concat("  ", name, row.help, "\n");
  }
  text += "  tarn.NAME=VALUE      a property, as by -D; a comma in VALUE is written \\,\n";
  text += "  nosuid nodev noexec noatime sync dirsync ...   those of mount(8) and /etc/fstab\n";
  return text;
}

Status CheckFuseConf(const MountSettings& settings, uint32_t user, const std::string& path) {
  if (user == 0 || settings.access == MountAccess::kDefault) return OkStatus();
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (Trimmed(std::string_view(line).substr(0, line.find('#'))) == "user_allow_other") {
      return OkStatus();
    }
  }
  const std::string_view option =
      settings.access == MountAccess::kRoot ? "allow_root" : "allow_other";
  return Status(Code::kPermission,
                Concat("cannot mount with -o ", option, ": ", path,
                       " has no line user_allow_other, without which only root may let other "
                       "users into a mount. Ask root to add the line, or leave the option out: "
                       "then only you see the mount"));
}

}  // namespace tarn
