#pragma once

// Formats the answers of commands: lines for users, JSON for scripts. Pure.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "role/coordinator_control.h"
#include "role/node_control.h"
#include "role/process_control.h"

namespace tarn::cli {

// "-rw-r--r--", "drwxr-xr-t", ...
std::string ModeText(const role::Attr& attr);
std::string TypeName(role::FileType type);
std::string LocalTime(int64_t ns);   // "2026-11-21 10:03:07", in the local time zone.
std::string UserName(uint32_t uid);  // The number, if the user has no name.
std::string GroupName(uint32_t gid);
std::string SizeText(uint64_t bytes);  // "12.3 MiB"
// Writes control characters as \xNN, because a terminal would act on them.
std::string Shown(const std::string& name);

// A path, with the percentage of its bytes that this node's cache has.
struct CachedPath {
  role::PathInfo info;
  uint32_t percent = 0;
};
std::string ListLine(const CachedPath& path);  // One line of `fs ls`.
nlohmann::json ToJson(const CachedPath& path);
nlohmann::json ToJson(const role::QueueEntry& entry);
nlohmann::json ToJson(const role::QueueTotals& totals);
nlohmann::json ToJson(const role::ProcessInfo& process, const role::NodeUsage& node);
std::string Dump(const nlohmann::json& value);  // Replaces bytes that are not UTF-8.

}  // namespace tarn::cli
