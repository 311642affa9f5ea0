#include "ufs/s3/retry.h"

#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "s3wire/xml.h"

namespace tarn::ufs::s3 {
namespace {

constexpr double kLowered = 0.7;
constexpr Nanos kOneWave = std::chrono::milliseconds(500);

struct ErrorRow {
  std::string_view error;
  Verdict verdict;
};

// The one table from S3's error codes to ours. The HTTP status decides for other codes.
constexpr ErrorRow kErrors[] = {
    {"BadDigest", {Code::kCorruption, true, false, false}},
    {"XAmzContentSHA256Mismatch", {Code::kCorruption, true, false, false}},
    {"XAmzContentChecksumMismatch", {Code::kCorruption, true, false, false}},
    {"IncompleteBody", {Code::kUnavailable, true, false, false}},
    {"RequestTimeout", {Code::kUnavailable, true, false, false}},
    {"SlowDown", {Code::kUnavailable, true, true, false}},
    {"Throttling", {Code::kUnavailable, true, true, false}},
    {"ThrottlingException", {Code::kUnavailable, true, true, false}},
    {"RequestLimitExceeded", {Code::kUnavailable, true, true, false}},
    {"BandwidthLimitExceeded", {Code::kUnavailable, true, true, false}},
    {"ServiceUnavailable", {Code::kUnavailable, true, true, false}},
    {"InternalError", {Code::kUnavailable, true, false, true}},
    {"OperationAborted", {Code::kUnavailable, true, false, false}},
    {"ConcurrentModification", {Code::kUnavailable, true, false, false}},
    {"ConditionalRequestConflict", {Code::kStale, true, false, false}},
    {"PreconditionFailed", {Code::kStale, false, false, false}},
    {"NoSuchBucket", {Code::kUnavailable, false, false, false}},
    {"NoSuchKey", {Code::kNotFound, false, false, false}},
    {"NoSuchUpload", {Code::kNotFound, false, false, false}},
    {"KeyTooLongError", {Code::kNameTooLong, false, false, false}},
    {"InvalidObjectName", {Code::kInvalid, false, false, false}},
    {"InvalidRange", {Code::kRange, false, false, false}},
    {"EntityTooLarge", {Code::kTooBig, false, false, false}},
    {"QuotaExceeded", {Code::kNoSpace, false, false, false}},
    {"AccessDenied", {Code::kPermission, false, false, false}},
    {"InvalidRequest", {Code::kIo, false, false, false}},
    {"NotImplemented", {Code::kUnsupported, false, false, false}},
    {"MethodNotAllowed", {Code::kUnsupported, false, false, false}},
    {"InvalidObjectState", {Code::kIo, false, false, false}},
    {"ExpiredToken", {Code::kPermission, false, false, false}},
    {"ExpiredTokenException", {Code::kPermission, false, false, false}},
    {"TokenRefreshRequired", {Code::kPermission, false, false, false}},
    {"InvalidToken", {Code::kPermission, false, false, false}},
    {"AuthorizationHeaderMalformed", {Code::kPermission, false, false, false}},
    {"KMS.ThrottlingException", {Code::kUnavailable, true, true, false}},
};

Verdict JudgeStatus(int status) {
  if (status / 100 == 2) return {};
  switch (status) {
    case 401:
    case 403:
      return {Code::kPermission, false, false, false};
    case 404:
      return {Code::kNotFound, false, false, false};
    case 405:
    case 501:
      return {Code::kUnsupported, false, false, false};
    case 408:
      return {Code::kUnavailable, true, false, false};
    case 412:
      return {Code::kStale, false, false, false};
    case 413:
      return {Code::kTooBig, false, false, false};
    case 416:
      return {Code::kRange, false, false, false};
    case 429:
    case 503:
      return {Code::kUnavailable, true, true, false};
    case 507:
      return {Code::kNoSpace, false, false, false};
    default:
      break;
  }
  if (status / 100 == 5) return {Code::kUnavailable, true, false, true};
  // A request that the store calls bad is the client's fault, not the application's.
  return {Code::kIo, false, false, false};
}

}  // namespace

Verdict Judge(int http_status, std::string_view error) {
  for (const ErrorRow& row : kErrors) {
    if (row.error == error) return row.verdict;
  }
  return JudgeStatus(http_status);
}

Nanos DelayBeforeRetry(const RetryOptions& options, uint32_t attempt, std::string_view retry_after,
                       int64_t wall_ns, Random& random) {
  const Nanos wait = JitteredBackoff(attempt, options.first_wait, options.longest_wait, random);
  int64_t seconds = 0;
  const auto [end, error] =
      std::from_chars(retry_after.data(), retry_after.data() + retry_after.size(), seconds);
  Nanos asked = Nanos::zero();
  if (!retry_after.empty() && error == std::errc() &&
      end == retry_after.data() + retry_after.size()) {
    asked = std::chrono::seconds(std::clamp<int64_t>(seconds, 0, 3600));
  } else if (const std::optional<int64_t> at = s3wire::ParseHttpTime(retry_after)) {
    asked = Nanos(*at - wall_ns);
  }
  return std::max(wait, std::min(asked, options.longest_wait));
}

void RetryBudget::NoteSuccess() { left_ = std::min(left_ + 1, kFull); }

bool RetryBudget::TakeRetry() {
  if (left_ < kPriceOfRetry) return false;
  left_ -= kPriceOfRetry;
  return true;
}

size_t ConcurrencyLimit::limit() const { return std::max<size_t>(1, static_cast<size_t>(limit_)); }

void ConcurrencyLimit::NoteSuccess() {
  limit_ = std::min(limit_ + 1 / std::max(limit_, 1.0), static_cast<double>(most_));
}

void ConcurrencyLimit::NoteThrottled(MonotonicTime now) {
  if (lowered_at_ && now - *lowered_at_ < kOneWave) return;
  lowered_at_ = now;
  limit_ = std::max(1.0, limit_ * kLowered);
}

}  // namespace tarn::ufs::s3
