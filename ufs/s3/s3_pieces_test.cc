// Objects read in pieces as they come: each piece once, and all of one version.

#include <gtest/gtest.h>

#include <map>
#include <utility>

#include "ufs/testing/s3_test_store.h"

namespace tarn::ufs::s3 {
namespace {

TEST_F(S3Store, NoPieceIsGivenTwiceWhereABodyWasCutShort) {
  objects_["f"] = "0123456789";
  Open();
  size_t cut = 7;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    reply.claimed_bytes = reply.body.size();
    reply.body.resize(std::min(reply.body.size(), cut));
    cut += 2;
    return reply;
  };
  Status ended;
  EXPECT_EQ(Pieces("f", {0, 10}, "", &ended), (std::vector<std::string>{"012", "345", "678", "9"}));
  EXPECT_TRUE(ended.ok()) << ended.ToString();
  EXPECT_EQ(CountOf("GET"), 4) << "the listing of the start, and three answers";
}

TEST_F(S3Store, AWholeObjectIsAskedForWithoutARange) {
  objects_["f"] = "0123456789";
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  const auto range_of = [&](Extent extent, const std::string& version) {
    Status ended;
    EXPECT_FALSE(Pieces("f", extent, version, &ended).empty());
    EXPECT_TRUE(ended.ok()) << ended.ToString();
    const auto headers = server_->Requests().back().headers;
    EXPECT_EQ(headers.contains("if-match"), !version.empty());
    const auto found = headers.find("range");
    return found == headers.end() ? std::string("none") : found->second;
  };
  EXPECT_EQ(range_of({0, 10, true}, etag), "none");
  EXPECT_EQ(range_of({0, 10, true}, ""), "bytes=0-9") << "another version may be longer";
  EXPECT_EQ(range_of({0, 10, false}, etag), "bytes=0-9") << "much more may follow";
  EXPECT_EQ(range_of({2, 8, true}, etag), "bytes=2-9");
}

// A body that ends with its connection has no length.
TEST_F(S3Store, AWholeObjectOfWhichSomeIsMissingIsAskedForAgain) {
  objects_["f"] = "0123456789";
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  bool first = true;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    if (std::exchange(first, false)) reply.body.resize(4);
    return reply;
  };
  Status ended;
  EXPECT_EQ(Pieces("f", {0, 10, true}, etag, &ended),
            (std::vector<std::string>{"012", "345", "678", "9"}));
  EXPECT_TRUE(ended.ok()) << ended.ToString();
}

TEST_F(S3Store, NoPieceOfAnotherVersionIsGiven) {
  objects_["f"] = "0123456789";
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  for (const std::string& asked : {etag, std::string()}) {
    bool first = true;
    fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
      http::TestReply reply = Answer(request);
      if (std::exchange(first, false)) {
        reply.claimed_bytes = reply.body.size();
        reply.body.resize(4);
        return reply;
      }
      reply.body = "abcdefghij";
      for (auto& [name, value] : reply.headers) {
        if (name == "ETag") value = "\"another\"";
      }
      return reply;
    };
    Status ended;
    EXPECT_EQ(Pieces("f", {0, 10}, asked, &ended), std::vector<std::string>{"012"});
    EXPECT_EQ(ended.code(), Code::kStale);
  }
}

TEST_F(S3Store, WhereNothingWasGivenYetAnotherVersionIsAsGood) {
  objects_["f"] = "0123456789";
  Open();
  bool first = true;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    if (!std::exchange(first, false)) return reply;
    for (auto& [name, value] : reply.headers) {
      if (name == "ETag") value = "\"another\"";
    }
    reply.claimed_bytes = reply.body.size();
    reply.body.resize(2);
    return reply;
  };
  Status ended;
  EXPECT_EQ(Pieces("f", {0, 5}, "", &ended), (std::vector<std::string>{"012", "34"}));
  EXPECT_TRUE(ended.ok()) << ended.ToString();
}

TEST_F(S3Store, NoOtherBytesThanAskedForAreGivenAsPieces) {
  objects_["f"] = "0123456789";
  Open();
  Status ended;
  using Ranged = std::pair<std::string, std::string>;
  for (const Ranged& answer : {Ranged("bytes 3-5/10", "345"), Ranged("nonsense", "234"),
                               Ranged("bytes 2-7/10", "234567")}) {
    const std::string& range = answer.first;
    fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
      http::TestReply reply = Answer(request);
      for (auto& [name, value] : reply.headers) {
        if (name == "Content-Range") value = range;
      }
      reply.body = answer.second;
      return reply;
    };
    EXPECT_TRUE(Pieces("f", {2, 3}, "", &ended).empty()) << range;
    EXPECT_EQ(ended.code(), Code::kCorruption) << range;
  }
  fault_ = [](const http::TestRequest&) {
    return http::TestReply{200, {{"ETag", "\"x\""}}, "0123456789"};
  };
  EXPECT_TRUE(Pieces("f", {2, 3}, "", &ended).empty()) << "the range was ignored";
  EXPECT_EQ(ended.code(), Code::kIo);
  EXPECT_EQ(Pieces("f", {0, 10}, "", &ended).size(), 4u) << "a whole object is as good";
  EXPECT_TRUE(ended.ok()) << ended.ToString();
  EXPECT_TRUE(Pieces("f", {0, 4}, "", &ended).empty()) << "more than was asked for";
  EXPECT_EQ(ended.code(), Code::kIo);
}

}  // namespace
}  // namespace tarn::ufs::s3
