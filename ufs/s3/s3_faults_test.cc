// Answers of the client when the store or the network misbehaves.

#include <gtest/gtest.h>

#include <thread>

#include "base/digest.h"
#include "base/strings.h"
#include "ufs/s3.h"
#include "ufs/testing/s3_test_store.h"

namespace tarn::ufs::s3 {
namespace {

TEST_F(S3Store, ServerErrorsAreTriedAgain) {
  objects_["f"] = "hello";
  int left = 3;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "GET" || left-- == 0) return std::nullopt;
    return left == 1 ? ErrorReply(503, "SlowDown") : ErrorReply(500, "InternalError");
  };
  Open();
  left = 3;
  EXPECT_EQ(Get("f"), "hello");
  EXPECT_EQ(left, -1);
}

TEST_F(S3Store, RetryAfterIsWaitedFor) {
  objects_["f"] = "hello";
  Open();
  bool first = true;
  fault_ = [&](const http::TestRequest&) -> std::optional<http::TestReply> {
    if (!std::exchange(first, false)) return std::nullopt;
    http::TestReply reply = ErrorReply(503, "SlowDown");
    reply.headers.emplace_back("Retry-After", "7");
    return reply;
  };
  EXPECT_EQ(Get("f"), "hello");
  EXPECT_GE(clock_.slept(), std::chrono::milliseconds(6'999));
}

TEST_F(S3Store, AFailureNamesWhatWasTriedAndNoSecret) {
  objects_["f"] = "hello";
  Open();
  fault_ = [](const http::TestRequest&) { return ErrorReply(503, "SlowDown"); };
  const Status status = Read("f", 0, 5).status();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  for (const char* part :
       {"s3://bucket/f", "[0,5)", "503", "SlowDown", "request-7", "4 attempts"}) {
    EXPECT_NE(status.message().find(part), std::string::npos) << part << " in " << status.message();
  }
  EXPECT_EQ(status.message().find("very-secret"), std::string::npos);
}

// Radosgw and AWS answer like this. Their answers to HEAD have no code.
TEST_F(S3Store, AnObjectEncryptedWithAnotherKeyIsRefusedAndNotABadArgument) {
  objects_["f"] = "hello";
  for (const Encryption encryption : {Encryption::kCustomer, Encryption::kNone}) {
    options_.encryption = encryption;
    options_.customer_key =
        encryption == Encryption::kNone ? "" : "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=";
    const char* advice = encryption == Encryption::kNone ? "tarn.underfs.s3.encryption=CUSTOMER"
                                                         : "encryption.customer.key";
    fault_ = nullptr;
    Open();
    for (const int status : {400, 403}) {
      // Proves nothing about a key.
      if (status == 403 && encryption == Encryption::kNone) continue;
      fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
        if (request.path != "/bucket/f") return std::nullopt;
        if (request.method == "HEAD") return http::TestReply{status, {}, ""};
        return ErrorReply(status, status == 400 ? "InvalidRequest" : "AccessDenied");
      };
      for (const Status& got : {Read("f", 0, 5).status(), ufs_->Stat("f", {}).status()}) {
        EXPECT_EQ(got.code(), Code::kPermission) << got.ToString();
        for (const std::string& part : {std::string("s3://bucket/f"), Concat("HTTP ", status),
                                        std::string("request"), std::string(advice)}) {
          EXPECT_NE(got.message().find(part), std::string::npos) << got.message();
        }
      }
    }
  }
}

TEST_F(S3Store, WhatAStoreCallsABadRequestIsNoBadArgument) {
  objects_["f"] = "hello";
  Open();
  fault_ = [](const http::TestRequest&) { return ErrorReply(400, "KMS.DisabledException"); };
  EXPECT_EQ(Read("f", 0, 5).code(), Code::kIo);
  EXPECT_EQ(ufs_->List("", {}, {}).code(), Code::kIo);
  fault_ = [](const http::TestRequest&) { return ErrorReply(400, "ExpiredToken"); };
  EXPECT_EQ(Read("f", 0, 5).code(), Code::kPermission);
}

TEST_F(S3Store, ABodyCutShortIsReadAgain) {
  objects_["f"] = "0123456789";
  Open();
  for (const bool reset : {false, true}) {
    int left = 2;
    fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
      http::TestReply reply = Answer(request);
      if (left-- <= 0) return reply;
      reply.claimed_bytes = reply.body.size();
      reply.body.resize(4);
      reply.reset = reset;
      return reply;
    };
    EXPECT_EQ(Get("f"), "0123456789");
    EXPECT_EQ(left, -1);
  }
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    reply.claimed_bytes = reply.body.size();
    reply.body.resize(4);
    return reply;
  };
  EXPECT_EQ(Read("f", 0, 10).code(), Code::kUnavailable);
}

TEST_F(S3Store, OtherBytesThanAskedForAreNeverGiven) {
  objects_["f"] = "0123456789";
  Open();
  const auto answer_with = [&](const std::string& range, const std::string& body) {
    fault_ = [=, this](const http::TestRequest& request) -> std::optional<http::TestReply> {
      http::TestReply reply = Answer(request);
      for (auto& [name, value] : reply.headers) {
        if (name == "Content-Range") value = range;
      }
      reply.body = body;
      return reply;
    };
  };
  answer_with("bytes 3-5/10", "345");
  EXPECT_EQ(Read("f", 2, 3).code(), Code::kCorruption) << "another place";
  answer_with("bytes 2-4/10", "2");
  EXPECT_EQ(Read("f", 2, 3).code(), Code::kCorruption) << "fewer bytes than it says";
  answer_with("bytes 2-3/10", "23");
  EXPECT_EQ(Read("f", 2, 3).code(), Code::kCorruption) << "short, but not at the end";
  answer_with("nonsense", "234");
  EXPECT_EQ(Read("f", 2, 3).code(), Code::kCorruption);
  fault_ = [](const http::TestRequest&) {
    return http::TestReply{200, {{"ETag", "\"x\""}}, "0123456789"};
  };
  EXPECT_EQ(Read("f", 2, 3).code(), Code::kIo) << "the range was ignored";
}

TEST_F(S3Store, AnAnswerOfAnotherVersionIsStale) {
  objects_["f"] = "hello";
  Open();
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    if (request.method != "GET") return reply;
    for (auto& [name, value] : reply.headers) {
      if (name == "ETag") value = "\"another\"";
    }
    return reply;
  };
  EXPECT_EQ(Read("f", 0, 5, etag).code(), Code::kStale);
}

TEST_F(S3Store, AWrongEtagAfterPutIsNoSuccess) {
  Open();
  int puts = 0;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "PUT") return std::nullopt;
    ++puts;
    http::TestRequest damaged = request;
    damaged.body = "damaged";  // The bytes are damaged on their way into the store.
    damaged.headers.erase("content-md5");
    return Answer(damaged);
  };
  EXPECT_EQ(Put("f", "whole").code(), Code::kCorruption);
  EXPECT_EQ(puts, 3);
  puts = 0;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    if (request.method == "PUT" && puts++ == 0) {
      reply.headers = {{"ETag", "\"0123456789abcdef0123456789abcdef\""}};
    }
    return reply;
  };
  EXPECT_TRUE(Put("g", "whole").ok()) << "the answer was damaged, the object is right";
  EXPECT_EQ(puts, 1);
}

TEST_F(S3Store, AWrongEtagAfterEveryPutIsSettledByLooking) {
  Open();
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    if (request.method == "PUT") reply.headers = {{"ETag", "\"0123456789abcdef0123456789abcdef\""}};
    return reply;
  };
  const ObjectInfo made = Put("f", "whole").value();
  fault_ = nullptr;
  EXPECT_EQ(made.etag, ufs_->Stat("f", {}).value().etag) << "that of the object, not of the answer";
}

TEST_F(S3Store, AWrongEtagOfAPartIsNeverCompleted) {
  Open();
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    if (request.Asks("partNumber=2")) {
      reply.headers = {{"ETag", "\"0123456789abcdef0123456789abcdef\""}};
    }
    return reply;
  };
  const std::string bytes(350, 'x');
  const Status status = Put("f", bytes).status();
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_NE(status.message().find("0123456789abcdef"), std::string::npos) << status.message();
  EXPECT_FALSE(objects_.contains("f"));
}

TEST_F(S3Store, AWrongEtagOfACompletionIsNotTheObjects) {
  const std::string part(BytesOfDigest(Md5(std::string(100, 'x'))));
  const std::string last(BytesOfDigest(Md5(std::string(150, 'x'))));
  const std::string etag = Concat(Hex(Md5(Concat(part, part, last))), "-3");
  Open();
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    if (request.method == "POST" && request.Asks("uploadId=")) {
      reply.body =
          "<CompleteMultipartUploadResult><ETag>0123456789abcdef0123456789abcdef-4</ETag>"
          "</CompleteMultipartUploadResult>";
    }
    if (request.method == "HEAD") {
      for (auto& [name, value] : reply.headers) {
        if (name == "ETag") value = Concat("\"", etag, "\"");
      }
    }
    return reply;
  };
  EXPECT_EQ(Put("f", std::string(350, 'x')).value().etag, etag);
}

TEST_F(S3Store, AnUploadWhoseAnswerIsLostIsSettledByLooking) {
  Open();
  const int before = CountOf("PUT");  // The store was probed.
  const Precondition absent = {Precondition::Kind::kAbsent, ""};
  bool lost = false;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "PUT" || std::exchange(lost, true)) return std::nullopt;
    Answer(request);
    return http::TestReply{.drop = true};
  };
  EXPECT_TRUE(Put("f", "mine", absent).ok());
  EXPECT_EQ(objects_["f"], "mine");
  EXPECT_EQ(CountOf("PUT") - before, 1) << "it is not made twice";
  lost = false;
  EXPECT_TRUE(Put("f", "mine too").ok());
  EXPECT_EQ(CountOf("PUT") - before, 2) << "nor without a precondition";
  fault_ = nullptr;
  EXPECT_EQ(Put("f", "mine", absent).code(), Code::kStale) << "this one really is another's";
}

TEST_F(S3Store, AnUploadWhoseAnswerIsLostIsMadeAgainWhereItDidNotArrive) {
  Open();
  const int before = CountOf("PUT");  // The store was probed.
  objects_["f"] = "mine";
  bool lost = false;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "PUT" || std::exchange(lost, true)) return std::nullopt;
    return http::TestReply{.drop = true};
  };
  ufs::CreateOptions options;
  options.size_bytes = 4;
  options.metadata["tarn-attempt"] = "2";
  auto upload = ufs_->Create("f", options, {});
  ASSERT_TRUE(upload.ok());
  const std::string same = "mine";
  ASSERT_TRUE((*upload)->WritePart(0, std::as_bytes(std::span(same)), {}).ok());
  EXPECT_TRUE((*upload)->Commit({}).ok());
  EXPECT_EQ(CountOf("PUT") - before, 2) << "the same bytes of another attempt are not this one's";
}

TEST_F(S3Store, AChangeWhoseFateIsUnknownSaysSo) {
  Open();
  fault_ = [](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "PUT") return std::nullopt;
    return http::TestReply{.drop = true};
  };
  EXPECT_EQ(Put("f", "x").code(), Code::kMaybeCommitted);
  fault_ = [](const http::TestRequest&) { return ErrorReply(503, "SlowDown"); };
  EXPECT_EQ(Put("f", "x").code(), Code::kUnavailable) << "refused is not unknown";
}

TEST_F(S3Store, AnAbsentServerIsUnavailable) {
  Open();
  server_.reset();
  EXPECT_EQ(Read("f", 0, 5).code(), Code::kUnavailable);
  EXPECT_EQ(ufs_->Stat("f", {}).code(), Code::kUnavailable);
  EXPECT_EQ(Put("f", "x").code(), Code::kUnavailable);
}

TEST_F(S3Store, ADeadlineAndAStopEndACallThatHangs) {
  objects_["f"] = "hello";
  Open();
  fault_ = [](const http::TestRequest&) {
    return http::TestReply{.claimed_bytes = 5, .hang = true};
  };
  CallOptions late;
  late.deadline = Deadline::After(SystemClock(), std::chrono::milliseconds(50));
  EXPECT_EQ(Read("f", 0, 5, "", late).code(), Code::kDeadlineExceeded);
  std::stop_source stop;
  CallOptions stopped;
  stopped.stop = stop.get_token();
  std::jthread stopper([&] {
    while (server_->Requests().back().method != "GET" || server_->Connections() < 2) {
      std::this_thread::yield();
    }
    stop.request_stop();
  });
  EXPECT_EQ(Read("f", 0, 5, "", stopped).code(), Code::kCancelled);
}

TEST_F(S3Store, APeerThatStallsIsGivenUp) {
  objects_["f"] = "hello";
  options_.http.get_stall_timeout = std::chrono::seconds(1);
  options_.retry.max_retries = 0;
  Open();
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    reply.claimed_bytes = reply.body.size();
    reply.body.resize(1);
    reply.hang = true;
    return reply;
  };
  EXPECT_EQ(Read("f", 0, 5).code(), Code::kUnavailable);
}

TEST_F(S3Store, ARedirectIsFollowedForThatRequest) {
  objects_["f"] = "hello";
  Open();
  http::TestServer other([&](const http::TestRequest& request) { return Answer(request); });
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = ErrorReply(307, "TemporaryRedirect");
    reply.headers.emplace_back("Location", other.Url() + request.path);
    return reply;
  };
  EXPECT_EQ(Get("f"), "hello");
  EXPECT_TRUE(Put("g", "there").ok());
  EXPECT_EQ(objects_["g"], "there");
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = ErrorReply(307, "TemporaryRedirect");
    reply.headers.emplace_back("Location", server_->Url() + request.path);
    return reply;
  };
  EXPECT_EQ(Read("f", 0, 5).code(), Code::kIo) << "round in circles";
}

TEST_F(S3Store, TheBucketsOwnRegionIsLearned) {
  objects_["f"] = "hello";
  fault_ = [](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.headers.at("authorization").find("/eu-west-3/") != std::string::npos) {
      return std::nullopt;
    }
    http::TestReply reply = ErrorReply(301, "PermanentRedirect");
    reply.headers.emplace_back("x-amz-bucket-region", "eu-west-3");
    return reply;
  };
  Open();
  const size_t before = server_->Requests().size();
  EXPECT_EQ(Get("f"), "hello");
  EXPECT_EQ(server_->Requests().size(), before + 1) << "once is enough";
}

TEST_F(S3Store, AClockThatIsWrongIsSetByTheStores) {
  objects_["f"] = "hello";
  const std::string store_day = "20130524";
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.headers.at("x-amz-date").starts_with(store_day)) return std::nullopt;
    http::TestReply reply = ErrorReply(403, "RequestTimeTooSkewed");
    reply.headers.emplace_back("Date", "Fri, 24 May 2013 12:00:00 GMT");
    return reply;
  };
  Open();
  EXPECT_EQ(Get("f"), "hello");
  EXPECT_EQ(ufs_->Stat("f", {}).value().size_bytes, 5u);
}

TEST_F(S3Store, ExpiredKeysAreFetchedAgain) {
  objects_["f"] = "hello";
  int given = 0;
  http::TestServer container([&](const http::TestRequest&) {
    return http::TestReply{
        200,
        {},
        Concat("{\"AccessKeyId\":\"key", ++given, "\",\"SecretAccessKey\":\"s\",\"Token\":\"t\"}")};
  });
  options_.credentials = {};
  environment_["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = container.Url() + "/";
  Open();
  fault_ = [](const http::TestRequest& request) -> std::optional<http::TestReply> {
    const bool old = request.headers.at("authorization").find("key1/") != std::string::npos;
    return old ? std::optional(ErrorReply(400, "ExpiredToken")) : std::nullopt;
  };
  EXPECT_EQ(Get("f"), "hello");
  EXPECT_EQ(given, 2);
}

// A label of a host name has at most 63 characters, so no name server is asked.
TEST_F(S3Store, AHostWithoutAddressNamesTheBucketInItAsALikelyCause) {
  Open();
  const std::string nowhere = "http://" + std::string(64, 'x') + ".example";
  const auto failure = [&](bool disable_dns_buckets) {
    options_.endpoint = nowhere;
    options_.disable_dns_buckets = disable_dns_buckets;
    Result<std::unique_ptr<UnderFileSystem>> opened =
        OpenS3Ufs(options_, [](const std::string&) { return std::nullopt; }, clock_, {});
    EXPECT_EQ(opened.code(), Code::kUnavailable);
    return opened.status().message();
  };
  const std::string in_host = failure(false);
  EXPECT_NE(in_host.find("tarn.underfs.s3.disable.dns.buckets=true"), std::string::npos) << in_host;
  const std::string in_path = failure(true);
  EXPECT_EQ(in_path.find("disable.dns.buckets"), std::string::npos) << in_path;
  EXPECT_NE(in_path.find("tarn.underfs.s3.endpoint"), std::string::npos) << in_path;
}

TEST_F(S3Store, AnAbsentBucketIsNamedWithItsEndpoint) {
  Open();
  fault_ = [](const http::TestRequest&) { return ErrorReply(404, "NoSuchBucket"); };
  const std::string text = ufs_->List("", {}, {}).status().message();
  for (const std::string& part :
       {std::string("bucket \"bucket\""), "at " + server_->Url(), std::string("make it there")}) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
  }
}

TEST_F(S3Store, AListingThatLosesItsPageIsAnError) {
  Open();
  fault_ = [](const http::TestRequest&) {
    return http::TestReply{
        200, {}, "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"};
  };
  EXPECT_EQ(ufs_->List("", {}, {}).code(), Code::kCorruption);
  fault_ = [](const http::TestRequest&) {
    return http::TestReply{200, {}, "<ListBucketResult><Conte"};
  };
  EXPECT_EQ(ufs_->List("", {}, {}).code(), Code::kCorruption);
  fault_ = [](const http::TestRequest&) { return ErrorReply(404, "NoSuchBucket"); };
  EXPECT_EQ(ufs_->List("", {}, {}).code(), Code::kUnavailable) << "not an empty directory";
  EXPECT_EQ(ufs_->Stat("f", {}).code(), Code::kUnavailable) << "nor an absent file";
}

}  // namespace
}  // namespace tarn::ufs::s3
