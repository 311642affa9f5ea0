// The requests that the client sends to a store that works: headers, keys, counts.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/strings.h"
#include "base/testing/temporary_directory.h"
#include "s3wire/sigv4.h"
#include "ufs/s3.h"
#include "ufs/s3/bucket_address.h"
#include "ufs/testing/s3_test_store.h"

namespace tarn::ufs::s3 {
namespace {

std::vector<std::string> Listed(UnderFileSystem& ufs, const std::string& directory,
                                size_t page_size) {
  std::vector<std::string> keys;
  ListOptions options;
  options.page_size = page_size;
  do {
    const ListPage page = ufs.List(directory, options, {}).value();
    for (const ObjectInfo& entry : page.entries) {
      keys.push_back(entry.key + (entry.type == ObjectType::kDirectory ? "/" : ""));
    }
    options.start_after = page.next_start_after;
  } while (!options.start_after.empty());
  return keys;
}

TEST_F(S3Store, KeysThatCannotBeFilesAreLeftOut) {
  for (const char* key : {"a", "a-b", "a.c", "a/x", "/lead", "b//c", "d/../e", "d/./f", "dir/", "z",
                          "d/g", "..", "."}) {
    objects_[key] = "1";
  }
  objects_[std::string(256, 'n')] = "1";
  Open();
  for (size_t page_size = 1; page_size < 16; ++page_size) {
    EXPECT_EQ(Listed(*ufs_, "", page_size),
              (std::vector<std::string>{"a-b", "a.c", "a/", "b/", "d/", "dir/", "z"}))
        << page_size;
    EXPECT_EQ(Listed(*ufs_, "b", page_size), std::vector<std::string>());
    EXPECT_EQ(Listed(*ufs_, "d", page_size), std::vector<std::string>{"d/g"});
    EXPECT_EQ(Listed(*ufs_, "dir", page_size), std::vector<std::string>());
  }
  EXPECT_EQ(ufs_->Stat("a", {}).value().type, ObjectType::kDirectory);
  EXPECT_EQ(ufs_->Stat("dir", {}).value().type, ObjectType::kDirectory);
  EXPECT_EQ(ufs_->Stat("z", {}).value().type, ObjectType::kFile);
}

TEST_F(S3Store, ALongListingIsOneRequestAPage) {
  for (int i = 0; i < 95; ++i) objects_[Concat("d/", 100 + i)] = "x";
  // File and directory 109: the mount shows the directory.
  objects_["d/109!"] = objects_["d/109/below"] = "x";
  Open();
  const size_t before = server_->Requests().size();
  std::vector<std::string> keys;
  ListOptions options;
  options.page_size = 11;
  do {
    auto page = ufs_->List("d", options, {});
    ASSERT_TRUE(page.ok()) << page.status().ToString();
    for (const ObjectInfo& info : page->entries) keys.push_back(info.key);
    options.start_after = page->next_start_after;
  } while (!options.start_after.empty());
  EXPECT_EQ(keys.size(), 96U);
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
  EXPECT_LE(server_->Requests().size() - before, 12U)
      << "one in ten names is asked for twice, and of one the ETag is compared";
}

TEST_F(S3Store, AStatIsOneHeadAndOneListAndARangeOneGet) {
  objects_["f"] = "hello";
  Open();
  const size_t before = server_->Requests().size();
  ASSERT_TRUE(ufs_->Stat("f", {}).ok());
  EXPECT_EQ(server_->Requests().size(), before + 2);
  EXPECT_EQ(Get("f"), "hello");
  EXPECT_EQ(server_->Requests().size(), before + 3);
}

TEST_F(S3Store, ConnectionsAreKept) {
  objects_["f"] = "hello";
  Open();
  for (int i = 0; i < 50; ++i) EXPECT_EQ(Get("f"), "hello");
  EXPECT_LE(server_->Connections(), 2u);
}

TEST_F(S3Store, RequestsAreSignedAsAServerVerifiesThem) {
  objects_["a b/\xc3\xa9"] = "hello";
  Open();
  EXPECT_EQ(Get("a b/\xc3\xa9"), "hello");
  ASSERT_TRUE(Put("new+file", "bytes").ok());
  for (const http::TestRequest& seen : server_->Requests()) {
    sigv4::Request request{seen.method, sigv4::UriDecode(seen.path).value(), {}, {}};
    for (const auto& header : seen.headers) request.headers.push_back(header);
    for (size_t at = 0; at < seen.query.size();) {
      const size_t end = std::min(seen.query.find('&', at), seen.query.size());
      const size_t equals = seen.query.find('=', at);
      request.query.emplace_back(
          sigv4::UriDecode(seen.query.substr(at, equals - at)).value(),
          sigv4::UriDecode(seen.query.substr(equals + 1, end - equals - 1)).value());
      at = end + 1;
    }
    const sigv4::Claim claim = sigv4::ParseClaim(request).value();
    EXPECT_EQ(claim.access_key_id, "key");
    EXPECT_TRUE(sigv4::Verify(request, claim, "very-secret")) << seen.method << " " << seen.path;
    EXPECT_EQ(claim.payload_hash, Hex(Sha256(seen.body))) << "plain HTTP signs the payload";
  }
}

TEST_F(S3Store, LargeReadsAreSeveralRangesOfOneVersion) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) bytes += static_cast<char>('a' + i % 26);
  objects_["f"] = bytes;
  Open();
  EXPECT_EQ(Read("f", 0, 1000).value(), bytes);
  EXPECT_EQ(Read("f", 950, 1000).value(), bytes.substr(950));
  EXPECT_EQ(Read("f", 5000, 1000).value(), "");
  int answered = 0;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    // Another writer replaces it during the read.
    if (++answered == 3) objects_["f"] = std::string(1000, 'x');
    return reply;
  };
  EXPECT_EQ(Read("f", 0, 1000).value(), std::string(1000, 'x'));
  answered = -1000;
  fault_ = nullptr;
  const std::string etag = ufs_->Stat("f", {}).value().etag;
  objects_["f"] = bytes;
  EXPECT_EQ(Read("f", 0, 1000, etag).code(), Code::kStale);
}

TEST_F(S3Store, PartsOfAnyAllowedSizeMakeTheObject) {
  std::string bytes;
  for (int i = 0; i < 1050; ++i) bytes += static_cast<char>('a' + i % 26);
  Open();
  for (const size_t part : {100, 110, 250, 349, 1050}) {
    ASSERT_TRUE(Put("f", bytes, {}, part).ok()) << part;
    EXPECT_EQ(objects_["f"], bytes) << part;
  }
  EXPECT_EQ(Put("f", bytes, {}, 99).code(), Code::kInvalid) << "less than a part may have";
}

TEST_F(S3Store, ACompletionWhoseAnswerIsLostIsSettledByLooking) {
  Open();
  const std::string bytes(350, 'x');
  const std::string part(100, 'x');
  bool lost = false;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestReply reply = Answer(request);
    if (request.method == "HEAD" || request.method == "GET") {
      for (auto& [name, value] : reply.headers) {
        const std::string parts = Concat(BytesOfDigest(Md5(part)), BytesOfDigest(Md5(part)),
                                         BytesOfDigest(Md5(std::string(150, 'x'))));
        if (name == "ETag") value = Concat("\"", Hex(Md5(parts)), "-3\"");
      }
    }
    if (request.method != "POST" || !request.Asks("uploadId") || std::exchange(lost, true)) {
      return reply;
    }
    return http::TestReply{.drop = true};
  };
  EXPECT_TRUE(Put("f", bytes).ok());
  EXPECT_EQ(objects_["f"], bytes);
}

TEST_F(S3Store, AttributesAreKeptAsS3fsAndRcloneDo) {
  Open();
  CreateOptions create;
  create.attributes = FileAttributes{0640, 1000, 1001, 1'234'567'890'000'000'012};
  ASSERT_TRUE(ufs_->Create("f.txt", create, {}).value()->Commit({}).ok());
  EXPECT_EQ(meta_["f.txt"]["x-amz-meta-mtime"], "1234567890.000000012");
  EXPECT_EQ(meta_["f.txt"]["x-amz-meta-mode"], "33184");
  EXPECT_EQ(meta_["f.txt"]["x-amz-meta-uid"], "1000");
  const ObjectInfo info = ufs_->Stat("f.txt", {}).value();
  EXPECT_TRUE(info.mode_kept && info.uid_kept && info.gid_kept);
  EXPECT_EQ(info.mode, 0640u);
  EXPECT_EQ(info.uid, 1000u);
  for (const char* mode : {"100640", "0100640", "0640", "33184", "416"}) {
    meta_["f.txt"]["x-amz-meta-mode"] = mode;
    EXPECT_EQ(ufs_->Stat("f.txt", {}).value().mode, 0640u) << mode;
  }
  meta_["f.txt"]["x-amz-meta-mode"] = "33184";
  EXPECT_EQ(info.gid, 1001u);
  EXPECT_EQ(info.mtime_ns, create.attributes->mtime_ns);
  EXPECT_TRUE(info.metadata.empty());
  meta_["f.txt"] = {{"x-amz-meta-mtime", "1600000000"}, {"x-amz-meta-own", "1"}};
  const ObjectInfo rclone = ufs_->Stat("f.txt", {}).value();
  EXPECT_FALSE(rclone.mode_kept || rclone.uid_kept || rclone.gid_kept);
  EXPECT_EQ(rclone.mtime_ns, 1'600'000'000'000'000'000);
  EXPECT_EQ(rclone.metadata.at("own"), "1");
}

TEST_F(S3Store, PlacementAndEncryptionAreAskedFor) {
  options_.storage_class = "STANDARD_IA";
  options_.acl = "bucket-owner-full-control";
  options_.tags = "a=1&b=2";
  options_.encryption = Encryption::kKms;
  options_.kms_key_id = "key-1";
  options_.requester_pays = true;
  Open();
  ASSERT_TRUE(Put("f.json", "{}").ok());
  const std::vector<http::TestRequest> requests = server_->Requests();
  const auto put =
      std::find_if(requests.begin(), requests.end(), [](const http::TestRequest& request) {
        return request.path == "/bucket/f.json" && request.method == "PUT";
      });
  ASSERT_NE(put, requests.end());
  EXPECT_EQ(put->headers.at("content-type"), "application/json");
  EXPECT_EQ(put->headers.at("x-amz-storage-class"), "STANDARD_IA");
  EXPECT_EQ(put->headers.at("x-amz-acl"), "bucket-owner-full-control");
  EXPECT_EQ(put->headers.at("x-amz-tagging"), "a=1&b=2");
  EXPECT_EQ(put->headers.at("x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(put->headers.at("x-amz-server-side-encryption-aws-kms-key-id"), "key-1");
  EXPECT_EQ(put->headers.at("x-amz-request-payer"), "requester");
}

TEST_F(S3Store, AMarkerIsDeletedAndNothingElse) {
  objects_ = {{"d/", ""}, {"d", "file"}, {"d/f", "1"}};
  Open();
  const DeleteRequest marker{"d", {}, ObjectType::kDirectory};
  EXPECT_TRUE(ufs_->Delete(std::span(&marker, 1), {}).at(0).ok());
  EXPECT_EQ(objects_.count("d/"), 0u);
  EXPECT_EQ(objects_.size(), 2u);
}

TEST_F(S3Store, AMarkerIsAnEmptyObjectOfItsOwnType) {
  Open();
  EXPECT_FALSE(ufs_->Traits().writes_markers);
  options_.write_directory_markers = true;
  options_.prefix = "p/";
  Open();
  EXPECT_TRUE(ufs_->Traits().writes_markers);
  CreateOptions marker;
  marker.type = ObjectType::kDirectory;
  ASSERT_TRUE(ufs_->Create("d.txt", marker, {}).value()->Commit({}).ok());
  ASSERT_TRUE(objects_.contains("p/d.txt/"));
  EXPECT_EQ(objects_["p/d.txt/"], "");
  const std::vector<http::TestRequest> all = server_->Requests();
  const auto put = std::find_if(all.rbegin(), all.rend(),
                                [](const http::TestRequest& one) { return one.method == "PUT"; });
  EXPECT_EQ(put->headers.at("content-type"), "application/x-directory");
}

TEST_F(S3Store, AMarkerWhoseKeyWouldBeTooLongIsNowhere) {
  Open();
  std::string key = "a";
  while (key.size() < 1024) key += key.size() % 200 == 0 ? '/' : 'a';
  ASSERT_TRUE(Put(key, "x").ok());
  CreateOptions marker;
  marker.type = ObjectType::kDirectory;
  EXPECT_EQ(ufs_->Create(key, marker, {}).code(), Code::kNameTooLong);
  fault_ = [](const http::TestRequest&) { return ErrorReply(400, "KeyTooLongError"); };
  const DeleteRequest gone{key, {}, ObjectType::kDirectory};
  EXPECT_TRUE(ufs_->Delete(std::span(&gone, 1), {}).at(0).ok());
}

TEST_F(S3Store, KeysNotShownAreNotedWhereTheOptionsSay) {
  for (const char* key : {"a//b", "a//c", "..", "d", "d/x"}) objects_[key] = "1";
  SkippedKeys skipped;
  options_.skipped = &skipped;
  Open();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Listed(*ufs_, "", 1000), (std::vector<std::string>{"a/", "d/"}));
  }
  EXPECT_EQ(skipped.Get().keys, 2u);
  EXPECT_EQ(Listed(*ufs_, "a", 1000), std::vector<std::string>());
  EXPECT_EQ(skipped.Get().keys, 3u) << "and what is below one, once";
}

TEST_F(S3Store, CopiesAboveTheLimitAreMadeInParts) {
  objects_["f"] = std::string(1050, 'x');
  options_.single_copy_bytes = 500;
  options_.copy_part_bytes = 400;
  Open();
  std::vector<std::string> ranges;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    const auto range = request.headers.find("x-amz-copy-source-range");
    if (range == request.headers.end()) return std::nullopt;
    ranges.push_back(range->second);
    http::TestRequest part = request;
    const size_t first = std::stoul(range->second.substr(6));
    const size_t last = std::stoul(range->second.substr(range->second.find('-') + 1));
    part.body = objects_["f"].substr(first, last - first + 1);
    Answer(part);
    return http::TestReply{200, {}, "<CopyPartResult><ETag>\"x\"</ETag></CopyPartResult>"};
  };
  EXPECT_EQ(ufs_->Move("f", "g", {}, {}).value().size_bytes, 1050u);
  EXPECT_EQ(objects_["g"], objects_["f"]);
  std::sort(ranges.begin(), ranges.end());
  EXPECT_EQ(ranges, (std::vector<std::string>{"bytes=0-399", "bytes=400-799", "bytes=800-1049"}));
}

// Ceph copies encrypted objects like this.
TEST_F(S3Store, ACopyHasTheTagsOfItsSource) {
  Open();
  objects_["f"] = "hello";
  meta_["f"] = {{"x-amz-tagging-count", "1"}};
  const std::string tags = "<Tagging><TagSet>...</TagSet></Tagging>";
  std::string tagged;
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.headers.contains("x-amz-copy-source")) {
      return http::TestReply{200, {}, "<CopyObjectResult><ETag>\"e\"</ETag></CopyObjectResult>"};
    }
    if (request.query != "tagging=") return std::nullopt;
    if (request.method == "GET") return http::TestReply{200, {}, tags};
    tagged = request.path + " " + request.body;
    return http::TestReply{200};
  };
  MoveOptions options;
  options.metadata["attempt"] = "1";
  const Status moved = ufs_->Move("f", "g", options, {}).status();
  EXPECT_TRUE(moved.ok()) << moved.ToString();
  EXPECT_EQ(tagged, "/bucket/g " + tags);
}

TEST_F(S3Store, WhatTheStoreDoesNotCopyIsReadAndWritten) {
  Open();
  for (const size_t size : {0, 1, 150, 1050}) {
    objects_["f"] = std::string(size, 'x');
    meta_["f"] = {{"x-amz-meta-mtime", "1234567890.5"},
                  {"x-amz-meta-color", "red"},
                  {"content-type", "text/x-special"},
                  {"cache-control", "no-store"}};
    std::string type;
    std::string mtime;
    fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
      if (request.headers.contains("x-amz-copy-source")) return ErrorReply(501, "NotImplemented");
      if (request.path == "/bucket/g" && request.headers.contains("content-type") &&
          !request.Asks("uploadId=")) {
        type = request.headers.at("content-type") + " " + request.headers.at("cache-control");
        mtime = request.headers.at("x-amz-meta-mtime");
      }
      return std::nullopt;
    };
    const auto moved = ufs_->Move("f", "g", {}, {});
    ASSERT_TRUE(moved.ok()) << moved.status().ToString();
    EXPECT_EQ(moved->size_bytes, size);
    EXPECT_EQ(objects_["g"], objects_["f"]);
    EXPECT_EQ(type, "text/x-special no-store") << size;
    EXPECT_EQ(mtime, "1234567890.5") << size;
    EXPECT_FALSE(upload_open_);
  }
}

TEST_F(S3Store, AnEtagIsNoMd5WhereTheBucketEncryptsByAKeyService) {
  Open();
  const std::string other(32, 'a');
  std::string service = "aws:kms";
  fault_ = [&](const http::TestRequest& request) -> std::optional<http::TestReply> {
    http::TestRequest asked = request;
    asked.headers.erase("if-match");  // That condition names the other ETag.
    http::TestReply reply = Answer(asked);
    for (auto& [name, value] : reply.headers) {
      if (name == "ETag") value = Concat("\"", other, "\"");
    }
    reply.headers.emplace_back("x-amz-server-side-encryption", service);
    return reply;
  };
  EXPECT_EQ(Put("f", "bytes").value().etag, other);
  service = "AES256";
  EXPECT_EQ(Put("f", "bytes").value().etag, other) << "its bytes were read back";
}

TEST_F(S3Store, OnlyOurUploadsAndOldOnesAreListed) {
  Open();
  upload_open_ = true;
  upload_key_ = "f";
  EXPECT_EQ(ufs_->ListUploads({}).value().size(), 1u) << "of 2013";
  options_.abandoned_upload_age = std::chrono::hours(24 * 365 * 90);
  Open();
  EXPECT_TRUE(ufs_->ListUploads({}).value().empty()) << "it is of another client";
}

TEST_F(S3Store, AnUploadWhoseStartWasNotAnsweredIsOursAlsoAfterACrash) {
  const TemporaryDirectory directory;
  options_.upload_journal = directory.path() + "/uploads";
  options_.abandoned_upload_age = std::chrono::hours(24 * 365 * 90);
  options_.retry.max_retries = 0;
  Open();
  fault_ = [this](const http::TestRequest& request) -> std::optional<http::TestReply> {
    if (request.method != "POST") return std::nullopt;
    Answer(request);
    return ErrorReply(500, "InternalError");
  };
  EXPECT_FALSE(Put("f", std::string(150, 'x'), {}, 100).ok());
  EXPECT_TRUE(upload_open_);
  fault_ = nullptr;
  Open();
  EXPECT_EQ(ufs_->ListUploads({}).value().size(), 1u);
  upload_key_ = "ff";
  EXPECT_TRUE(ufs_->ListUploads({}).value().empty()) << "it is of another client";
}

TEST_F(S3Store, ADeadlineTellsWhatWentWrongBeforeIt) {
  objects_["f"] = "hello";
  Open();
  bool first = true;
  fault_ = [&](const http::TestRequest&) {
    if (std::exchange(first, false)) return ErrorReply(500, "InternalError");
    return http::TestReply{.claimed_bytes = 5, .hang = true};
  };
  const std::string reason = "before that: read s3://bucket/f [0,5): HTTP 500";
  Status told;
  // On a busy machine even the first answer may be late.
  for (int seconds = 1; seconds <= 64 && told.message().find(reason) == std::string::npos;
       seconds *= 2) {
    first = true;
    CallOptions late;
    late.deadline = Deadline::After(SystemClock(), std::chrono::seconds(seconds));
    told = Read("f", 0, 5, "", late).status();
    EXPECT_EQ(told.code(), Code::kDeadlineExceeded);
  }
  EXPECT_NE(told.message().find(reason), std::string::npos) << told.message();
}

TEST_F(S3Store, OptionsThatMakeNoSenseAreRefused) {
  const auto open = [this] {
    return OpenS3Ufs(options_, ProcessEnvironment(), clock_, {}).status();
  };
  const S3Options good = options_;
  options_.endpoint = "ftp://host";
  EXPECT_EQ(open().code(), Code::kInvalid);
  options_ = good;
  options_.bucket = "a/b";
  EXPECT_EQ(open().code(), Code::kInvalid);
  options_ = good;
  options_.encryption = Encryption::kCustomer;
  options_.customer_key = "c2hvcnQ=";
  EXPECT_EQ(open().code(), Code::kInvalid);
  options_ = good;
  options_.bucket = "absent";
  EXPECT_EQ(open().code(), Code::kNotFound);
}

TEST(S3Address, BucketsGoIntoTheHostWhereTheyFit) {
  const Environment none = [](const std::string&) { return std::nullopt; };
  const auto place_of = [&](const std::string& endpoint, const std::string& bucket, bool disabled) {
    S3Options options;
    options.endpoint = endpoint;
    options.bucket = bucket;
    options.region = "eu-west-1";
    options.disable_dns_buckets = disabled;
    return AddressOf(options, none).value();
  };
  EXPECT_EQ(place_of("", "bucket", false).host, "s3.eu-west-1.amazonaws.com");
  EXPECT_TRUE(place_of("", "bucket", false).bucket_in_host);
  EXPECT_FALSE(place_of("", "bucket", true).bucket_in_host);
  EXPECT_FALSE(place_of("", "dotted.bucket", false).bucket_in_host);
  EXPECT_FALSE(place_of("", "Upper", false).bucket_in_host);
  EXPECT_FALSE(place_of("http://127.0.0.1:9000", "bucket", false).bucket_in_host);
  EXPECT_FALSE(place_of("http://minio:9000", "bucket", false).bucket_in_host);
  EXPECT_TRUE(place_of("https://storage.example.com", "bucket", false).bucket_in_host);
  EXPECT_EQ(place_of("https://h.example.com/s3/", "bucket", true).path, "/s3");
  EXPECT_EQ(InRegion(place_of("", "bucket", false), "us-west-2").host,
            "s3.us-west-2.amazonaws.com");
}

TEST(S3Address, OtherMachinesOverPlainHttpAreInClear) {
  const auto in_clear = [](const std::string& scheme, const std::string& host) {
    BucketAddress address;
    address.scheme = scheme;
    address.host = host;
    return IsInClear(address);
  };
  EXPECT_TRUE(in_clear("http", "store.example.com:9000"));
  EXPECT_TRUE(in_clear("http", "10.0.0.7"));
  EXPECT_TRUE(in_clear("http", "[fe80::1]:80"));
  EXPECT_FALSE(in_clear("https", "10.0.0.7"));
  for (const char* here : {"127.0.0.1:9000", "[::1]:9000", "localhost", "s3.localhost:80"}) {
    EXPECT_FALSE(in_clear("http", here)) << here;
  }
}

TEST(S3Address, APasswordInTheEndpointIsNotRepeated) {
  S3Options options;
  options.bucket = "bucket";
  const Environment variables = [](const std::string& name) {
    return name == "AWS_ENDPOINT_URL" ? std::optional<std::string>("http://joe:hun@ter2@h")
                                      : std::nullopt;
  };
  const Status refused = AddressOf(options, variables).status();
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_EQ(refused.message().find("ter2"), std::string::npos) << refused.ToString();
  EXPECT_NE(refused.message().find("@h\""), std::string::npos) << refused.ToString();
}

}  // namespace
}  // namespace tarn::ufs::s3
