#pragma once

// One log for the process: lines of time, level, thread and text, to standard error or a
// size-limited file. A text is one line: control characters in it are written as \n, \r or \xNN.
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
  std::string file;  // Empty: standard error. Appended to, and kept as file, file.1, file.2.
  size_t max_file_bytes = 32 << 20;
};

// Before this call, lines from kInfo up go to standard error. Call it after fork, in one of the two
// processes only. kNotFound, kPermission, ...: the file cannot be opened, and the log stays as it
// was.
Status StartLog(const LogOptions& options);
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);
void Log(LogLevel level, std::string_view text);
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
