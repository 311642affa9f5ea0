// The objects that stand for directories, when a directory is renamed or removed.

#include <gtest/gtest.h>

#include "ufs/testing/s3_test_store.h"

namespace tarn::ufs::s3 {
namespace {

using Objects = std::map<std::string, std::string>;

class S3Markers : public S3Store {
 protected:
  S3Markers() { Open(); }
  Status Move(const std::string& from, const std::string& to) {
    MoveOptions options;
    options.type = ObjectType::kDirectory;
    return ufs_->Move(from, to, options, {}).status();
  }
  Status Delete(const std::string& directory) {
    const DeleteRequest request{directory, {}, ObjectType::kDirectory};
    return ufs_->Delete(std::span(&request, 1), {}).front();
  }
};

TEST_F(S3Markers, AreMovedWithWhatTheyCarry) {
  objects_ = {{"p/a/", "note"}, {"p/a_$folder$", ""}, {"p/a/f", "x"}};
  meta_["p/a/"]["x-amz-meta-owner"] = "them";
  ASSERT_TRUE(Move("p/a", "q/b").ok());
  EXPECT_EQ(objects_, (Objects{{"q/b/", "note"}, {"q/b_$folder$", ""}, {"p/a/f", "x"}}));
  EXPECT_EQ(meta_["q/b/"]["x-amz-meta-owner"], "them");
  EXPECT_TRUE(Move("p/a", "q/b").ok()) << "after a lost answer";
  EXPECT_EQ(objects_["q/b/"], "note");
}

TEST_F(S3Markers, NeedNotBeThere) {
  objects_["a/f"] = "x";
  const size_t before = server_->Requests().size();
  EXPECT_TRUE(Move("a", "b").ok());
  EXPECT_EQ(server_->Requests().size() - before, 2u) << "one look for each kind";
  const std::string longest(1024, 'k');
  EXPECT_TRUE(Move(longest, "b").ok());
  EXPECT_EQ(server_->Requests().size() - before, 2u) << "no key is so long";
}

TEST_F(S3Markers, ThatWereCopiedBeforeACrashAreNotCopiedAgain) {
  objects_ = {{"a/", "note"}, {"b/", "note"}};
  const int before = CountOf("PUT");
  EXPECT_TRUE(Move("a", "b").ok());
  EXPECT_EQ(objects_, (Objects{{"b/", "note"}}));
  EXPECT_EQ(CountOf("PUT"), before);
}

TEST_F(S3Markers, SpareWhatIsThereIfTheySayNoMore) {
  objects_ = {{"a/", ""}, {"b/", "theirs"}};
  EXPECT_TRUE(Move("a", "b").ok());
  EXPECT_EQ(objects_, (Objects{{"b/", "theirs"}}));
  objects_["c/"] = "ours";
  EXPECT_TRUE(Move("c", "b").ok());
  EXPECT_EQ(objects_, (Objects{{"b/", "ours"}}));
}

TEST_F(S3Markers, ThatChangeWhileTheyAreMovedAreMovedAsTheyAreThen) {
  objects_["a/"] = "old";
  int copies = 0;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (!request.headers.contains("x-amz-copy-source")) return std::nullopt;
    http::TestReply reply = Answer(request);
    if (++copies == 1) objects_["a/"] = "new";
    return reply;
  };
  EXPECT_TRUE(Move("a", "b").ok());
  EXPECT_EQ(objects_, (Objects{{"b/", "new"}}));
  EXPECT_EQ(copies, 2);
}

TEST_F(S3Markers, AreReadAndWrittenWhereTheStoreDoesNotCopy) {
  objects_["a/"] = "note";
  meta_["a/"]["x-amz-meta-owner"] = "them";
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (!request.headers.contains("x-amz-copy-source")) return std::nullopt;
    return ErrorReply(403, "AccessDenied");
  };
  EXPECT_TRUE(Move("a", "b").ok());
  EXPECT_EQ(objects_, (Objects{{"b/", "note"}}));
  EXPECT_EQ(meta_["b/"]["x-amz-meta-owner"], "them");
}

TEST_F(S3Markers, ThatCannotBeCopiedStay) {
  objects_["a/"] = "note";
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    return request.method == "PUT" ? std::optional(ErrorReply(507, "QuotaExceeded")) : std::nullopt;
  };
  EXPECT_EQ(Move("a", "b").code(), Code::kNoSpace);
  EXPECT_EQ(objects_, (Objects{{"a/", "note"}}));
}

TEST_F(S3Markers, OfHadoopHaveNoBytesAndAFileOfSuchANameStays) {
  objects_ = {{"a_$folder$", "bytes"}, {"a/", ""}};
  EXPECT_TRUE(Move("a", "b").ok());
  EXPECT_EQ(objects_, (Objects{{"a_$folder$", "bytes"}, {"b/", ""}}));
  EXPECT_TRUE(Delete("a").ok());
  EXPECT_EQ(objects_, (Objects{{"a_$folder$", "bytes"}, {"b/", ""}}));
}

// Also markers of Hadoop that an earlier process has seen in a listing.
TEST_F(S3Markers, OfBothKindsGoWithTheirDirectory) {
  objects_ = {{"d/a_$folder$", ""}, {"d/a/", "note"}, {"d/ab_$folder$", ""}};
  EXPECT_TRUE(Delete("d/a").ok());
  EXPECT_EQ(objects_, (Objects{{"d/ab_$folder$", ""}}));
}

}  // namespace
}  // namespace tarn::ufs::s3
