// Stores that differ from AWS, each in a way that some real store has.

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <utility>

#include "base/digest.h"
#include "base/strings.h"
#include "s3wire/xml.h"
#include "ufs/s3.h"
#include "ufs/testing/s3_test_store.h"

namespace tarn::ufs::s3 {
namespace {

using Names = std::vector<std::string>;

class S3Quirks : public S3Store {
 protected:
  // All names of a directory, read page by page. Those of directories end in '/'.
  Names ListAll(const std::string& directory, size_t page_size) {
    Names names;
    ListOptions options;
    options.page_size = page_size;
    do {
      const Result<ListPage> page = ufs_->List(directory, options, {});
      EXPECT_TRUE(page.ok()) << page.status().ToString();
      if (!page.ok()) return names;
      for (const ObjectInfo& entry : page->entries) {
        names.push_back(Concat(entry.key, entry.type == ObjectType::kDirectory ? "/" : ""));
      }
      options.start_after = page->next_start_after;
    } while (!options.start_after.empty());
    return names;
  }
  size_t Requests() const { return server_->Requests().size(); }
};

TEST_F(S3Quirks, AListingEndsInWhicheverWayTheStoreListsOn) {
  objects_["d/"] = "";
  Names expected;
  for (int i = 10; i < 40; ++i) {
    objects_[Concat("d/f", i)] = "x";
    expected.push_back(Concat("d/f", i));
    if (i % 10 != 0) continue;
    objects_[Concat("d/f", i, "d/a")] = objects_[Concat("d/f", i, "d/b")] = "x";
    expected.push_back(Concat("d/f", i, "d/"));
  }
  const std::set<std::string> stores[] = {{},
                                          {"version 1"},
                                          {"no start-after"},
                                          {"empty pages"},
                                          {"no start-after", "empty pages"},
                                          {"no encoding"},
                                          {"version 1", "no encoding"},
                                          {"no delimiter"},
                                          {"no delimiter", "version 1"},
                                          {"version 1", "says nothing of the end"},
                                          {"says nothing of the end"}};
  for (const auto& quirks : stores) {
    quirks_ = quirks;
    Open();
    std::string name;
    for (const std::string& quirk : quirks) name += quirk + " ";
    for (const size_t page_size : {1, 7, 1000}) {
      const size_t before = Requests();
      EXPECT_EQ(ListAll("d", page_size), expected) << name << page_size;
      EXPECT_LT(Requests() - before, 6 * expected.size() + 20) << name << page_size;
    }
    EXPECT_EQ(ufs_->Stat("d", {}).value().type, ObjectType::kDirectory) << name;
    EXPECT_EQ(ufs_->Stat("d/f10d", {}).value().type, ObjectType::kDirectory) << name;
    EXPECT_EQ(ufs_->Stat("e", {}).code(), Code::kNotFound) << name;
  }
}

TEST_F(S3Quirks, AListingThatDoesNotGoOnIsAnErrorAndNotEndless) {
  for (int i = 0; i < 20; ++i) objects_[Concat("d/f", 10 + i)] = "x";
  Open();
  const auto always = [&](const std::string& way_on) {
    fault_ = [=](const http::TestRequest&) {
      return http::TestReply{200,
                             {},
                             Concat("<ListBucketResult><IsTruncated>true</IsTruncated>", way_on,
                                    "</ListBucketResult>")};
    };
    const size_t before = Requests();
    const Status status = ufs_->List("d", {.start_after = "f12"}, {}).status();
    EXPECT_EQ(status.code(), Code::kCorruption) << way_on;
    EXPECT_NE(status.message().find("more follows"), std::string::npos) << status.message();
    EXPECT_LT(Requests() - before, 8u) << way_on;
  };
  always("");
  always("<NextContinuationToken>t</NextContinuationToken>");
  always("<NextMarker>d/f01</NextMarker>");
  always("<Contents><Key>d/f11</Key><Size>1</Size></Contents>");
  int turn = 0;
  fault_ = [&](const http::TestRequest&) {
    return http::TestReply{
        200,
        {},
        Concat("<ListBucketResult><IsTruncated>true</IsTruncated>", "<NextContinuationToken>",
               ++turn, "</NextContinuationToken></ListBucketResult>")};
  };
  EXPECT_EQ(ufs_->List("d", {}, {}).code(), Code::kCorruption) << "another token each time";
}

TEST_F(S3Quirks, AnEntryThatCannotBeReadHidesNoOther) {
  Open();
  fault_ = [](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.path != "/bucket/") return std::nullopt;
    return http::TestReply{200,
                           {},
                           "<ListBucketResult><EncodingType>url</EncodingType>"
                           "<Contents><Key>a%zz</Key><Size>1</Size><ETag>x</ETag></Contents>"
                           "<Contents><Key>b</Key><Size>1</Size><ETag>x</ETag>"
                           "<LastModified>yesterday</LastModified></Contents>"
                           "<Contents><Key>c</Key><ETag>x</ETag></Contents></ListBucketResult>"};
  };
  objects_["c"] = "12345";
  const ListPage page = ufs_->List("", {}, {}).value();
  ASSERT_EQ(page.entries.size(), 2u);
  EXPECT_EQ(page.entries[0].key, "b");
  EXPECT_EQ(page.entries[1].key, "c");
  EXPECT_EQ(page.entries[1].size_bytes, 5u) << "HEAD has the size that the listing lacks";
}

TEST_F(S3Quirks, TheEtagsOfHeadAndGetCount) {
  objects_["f"] = "hello";
  objects_["g"] = "world";
  for (const char* quirk : {"other etags", "no etags"}) {
    quirks_ = {quirk};
    Open();
    const ListPage page = ufs_->List("", {}, {}).value();
    EXPECT_EQ(page.entries.size(), 2u);
    for (const ObjectInfo& entry : page.entries) {
      EXPECT_EQ(entry.etag, ufs_->Stat(entry.key, {}).value().etag) << quirk;
    }
  }
  quirks_.clear();
  Open();
  const int before = CountOf("HEAD");
  ufs_->List("", {}, {}).value();
  ufs_->List("", {}, {}).value();
  EXPECT_EQ(CountOf("HEAD") - before, 1) << "one object tells for all";
}

// The version was listed before the client found that the store lists other ETags.
TEST_F(S3Quirks, AVersionThatAListingNamesIsReadMovedAndDeleted) {
  objects_["f"] = "hello";
  quirks_ = {"other etags"};
  Open();
  const std::string listed = Concat("listed-", ufs_->Stat("f", {}).value().etag.substr(7));
  EXPECT_EQ(Read("f", 0, 5, listed).value(), "hello");
  Status ended;
  EXPECT_EQ(Pieces("f", {0, 5, true}, listed, &ended), (Names{"hel", "lo"}));
  EXPECT_TRUE(ended.ok()) << ended.ToString();
  const DeleteRequest gone{"f", {Precondition::Kind::kEtag, listed}};
  objects_["f"] = "other";
  EXPECT_EQ(Read("f", 0, 5, listed).code(), Code::kStale) << "this one is another version";
  EXPECT_EQ(ufs_->Delete(std::span(&gone, 1), {}).front().code(), Code::kStale);
  objects_["f"] = "hello";
  EXPECT_TRUE(ufs_->Delete(std::span(&gone, 1), {}).front().ok());
  EXPECT_FALSE(objects_.contains("f"));
}

TEST_F(S3Quirks, AnAbsentLengthIsThatOfTheListing) {
  objects_["empty"] = "";
  objects_["full"] = "12345";
  Open();
  fault_ = [this](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "HEAD" || !objects_.contains(request.path.substr(8))) return std::nullopt;
    http::TestReply reply = Answer(request);
    std::erase_if(reply.headers, [](const auto& header) {
      return header.first == "Content-Length" || header.first == "Last-Modified";
    });
    reply.no_length = true;
    return reply;
  };
  EXPECT_EQ(ufs_->Stat("empty", {}).value().size_bytes, 0u);
  EXPECT_EQ(ufs_->Stat("full", {}).value().size_bytes, 5u);
}

// A server of static files does this for a client that does not say whether it accepts gzip.
TEST_F(S3Quirks, NoByteOfADecodedAnswerIsGiven) {
  const std::string stored = "stored-bytes";
  objects_["t.gz"] = stored;
  meta_["t.gz"]["Content-Encoding"] = "gzip";
  Open();
  const std::string etag = ufs_->Stat("t.gz", {}).value().etag;
  const Extent whole{0, stored.size(), true, stored.size()};
  // A server obeys "identity", or sends the stored bytes only to a client that accepts gzip.
  for (const std::string wanted : {"identity", "gzip"}) {
    for (const bool with_length : {false, true}) {
      fault_ = [=](const http::TestRequest& request) -> std::optional<http::TestReply> {
        if (request.method != "GET" || request.headers.at("accept-encoding") == wanted) {
          return std::nullopt;
        }
        EXPECT_EQ(request.headers.at("authorization").find("accept-encoding"), std::string::npos)
            << "a proxy may change it";
        http::TestReply reply{200, {{"ETag", s3wire::Quoted(etag)}}, "some longer text, decoded"};
        reply.no_length = !with_length;
        return reply;
      };
      Status ended;
      std::string got;
      for (const std::string& piece : Pieces("t.gz", whole, etag, &ended)) got += piece;
      EXPECT_TRUE(ended.ok() || !with_length) << wanted << ended.ToString();
      EXPECT_TRUE(stored.starts_with(got)) << wanted << ": " << got;
      EXPECT_TRUE(!ended.ok() || got == stored) << wanted << ": " << got;
    }
  }
  fault_ = [=](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "GET") return std::nullopt;
    return http::TestReply{200, {{"ETag", s3wire::Quoted(etag)}}, "text"};
  };
  Status ended;
  EXPECT_TRUE(Pieces("t.gz", whole, etag, &ended).empty());
  EXPECT_EQ(ended.code(), Code::kCorruption) << "fewer bytes";
  EXPECT_NE(ended.message().find("Content-Encoding"), std::string::npos) << ended.message();
}

TEST_F(S3Quirks, AnswersWithoutALengthAreGivenOnceTheyAreWhole) {
  objects_["f"] = "hello";
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  const auto answer = [&](const std::string& body) {
    fault_ = [=](const http::TestRequest& request) -> std::optional<http::TestReply> {
      if (request.method != "GET") return std::nullopt;
      http::TestReply reply{200, {{"ETag", s3wire::Quoted(etag)}}, body};
      reply.no_length = true;
      return reply;
    };
  };
  Status ended;
  std::vector<std::byte> piece(8);
  std::string got;
  const auto take = [&](std::span<const std::byte> bytes) {
    got.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return OkStatus();
  };
  const auto read = [&] {
    got.clear();
    return ufs_->ReadPieces("f", etag, {0, 5, true, 5}, piece, take, {}).status();
  };
  answer("hello");
  EXPECT_TRUE(read().ok());
  EXPECT_EQ(got, "hello");
  answer("hell");
  EXPECT_EQ(read().code(), Code::kCorruption);
  EXPECT_EQ(got, "") << "cut off by the end of the connection";
  answer("hello, world");
  EXPECT_FALSE(read().ok());
  EXPECT_EQ(got, "");
}

TEST_F(S3Quirks, AStoreThatIgnoresRangesSaysSo) {
  objects_["f"] = "0123456789";
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  fault_ = [this](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestRequest whole = request;
    whole.headers.erase("range");
    return Answer(whole);
  };
  Status ended;
  std::string got;
  for (const std::string& one : Pieces("f", {0, 10, true, 10}, etag, &ended)) got += one;
  EXPECT_EQ(got, "0123456789") << "the whole of one is right";
  const size_t before = Requests();
  for (const Extent part : {Extent{3, 3, false, 10}, Extent{0, 3, false, 10}}) {
    EXPECT_TRUE(Pieces("f", part, etag, &ended).empty());
    EXPECT_EQ(ended.code(), Code::kIo);
    EXPECT_NE(ended.message().find("ignores Range"), std::string::npos) << ended.message();
  }
  // Each read is sent once more, because the store may have decoded the first answer, and then
  // given up.
  EXPECT_EQ(Requests() - before, 4u);
}

TEST_F(S3Quirks, AnEtagIsOpaque) {
  Open();
  int made = 0;
  std::map<std::string, std::string> etags;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestRequest asked = request;
    const std::string key = request.path;
    if (asked.headers["if-match"] == s3wire::Quoted(etags[key])) asked.headers.erase("if-match");
    http::TestReply reply = Answer(asked);
    if (request.method == "PUT" && reply.status == 200) {
      etags[key] = Hex(Md5(std::to_string(++made)));
    }
    for (auto& [name, value] : reply.headers) {
      if (name == "ETag" && !etags[key].empty()) value = s3wire::Quoted(etags[key]);
    }
    return reply;
  };
  const int before = CountOf("PUT");
  EXPECT_EQ(Put("f", "hello").value().etag, etags["/bucket/f"]);
  EXPECT_EQ(CountOf("PUT") - before, 1);
  const int gets = CountOf("GET");
  EXPECT_TRUE(Put("g", "world").ok());
  EXPECT_EQ(CountOf("GET"), gets) << "the first object was read back, and told for all";
  EXPECT_TRUE(Put("parts", std::string(350, 'x')).ok());
  EXPECT_EQ(objects_["parts"].size(), 350u);
}

// The answers to PUT and HEAD are damaged in one way: nothing proves that the bytes are there.
TEST_F(S3Quirks, AnEtagThatGetDoesNotKnowProvesNothing) {
  Open();
  const std::string wrong(32, 'a');
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "PUT" && request.method != "HEAD") return std::nullopt;
    http::TestReply reply = Answer(request);
    for (auto& [name, value] : reply.headers) {
      if (name == "ETag") value = s3wire::Quoted(wrong);
    }
    return reply;
  };
  const Status status = Put("f", "hello").status();
  EXPECT_EQ(status.code(), Code::kCorruption) << status.ToString();
  fault_ = nullptr;
  EXPECT_TRUE(Put("f", "hello").ok());
}

TEST_F(S3Quirks, AnEtagMayBeMissing) {
  Open();
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    if (request.method == "PUT") reply.headers.clear();
    return reply;
  };
  EXPECT_EQ(Put("f", "hello").value().etag, Hex(Md5("hello")));
  EXPECT_TRUE(Put("parts", std::string(350, 'x')).ok());
  EXPECT_EQ(objects_["parts"].size(), 350u);
}

TEST_F(S3Quirks, WhatIsNotCopiedIsReadAndWritten) {
  objects_["f"] = std::string(50, 'x');
  objects_["large"] = std::string(350, 'y');
  meta_["f"]["x-amz-meta-owner"] = "them";
  options_.single_copy_bytes = 200;
  Open();
  const http::TestReply refusals[] = {ErrorReply(403, "AccessDenied"),
                                      ErrorReply(400, "InvalidRequest"),
                                      ErrorReply(501, "NotImplemented"),
                                      ErrorReply(405, ""),
                                      {200, {}, "<Error><Code>NotImplemented</Code></Error>"}};
  for (const http::TestReply& refusal : refusals) {
    fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
      return request.headers.contains("x-amz-copy-source") ? std::optional(refusal) : std::nullopt;
    };
    objects_.erase("g");
    EXPECT_TRUE(ufs_->Move("f", "g", {}, {}).ok()) << refusal.status;
    EXPECT_EQ(objects_["g"], objects_["f"]);
    EXPECT_EQ(meta_["g"]["x-amz-meta-owner"], "them");
    EXPECT_TRUE(ufs_->Move("large", "h", {}, {}).ok()) << refusal.status;
    EXPECT_EQ(objects_["h"], objects_["large"]);
    EXPECT_FALSE(upload_open_);
  }
}

TEST_F(S3Quirks, AnArchivedObjectIsNeitherReadNorCopied) {
  objects_["f"] = "hello";
  Open();
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    const bool reads = request.method == "GET" && request.path != "/bucket/";
    const bool copies = request.headers.contains("x-amz-copy-source");
    return reads || copies ? std::optional(ErrorReply(403, "InvalidObjectState")) : std::nullopt;
  };
  const Status read = Read("f", 0, 5).status();
  EXPECT_EQ(read.code(), Code::kIo);
  EXPECT_NE(read.message().find("archive"), std::string::npos) << read.message();
  const size_t before = Requests();
  EXPECT_EQ(ufs_->Move("f", "g", {}, {}).code(), Code::kIo);
  EXPECT_EQ(Requests() - before, 2u) << "nothing else would help";
}

TEST_F(S3Quirks, AnObjectIsNoDirectoryToMount) {
  objects_["data/report"] = "bytes";
  options_.prefix = "data/report/";
  const Environment environment = [](const std::string&) { return std::nullopt; };
  const Status status = OpenS3Ufs(options_, environment, clock_, {}).status();
  EXPECT_EQ(status.code(), Code::kNotDirectory);
  EXPECT_NE(status.message().find("s3://bucket/data/report"), std::string::npos);
  options_.prefix = "data/";
  Open();
  options_.prefix = "new/";
  Open();
}

TEST_F(S3Quirks, AReaderThatMayNotListOpensByName) {
  objects_["f"] = "hello";
  objects_["d/"] = "";
  fault_ = [this](const http::TestRequest& request) -> std::optional<http::TestReply> {
    const std::string key = request.path.substr(8);
    const bool may = !key.empty() && (request.method == "PUT" || objects_.contains(key));
    if (may) return std::nullopt;
    return request.method == "HEAD" ? http::TestReply{403, {}, ""}
                                    : ErrorReply(403, "AccessDenied");
  };
  Open();
  EXPECT_EQ(ufs_->Stat("f", {}).value().size_bytes, 5u);
  EXPECT_EQ(Get("f"), "hello");
  EXPECT_EQ(ufs_->Stat("d", {}).value().type, ObjectType::kDirectory) << "its marker tells";
  EXPECT_EQ(ufs_->Stat("absent", {}).code(), Code::kPermission) << "it may be there";
  EXPECT_EQ(ufs_->List("", {}, {}).code(), Code::kPermission);
}

// Ceph also answers AccessDenied to unknown access keys.
TEST_F(S3Quirks, UnknownKeysAreNotTakenForAPolicy) {
  bool known = false;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.path == "/" && known) return http::TestReply{200, {}, "<ListAllMyBucketsResult/>"};
    http::TestReply denied = ErrorReply(403, "AccessDenied");
    denied.headers = {{"x-amz-request-id", "tx000001-6b0d45f0-100c-default"}};
    return denied;
  };
  const Environment environment = [](const std::string&) { return std::nullopt; };
  const Status status = OpenS3Ufs(options_, environment, clock_, {}).status();
  EXPECT_EQ(status.code(), Code::kPermission);
  EXPECT_NE(status.message().find("check the keys"), std::string::npos) << status.message();
  known = true;
  EXPECT_TRUE(OpenS3Ufs(options_, environment, clock_, {}).ok());
}

TEST_F(S3Quirks, FolderMarkersOfHadoopAreDirectories) {
  objects_["a_$folder$"] = objects_["b_$folder$"] = "";
  objects_["b/f"] = "x";
  objects_["c_$folder$"] = "bytes";
  Open();
  EXPECT_EQ(ListAll("", 1000), (Names{"a/", "b/", "c_$folder$"})) << "one with bytes is a file";
  const Names one_by_one = ListAll("", 1);
  EXPECT_EQ(std::set<std::string>(one_by_one.begin(), one_by_one.end()).size(), 3u);
  EXPECT_EQ(ufs_->Stat("a", {}).value().type, ObjectType::kDirectory);
  EXPECT_EQ(ufs_->Stat("a_$folder$", {}).code(), Code::kNotFound);
  EXPECT_EQ(ufs_->Stat("c_$folder$", {}).value().size_bytes, 5u);
  const DeleteRequest gone{"a", {}, ObjectType::kDirectory};
  EXPECT_TRUE(ufs_->Delete(std::span(&gone, 1), {}).front().ok());
  EXPECT_FALSE(objects_.contains("a_$folder$"));
  EXPECT_TRUE(objects_.contains("b_$folder$"));
}

// The reads take all connections but those that are kept for names.
TEST_F(S3Quirks, ReadersThatHangHoldUpNoLookAtNames) {
  objects_["f"] = "hello";
  options_.max_connections = 4;
  options_.hedge.enabled = false;
  Open();
  std::stop_source stop;
  fault_ = [](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "GET" || request.path != "/bucket/f") return std::nullopt;
    return http::TestReply{.claimed_bytes = 5, .hang = true};
  };
  const int before = CountOf("GET");
  std::vector<std::jthread> readers;
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] {
      const CallOptions call{Deadline::Never(), stop.get_token()};
      EXPECT_EQ(Read("f", 0, 5, "", call).code(), Code::kCancelled);
    });
  }
  while (CountOf("GET") < before + 3) std::this_thread::yield();
  EXPECT_EQ(ufs_->Stat("f", {}).value().size_bytes, 5u);
  EXPECT_EQ(ufs_->List("", {}, {}).value().entries.size(), 1u);
  const DeleteRequest gone{"g", {}};
  EXPECT_TRUE(ufs_->Delete(std::span(&gone, 1), {}).front().ok());
  stop.request_stop();
}

}  // namespace
}  // namespace tarn::ufs::s3
