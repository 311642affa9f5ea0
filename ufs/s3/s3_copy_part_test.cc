// Parts of an upload that the store copies from another object.

#include "ufs/testing/s3_test_store.h"

namespace tarn::ufs::s3 {
namespace {

using CopyPart = S3Store;

std::string HeaderOf(const http::TestRequest& request, const std::string& name) {
  const auto found = request.headers.find(name);
  return found == request.headers.end() ? "" : found->second;
}

TEST_F(CopyPart, APartIsCopiedFromExactlyTheVersionNamed) {
  std::string base;
  for (int i = 0; i < 1000; ++i) base += static_cast<char>('a' + i % 26);
  objects_["base"] = base;
  Open();
  const std::string etag = ufs_->Stat("base", {})->etag;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (HeaderOf(request, "x-amz-copy-source").empty()) return std::nullopt;
    EXPECT_EQ(HeaderOf(request, "x-amz-copy-source"), "/bucket/base");
    EXPECT_EQ(HeaderOf(request, "x-amz-copy-source-if-match"), "\"" + etag + "\"");
    EXPECT_EQ(HeaderOf(request, "x-amz-copy-source-range"), "bytes=200-899");
    http::TestRequest part = request;
    part.body = base.substr(200, 700);
    Answer(part);
    return http::TestReply{200, {}, "<CopyPartResult><ETag>\"x\"</ETag></CopyPartResult>"};
  };
  CreateOptions options;
  options.size_bytes = 804;
  auto upload = ufs_->Create("new", options, {}).value();
  ASSERT_TRUE(upload->CopyPart(0, {"base", etag, 200}, 700, {}).ok());
  const std::string tail(104, '!');
  ASSERT_TRUE(upload->WritePart(700, std::as_bytes(std::span(tail)), {}).ok());
  ASSERT_TRUE(upload->Commit({}).ok());
  EXPECT_EQ(objects_["new"], base.substr(200, 700) + tail);
}

TEST_F(CopyPart, AVersionThatWasReplacedIsStale) {
  objects_["base"] = std::string(1000, 'x');
  Open();
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (HeaderOf(request, "x-amz-copy-source").empty()) return std::nullopt;
    return ErrorReply(412, "PreconditionFailed");
  };
  CreateOptions options;
  options.size_bytes = 800;
  auto upload = ufs_->Create("new", options, {}).value();
  EXPECT_EQ(upload->CopyPart(0, {"base", "old", 0}, 800, {}).code(), Code::kStale);
  EXPECT_EQ(upload->Commit({}).code(), Code::kInvalid) << "a part is missing";
}

TEST_F(CopyPart, AStoreThatCopiesNothingSaysSo) {
  Open();
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (HeaderOf(request, "x-amz-copy-source").empty()) return std::nullopt;
    return ErrorReply(501, "NotImplemented");
  };
  CreateOptions options;
  options.size_bytes = 800;
  auto upload = ufs_->Create("new", options, {}).value();
  EXPECT_EQ(upload->CopyPart(0, {"base", "e", 0}, 800, {}).code(), Code::kUnsupported);
  options.size_bytes = 50;
  auto small = ufs_->Create("small", options, {}).value();
  EXPECT_EQ(small->CopyPart(0, {"base", "e", 0}, 50, {}).code(), Code::kUnsupported);
}

// If the version that replaces the copy at once were taken for it, the mount would never see its
// bytes.
TEST_F(S3Store, ACopyInPartsDescribesTheCopy) {
  objects_["f"] = std::string(1050, 'x');
  options_.single_copy_bytes = 500;
  options_.copy_part_bytes = 1050;
  Open();
  for (const bool removed : {false, true}) {
    fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
      if (request.headers.contains("x-amz-copy-source-range")) {
        http::TestRequest part = request;
        part.body = objects_["f"];
        Answer(part);
        return http::TestReply{200, {}, "<CopyPartResult><ETag>\"x\"</ETag></CopyPartResult>"};
      }
      const bool looked = request.method == "HEAD" && request.path == "/bucket/g";
      if (looked && removed) objects_.erase("g");
      if (looked && !removed) objects_["g"] = "theirs";
      return std::nullopt;
    };
    const Result<ObjectInfo> moved = ufs_->Move("f", "g", {}, {});
    ASSERT_TRUE(moved.ok()) << moved.status().ToString();
    EXPECT_EQ(moved->etag, ufs_->Stat("f", {}).value().etag) << "they have the same bytes";
    EXPECT_EQ(moved->size_bytes, 1050u);
  }
}

}  // namespace
}  // namespace tarn::ufs::s3
