#include "base/log.h"

#include <fcntl.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <memory>

#include "base/mutex.h"

namespace tarn {
namespace {

constexpr size_t kKeptFiles = 2;
constexpr const char* kPattern = "%Y-%m-%d %H:%M:%S.%e %L %t %v";

struct LevelRow {
  std::string_view name;
  LogLevel level;
  spdlog::level::level_enum there;
};
constexpr LevelRow kLevels[] = {
    {"debug", LogLevel::kDebug, spdlog::level::debug},
    {"info", LogLevel::kInfo, spdlog::level::info},
    {"warn", LogLevel::kWarning, spdlog::level::warn},
    {"error", LogLevel::kError, spdlog::level::err},
};

std::shared_ptr<spdlog::logger> Finished(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("tarn", std::move(sink));
  logger->set_level(spdlog::level::trace);  // LogEnabled decides.
  logger->set_pattern(kPattern);
  logger->flush_on(spdlog::level::info);
  return logger;
}

// The process's log. Never destroyed, since threads may log until the very end.
struct ProcessLog {
  std::atomic<LogLevel> level{LogLevel::kInfo};
  SharedMutex mutex;
  std::shared_ptr<spdlog::logger> logger GUARDED_BY(mutex) =
      Finished(std::make_shared<spdlog::sinks::stderr_sink_mt>());
};

ProcessLog& TheLog() {
  static auto* log = new ProcessLog;
  return *log;
}

// spdlog reports a file that it cannot open as text only. The system is asked first, for the code.
Status CheckWritable(const std::string& file) {
  const int fd = open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
  if (fd < 0) return ErrnoStatus(errno, "open log file " + file);
  close(fd);
  return OkStatus();
}

Result<spdlog::sink_ptr> OpenSink(const LogOptions& options) {
  if (options.file.empty()) {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  }
  RETURN_IF_ERROR(CheckWritable(options.file));
  try {
    return spdlog::sink_ptr(std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
        options.file, options.max_file_bytes, kKeptFiles));
  } catch (const spdlog::spdlog_ex& error) {
    return Status(Code::kIo, std::string("open log file ") + options.file + ": " + error.what());
  }
}

bool IsControl(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; }

// Any program may choose the names of files. A name must not begin a line of its own, nor send
// control characters to a terminal.
std::string OneLine(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string line;
  for (const char c : text) {
    if (!IsControl(c)) {
      line += c;
    } else if (c == '\n' || c == '\r') {
      line += c == '\n' ? "\\n" : "\\r";
    } else {
      const auto byte = static_cast<unsigned char>(c);
      line += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
    }
  }
  return line;
}

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view text) {
  for (const LevelRow& row : kLevels) {
    if (row.name == text) return row.level;
  }
  return Status(Code::kInvalid,
                Concat("\"", text, "\" is no log level: use debug, info, warn or error"));
}

Status StartLog(const LogOptions& options) {
  ASSIGN_OR_RETURN(spdlog::sink_ptr sink, OpenSink(options));
  std::shared_ptr<spdlog::logger> logger = Finished(std::move(sink));
  SetLogLevel(options.level);
  WriterLock lock(TheLog().mutex);
  TheLog().logger = std::move(logger);
  return OkStatus();
}

void SetLogLevel(LogLevel level) { TheLog().level.store(level, std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) { return level >= TheLog().level.load(std::memory_order_relaxed); }

void Log(LogLevel level, std::string_view text) {
  if (!LogEnabled(level)) return;
  std::string line;
  if (std::any_of(text.begin(), text.end(), IsControl)) text = line = OneLine(text);
  ProcessLog& log = TheLog();
  ReaderLock lock(log.mutex);
  log.logger->log(kLevels[static_cast<size_t>(level)].there,
                  spdlog::string_view_t(text.data(), text.size()));
}

void FlushLog() {
  ProcessLog& log = TheLog();
  ReaderLock lock(log.mutex);
  log.logger->flush();
}

}  // namespace tarn
