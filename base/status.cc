#include "base/status.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace tarn {
namespace {

struct CodeRow {
  Code code;
  std::string_view name;
  int error;
};

// The one table between codes and errno. CodeOfErrno takes the first row of an errno.
constexpr CodeRow kCodes[] = {
    {Code::kOk, "kOk", 0},
    {Code::kNotFound, "kNotFound", ENOENT},
    {Code::kExists, "kExists", EEXIST},
    {Code::kNotDirectory, "kNotDirectory", ENOTDIR},
    {Code::kIsDirectory, "kIsDirectory", EISDIR},
    {Code::kNotEmpty, "kNotEmpty", ENOTEMPTY},
    {Code::kPermission, "kPermission", EACCES},
    {Code::kNotPermitted, "kNotPermitted", EPERM},
    {Code::kInvalid, "kInvalid", EINVAL},
    {Code::kNameTooLong, "kNameTooLong", ENAMETOOLONG},
    {Code::kCrossDevice, "kCrossDevice", EXDEV},
    {Code::kTooManyLinks, "kTooManyLinks", EMLINK},
    {Code::kLoop, "kLoop", ELOOP},
    {Code::kNoAttribute, "kNoAttribute", ENODATA},
    {Code::kTooBig, "kTooBig", EFBIG},
    {Code::kRange, "kRange", ERANGE},
    {Code::kNoSpace, "kNoSpace", ENOSPC},
    {Code::kTooManyFiles, "kTooManyFiles", ENFILE},
    {Code::kReadOnly, "kReadOnly", EROFS},
    {Code::kBusy, "kBusy", EBUSY},
    {Code::kUnsupported, "kUnsupported", EOPNOTSUPP},
    {Code::kStale, "kStale", ESTALE},
    {Code::kConflict, "kConflict", EAGAIN},
    {Code::kMaybeCommitted, "kMaybeCommitted", EIO},
    {Code::kTooOld, "kTooOld", EAGAIN},
    {Code::kUnavailable, "kUnavailable", EIO},
    {Code::kDeadlineExceeded, "kDeadlineExceeded", ETIMEDOUT},
    {Code::kCancelled, "kCancelled", EINTR},
    {Code::kCorruption, "kCorruption", EIO},
    {Code::kIo, "kIo", EIO},
};

}  // namespace

std::string_view CodeName(Code code) {
  for (const CodeRow& row : kCodes) {
    if (row.code == code) return row.name;
  }
  return "kUnknown";
}

int ErrnoOf(Code code) {
  for (const CodeRow& row : kCodes) {
    if (row.code == code) return row.error;
  }
  return EIO;
}

Code CodeOfErrno(int error) {
  if (error == EIO) return Code::kIo;
  if (error == EDQUOT) return Code::kNoSpace;
  if (error == E2BIG) return Code::kTooBig;
  // EMFILE is the daemon's own limit; for the caller it is ENFILE.
  if (error == EMFILE) return Code::kTooManyFiles;
  if (error == EAGAIN) return Code::kUnavailable;
  for (const CodeRow& row : kCodes) {
    if (row.error == error) return row.code;
  }
  return Code::kIo;
}

std::string Status::ToString() const {
  if (ok()) return "kOk";
  return std::string(CodeName(code_)) + ": " + message_;
}

std::string Status::Text() const {
  if (!message_.empty() || ok()) return message_;
  char text[128];
  return strerror_r(ErrnoOf(code_), text, sizeof text);
}

Status ErrnoStatus(int error, std::string_view what) {
  char text[128];
  return Status(CodeOfErrno(error),
                std::string(what) + ": " + strerror_r(error, text, sizeof text));
}

void DieBecause(const char* file, int line, std::string_view why) {
  std::fprintf(stderr, "%s:%d: %.*s\n", file, line, static_cast<int>(why.size()), why.data());
  std::fflush(stderr);
  std::abort();
}

}  // namespace tarn
