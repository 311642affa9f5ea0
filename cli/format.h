#pragma once

// How the commands show what they found: lines for people, JSON for scripts. Pure.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "role/control.h"

namespace tarn::cli {

// "-rw-r--r--", "drwxr-xr-t", ...
std::string ModeText(const role::Attr& attr);
std::string TypeName(role::FileType type);
std::string LocalTime(int64_t ns);   // "2026-11-21 10:03:07", in the local zone.
std::string UserName(uint32_t uid);  // Or the number.
std::string GroupName(uint32_t gid);
std::string SizeText(uint64_t bytes);  // "12.3 MiB"
// Control characters as \xNN, so that no name can play tricks on a terminal.
std::string Shown(const std::string& name);

// One line of `fs ls`.
std::string ListLine(const role::PathInfo& info);
nlohmann::json ToJson(const role::PathInfo& info);
nlohmann::json ToJson(const role::QueueEntry& entry);
nlohmann::json ToJson(const role::QueueTotals& totals);
nlohmann::json ToJson(const role::ServerInfo& info);
std::string Dump(const nlohmann::json& value);  // Bytes that are not UTF-8 are replaced.

}  // namespace tarn::cli
