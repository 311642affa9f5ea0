#pragma once

// Status and Result are errors as values. Every function that can fail returns one of the two, and
// no exception crosses a module. Cheap to move; a success allocates nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace tarn {

// A code exists only if it has its own errno or some caller branches on it; every other detail is
// message text.
enum class Code : uint8_t {
  kOk = 0,
  kNotFound,          // ENOENT
  kExists,            // EEXIST
  kNotDirectory,      // ENOTDIR
  kIsDirectory,       // EISDIR
  kNotEmpty,          // ENOTEMPTY
  kPermission,        // EACCES: the caller's identity lacks the right.
  kNotPermitted,      // EPERM: this identity may not do it, whatever the mode.
  kInvalid,           // EINVAL: the request itself is wrong, in any state.
  kNameTooLong,       // ENAMETOOLONG
  kCrossDevice,       // EXDEV
  kTooManyLinks,      // EMLINK
  kLoop,              // ELOOP
  kNoAttribute,       // ENODATA
  kTooBig,            // EFBIG, or E2BIG for a value over a documented limit.
  kRange,             // ERANGE: the caller's buffer is too small.
  kNoSpace,           // ENOSPC
  kTooManyFiles,      // ENFILE: this process has no descriptor left.
  kReadOnly,          // EROFS
  kBusy,              // EBUSY
  kUnsupported,       // EOPNOTSUPP: cannot be done here, now or later.
  kStale,             // ESTALE: the object was replaced or is gone; look it up again.
  kConflict,          // A transaction lost a race and wrote nothing: run it again.
  kMaybeCommitted,    // The answer was lost: retry only what is idempotent.
  kTooOld,            // A transaction outlived its read version (5 s): run it again.
  kUnavailable,       // Try another replica, or back off.
  kDeadlineExceeded,  // ETIMEDOUT: the deadline passed; the effect is unknown unless stated.
  kCancelled,         // EINTR: the caller's stop token fired.
  kCorruption,        // EIO: bytes do not match their checksum or format.
  kIo,                // EIO: a device or peer failed for a reason that retrying does not mend.
};

std::string_view CodeName(Code code);
int ErrnoOf(Code code);       // 0 for kOk; a positive errno otherwise.
Code CodeOfErrno(int error);  // kIo for what has no code of its own.

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK.
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  std::string ToString() const;  // For logs and tests: "kNotFound: open /x".
  std::string Text() const;      // For users: the message, or what the code says without one.

  friend bool operator==(const Status& a, const Status& b) { return a.code_ == b.code_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

inline Status OkStatus() { return Status(); }
// `what` says what was attempted, such as "open /x/y"; the errno's text is appended.
Status ErrnoStatus(int error, std::string_view what);
[[noreturn]] void DieBecause(const char* file, int line, std::string_view why);

// A value, or the reason why there is none. Asking for the value of an error is a bug and ends the
// process.
template <typename T>
class [[nodiscard]] Result {
 public:
  // Both are implicit, so that a function returns a value or a Status as it is.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {
    if (std::get<1>(state_).ok()) DieBecause(__FILE__, __LINE__, "Result made of an OK status");
  }
  Result(Code code, std::string message) : Result(Status(code, std::move(message))) {}

  bool ok() const { return state_.index() == 0; }
  Code code() const { return ok() ? Code::kOk : std::get<1>(state_).code(); }
  Status status() const& { return ok() ? OkStatus() : std::get<1>(state_); }
  Status status() && { return ok() ? OkStatus() : std::move(std::get<1>(state_)); }

  T& value() & { return Checked(); }
  const T& value() const& { return const_cast<Result*>(this)->Checked(); }
  T&& value() && { return std::move(Checked()); }
  T& operator*() & { return Checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(Checked()); }
  T* operator->() { return &Checked(); }
  const T* operator->() const { return &value(); }

 private:
  T& Checked() {
    if (!ok()) DieBecause(__FILE__, __LINE__, std::get<1>(state_).ToString());
    return std::get<0>(state_);
  }
  std::variant<T, Status> state_;
};

}  // namespace tarn

#define TARN_CONCAT_(a, b) a##b
#define TARN_CONCAT(a, b) TARN_CONCAT_(a, b)

#define RETURN_IF_ERROR(expr)                                                       \
  do {                                                                              \
    if (::tarn::Status tarn_status = (expr); !tarn_status.ok()) return tarn_status; \
  } while (false)

// `lhs` may declare a variable, so it cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define ASSIGN_OR_RETURN(lhs, expr) \
  TARN_ASSIGN_OR_RETURN_(TARN_CONCAT(tarn_result_, __LINE__), lhs, expr)
#define TARN_ASSIGN_OR_RETURN_(result, lhs, expr)      \
  auto result = (expr);                                \
  if (!result.ok()) return std::move(result).status(); \
  lhs = std::move(result).value()
// NOLINTEND(bugprone-macro-parentheses)

// For bugs and broken invariants only, on in release builds; never for input.
#define CHECK(condition)                                                                      \
  do {                                                                                        \
    if (!(condition)) ::tarn::DieBecause(__FILE__, __LINE__, "CHECK(" #condition ") failed"); \
  } while (false)
