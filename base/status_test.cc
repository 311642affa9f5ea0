#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

namespace tarn {
namespace {

TEST(Status, ErrnoAndCodeAgreeBothWays) {
  for (const int error :
       {ENOENT,       EEXIST, ENOTDIR,    EISDIR, ENOTEMPTY, EACCES, EPERM,  EINVAL,
        ENAMETOOLONG, EXDEV,  EMLINK,     ELOOP,  ENODATA,   EFBIG,  ERANGE, ENOSPC,
        EROFS,        EBUSY,  EOPNOTSUPP, ESTALE, ETIMEDOUT, EINTR,  EIO}) {
    EXPECT_EQ(ErrnoOf(CodeOfErrno(error)), error);
  }
  EXPECT_EQ(CodeOfErrno(EDQUOT), Code::kNoSpace);
  EXPECT_EQ(ErrnoOf(CodeOfErrno(EMFILE)), ENFILE);
  EXPECT_EQ(CodeOfErrno(ENOTTY), Code::kIo);
}

TEST(Status, ErrnoTextFollowsWhatWasAttempted) {
  EXPECT_EQ(ErrnoStatus(ENOENT, "open /x").ToString(),
            "kNotFound: open /x: No such file or directory");
}

Result<int> Half(int n) {
  if (n % 2 != 0) return Status(Code::kInvalid, "odd");
  return n / 2;
}

Result<int> Quarter(int n) {
  ASSIGN_OR_RETURN(const int half, Half(n));
  return Half(half);
}

TEST(Status, TextForUsersHasNoNameOfACode) {
  EXPECT_EQ(Status(Code::kReadOnly, "write f: Read-only file system").Text(),
            "write f: Read-only file system");
  EXPECT_EQ(Status(Code::kReadOnly, "").Text(), "Read-only file system");
  EXPECT_EQ(OkStatus().Text(), "");
}

TEST(Result, ErrorsTravelUp) {
  EXPECT_EQ(*Quarter(8), 2);
  EXPECT_EQ(Quarter(3).code(), Code::kInvalid);
  EXPECT_EQ(Quarter(6).code(), Code::kInvalid);
}

TEST(Result, HoldsWhatOnlyMoves) {
  Result<std::unique_ptr<int>> result(std::make_unique<int>(5));
  const std::unique_ptr<int> value = std::move(result).value();
  EXPECT_EQ(*value, 5);
}

TEST(ResultDeathTest, ValueOfAnErrorEndsTheProcess) { EXPECT_DEATH(*Half(1), "odd"); }

}  // namespace
}  // namespace tarn
