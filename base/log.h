#pragma once

// One log for the process: lines of time, level, thread and text, to standard error or a
// size-limited file. A text is one line: control characters in it, except tabs, are written as \n,
// \r or \xNN.
// Thread-safe. Log where an error is handled, not where it passes.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"
#include "base/strings.h"

namespace tarn {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

// "debug", "info", "warn" or "error"; kInvalid otherwise.
Result<LogLevel> ParseLogLevel(std::string_view text);

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  // Empty: standard error. Else lines are appended to the file. A full x.log becomes x.1.log, and
  // an older x.1.log becomes x.2.log, which is the last. Without an extension: x, x.1, x.2.
  std::string file;
  size_t max_file_bytes = 32 << 20;
};

// Before this call, lines from kInfo up go to standard error. After a fork, only one of the two
// processes may call it. kNotFound, kPermission, ...: the file cannot be opened, and the log stays
// as it was.
Status StartLog(const LogOptions& options);
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);
void Log(LogLevel level, std::string_view text);  // No-op below the level of SetLogLevel.
void FlushLog();

template <typename... Parts>
void LogDebug(const Parts&... parts) {
  if (LogEnabled(LogLevel::kDebug)) Log(LogLevel::kDebug, Concat(parts...));
}
template <typename... Parts>
void LogInfo(const Parts&... parts) {
  if (LogEnabled(LogLevel::kInfo)) Log(LogLevel::kInfo, Concat(parts...));
}
template <typename... Parts>
void LogWarning(const Parts&... parts) {
  if (LogEnabled(LogLevel::kWarning)) Log(LogLevel::kWarning, Concat(parts...));
}
template <typename... Parts>
void LogError(const Parts&... parts) {
  Log(LogLevel::kError, Concat(parts...));
}

}  // namespace tarn
