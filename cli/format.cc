#include "cli/format.h"

#include <grp.h>
#include <pwd.h>

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "base/strings.h"
#include "base/wall_time.h"

namespace tarn::cli {
namespace {

struct TypeRow {
  role::FileType type;
  char letter;
  const char* name;
};
constexpr TypeRow kTypes[] = {
    {role::FileType::kRegular, '-', "file"},
    {role::FileType::kDirectory, 'd', "directory"},
    {role::FileType::kSymlink, 'l', "symlink"},
    {role::FileType::kFifo, 'p', "fifo"},
    {role::FileType::kSocket, 's', "socket"},
    {role::FileType::kCharDevice, 'c', "character device"},
    {role::FileType::kBlockDevice, 'b', "block device"},
};

const TypeRow& RowOf(role::FileType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row;
  }
  return kTypes[0];
}

// The letter of an execute position, which shows setuid, setgid and sticky too.
char Execute(bool execute, bool special, char letter) {
  if (!special) return execute ? 'x' : '-';
  return execute ? letter : static_cast<char>(letter - 'a' + 'A');
}

std::string TimeText(int64_t ns) { return ns == 0 ? "" : LocalTime(ns); }

}  // namespace

std::string TypeName(role::FileType type) { return RowOf(type).name; }

std::string ModeText(const role::Attr& attr) {
  std::string text(1, RowOf(attr.type).letter);
  for (int shift = 6; shift >= 0; shift -= 3) {
    const uint32_t bits = attr.mode >> shift;
    text += (bits & 4) ? 'r' : '-';
    text += (bits & 2) ? 'w' : '-';
    const bool special = (attr.mode & (shift == 6 ? 04000u : shift == 3 ? 02000u : 01000u)) != 0;
    text += Execute((bits & 1) != 0, special, shift == 0 ? 't' : 's');
  }
  return text;
}

std::string LocalTime(int64_t ns) {
  const time_t seconds = TimeOf(ns).tv_sec;
  std::tm local = {};
  localtime_r(&seconds, &local);
  char text[32];
  const size_t size = strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &local);
  return std::string(text, size);
}

std::string UserName(uint32_t uid) {
  const passwd* user = getpwuid(uid);
  return user == nullptr ? std::to_string(uid) : user->pw_name;
}

std::string GroupName(uint32_t gid) {
  const group* found = getgrgid(gid);
  return found == nullptr ? std::to_string(gid) : found->gr_name;
}

std::string SizeText(uint64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < std::size(kUnits)) {
    value /= 1024;
    ++unit;
  }
  char text[32];
  snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text;
}

std::string Shown(const std::string& name) {
  std::string shown;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      shown += c;
      continue;
    }
    char text[8];
    snprintf(text, sizeof text, "\\x%02x", byte);
    shown += text;
  }
  return shown;
}

std::string ListLine(const CachedPath& path) {
  const role::PathInfo& info = path.info;
  const role::Attr& attr = info.attr;
  const bool directory = attr.type == role::FileType::kDirectory;
  const std::string cached = directory                               ? "DIR"
                             : attr.type == role::FileType::kRegular ? Concat(path.percent, "%")
                                                                     : "-";
  char columns[512];
  snprintf(columns, sizeof columns, "%-11s %-12s %-12s %15llu %15s  %s %5s ",
           ModeText(attr).c_str(), UserName(attr.uid).c_str(), GroupName(attr.gid).c_str(),
           static_cast<unsigned long long>(attr.size_bytes), role::PersistStateName(attr.persist),
           LocalTime(attr.mtime_ns).c_str(), cached.c_str());
  std::string line = columns + Shown(info.path);
  if (attr.type == role::FileType::kSymlink) line += " -> " + Shown(info.symlink_target);
  return line;
}

nlohmann::json ToJson(const CachedPath& path) {
  const role::PathInfo& info = path.info;
  const role::Attr& attr = info.attr;
  nlohmann::json value = {{"path", info.path},
                          {"type", TypeName(attr.type)},
                          {"inode", attr.ino.value},
                          {"mode", attr.mode},
                          {"uid", attr.uid},
                          {"gid", attr.gid},
                          {"links", attr.nlink},
                          {"size_bytes", attr.size_bytes},
                          {"mtime_ns", attr.mtime_ns},
                          {"ctime_ns", attr.ctime_ns},
                          {"atime_ns", attr.atime_ns},
                          {"persist_state", role::PersistStateName(attr.persist)},
                          {"generation", attr.generation.value},
                          {"cached_percent", path.percent}};
  if (!info.symlink_target.empty()) value["symlink_target"] = info.symlink_target;
  if (info.binding.mount) {
    value["ufs"] = {{"key", info.binding.key}, {"etag", info.binding.etag}};
  }
  return value;
}

nlohmann::json ToJson(const role::QueueEntry& entry) {
  return {{"inode", entry.ino.value},
          {"path", entry.path},
          {"what", entry.what},
          {"persist_state", role::PersistStateName(entry.state)},
          {"size_bytes", entry.size_bytes},
          {"queued", TimeText(entry.queued_ns)},
          {"next_try", TimeText(entry.next_try_ns)},
          {"attempts", entry.attempts},
          {"last_error", entry.last_error},
          {"where", entry.where}};
}

nlohmann::json ToJson(const role::QueueTotals& totals) {
  return {{"entries", totals.entries},
          {"files", totals.files},
          {"bytes", totals.bytes},
          {"conflicts", totals.conflicts},
          {"conflict_bytes", totals.conflict_bytes},
          {"replaced", totals.replaced},
          {"gave_way", totals.gave_way}};
}

nlohmann::json ToJson(const role::ProcessInfo& process, const role::NodeUsage& node) {
  return {{"pid", process.pid},
          {"version", process.version},
          {"mount_point", process.mount_point},
          {"source", process.source},
          {"state_directory", process.state_directory},
          {"started", TimeText(process.started_ns)},
          {"mode", process.mode},
          {"passthrough", process.passthrough},
          {"cache_capacity_bytes", node.cache_capacity_bytes},
          {"cache_used_bytes", node.cache_used_bytes},
          {"cache_pinned_bytes", node.cache_pinned_bytes},
          {"cache_pinned_limit_bytes", node.cache_pinned_limit_bytes},
          {"open_files", node.open_files}};
}

std::string Dump(const nlohmann::json& value) {
  return value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace tarn::cli
