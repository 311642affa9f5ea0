#include "main/copy_progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/strings.h"
#include "cli/format.h"

namespace tarn {
namespace {

constexpr Nanos kBeforeFirstLine = std::chrono::milliseconds(500);
constexpr Nanos kBetweenLines = std::chrono::milliseconds(100);
constexpr uint64_t kBarWidth = 30;

double Seconds(Nanos time) { return std::chrono::duration<double>(time).count(); }

std::string Bar(const CopyTotals& done, const CopyTotals& all) {
  // Empty files count by their number.
  const bool by_bytes = all.bytes > 0;
  const auto part = static_cast<double>(by_bytes ? done.bytes : done.files);
  const auto whole = static_cast<double>(by_bytes ? all.bytes : all.files);
  const double ratio = whole > 0 ? std::min(part / whole, 1.0) : 0;
  const auto filled = static_cast<size_t>(ratio * kBarWidth);
  return Concat("[", std::string(filled, '#'), std::string(kBarWidth - filled, '.'), "]");
}

}  // namespace

std::string CopyProgressText(const CopyTotals& done, const CopyTotals& all, Nanos elapsed) {
  std::string text = Concat(Bar(done, all), " ", done.files, " of ", all.files, " files, ",
                            cli::SizeText(done.bytes), " of ", cli::SizeText(all.bytes));
  const double seconds = Seconds(elapsed);
  if (seconds <= 0 || done.bytes == 0) return text;
  const double rate = static_cast<double>(done.bytes) / seconds;
  text += Concat(", ", cli::SizeText(static_cast<uint64_t>(rate)), "/s");
  if (all.bytes <= done.bytes) return text;
  const auto left = static_cast<uint64_t>(static_cast<double>(all.bytes - done.bytes) / rate);
  return Concat(text, ", ", left, " s to go");
}

CopyProgress::CopyProgress(Clock& clock)
    : clock_(clock), shown_(isatty(STDERR_FILENO) == 1), start_(clock.Now()), last_(start_) {}

CopyProgress::~CopyProgress() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

void CopyProgress::Expect(const CopyTotals& more) {
  all_.files += more.files;
  all_.bytes += more.bytes;
}

void CopyProgress::AddBytes(uint64_t bytes) {
  done_.bytes += bytes;
  DrawIfDue();
}

void CopyProgress::AddFile() {
  ++done_.files;
  DrawIfDue();
}

void CopyProgress::DrawIfDue() {
  if (!shown_) return;
  const MonotonicTime now = clock_.Now();
  if (now - start_ < kBeforeFirstLine || (drawn_ && now - last_ < kBetweenLines)) return;
  last_ = now;
  drawn_ = true;
  std::fprintf(stderr, "\r\033[K%s", CopyProgressText(done_, all_, now - start_).c_str());
  std::fflush(stderr);
}

}  // namespace tarn
