#include "s3wire/sigv4.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace tarn::sigv4 {
namespace {

// AWS's "Signature Version 4 test suite": one service, day and key.
const Credentials kSuite = {"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
const Scope kSuiteScope = {"20150830T123600Z", "us-east-1", "service"};
// The examples of the S3 API reference.
const Credentials kS3 = {"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
const Scope kS3Scope = {"20130524T000000Z", "us-east-1", "s3"};

std::span<const std::byte> BytesOf(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

struct Vector {
  std::string name;
  Request request;
  std::string body;
  std::string signature;
};

Request SuiteRequest(std::string method, std::string path, Pairs query = {}, Pairs more = {}) {
  Pairs headers = {{"Host", "example.amazonaws.com"}};
  headers.insert(headers.end(), more.begin(), more.end());
  return {std::move(method), std::move(path), std::move(query), std::move(headers)};
}

const std::string kUnreserved =
    "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

const Vector kVectors[] = {
    {"get-vanilla", SuiteRequest("GET", "/"), "",
     "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
    {"get-vanilla-query-order-key-case",
     SuiteRequest("GET", "/", {{"Param2", "value2"}, {"Param1", "value1"}}), "",
     "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
    {"get-vanilla-empty-query-key", SuiteRequest("GET", "/", {{"Param1", "value1"}}), "",
     "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
    {"get-vanilla-query-unreserved", SuiteRequest("GET", "/", {{kUnreserved, kUnreserved}}), "",
     "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
    {"get-unreserved", SuiteRequest("GET", "/" + kUnreserved), "",
     "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
    {"get-utf8", SuiteRequest("GET", "/\xe1\x88\xb4"), "",
     "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
    {"get-header-key-duplicate",
     SuiteRequest("GET", "/", {},
                  {{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}}),
     "", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
    {"get-header-value-order",
     SuiteRequest("GET", "/", {},
                  {{"My-Header1", "value4"},
                   {"My-Header1", "value1"},
                   {"My-Header1", "value3"},
                   {"My-Header1", "value2"}}),
     "", "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
    {"get-header-value-trim",
     SuiteRequest("GET", "/", {}, {{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}}),
     "", "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
    {"post-vanilla", SuiteRequest("POST", "/"), "",
     "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
    {"post-x-www-form-urlencoded",
     SuiteRequest("POST", "/", {}, {{"Content-Type", "application/x-www-form-urlencoded"}}),
     "Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
};

TEST(Sigv4, TheSuiteOfAwsIsSignedAsPublished) {
  for (const Vector& vector : kVectors) {
    Request request = vector.request;
    const Signed out = SignHeaders(request, kSuite, kSuiteScope, Hex(Sha256(vector.body)));
    EXPECT_EQ(out.signature, vector.signature) << vector.name;
  }
}

TEST(Sigv4, TheCanonicalRequestIsAsPublished) {
  Request request = SuiteRequest("GET", "/", {}, {{"X-Amz-Date", "20150830T123600Z"}});
  const std::string canonical =
      CanonicalRequest(request, {"host", "x-amz-date"}, Hex(Sha256(std::string_view())));
  EXPECT_EQ(canonical,
            "GET\n/\n\nhost:example.amazonaws.com\nx-amz-date:20150830T123600Z\n\nhost;x-amz-date\n"
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(StringToSign(kSuiteScope, canonical),
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n"
            "bb579772317eb040ac9ed261061d46c1f17a8133879d6129b6e1c25292927e63");
}

TEST(Sigv4, TheExamplesOfS3AreSignedAsPublished) {
  const std::string nothing = Hex(Sha256(std::string_view()));
  const std::pair<std::string, std::string> host = {"Host", "examplebucket.s3.amazonaws.com"};
  Request get = {"GET", "/test.txt", {}, {host, {"Range", "bytes=0-9"}}};
  EXPECT_EQ(SignHeaders(get, kS3, kS3Scope, nothing).signature,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  EXPECT_EQ(get.headers.back().second,
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature="
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  Request put = {"PUT",
                 "/test$file.text",
                 {},
                 {host,
                  {"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                  {"x-amz-storage-class", "REDUCED_REDUNDANCY"}}};
  EXPECT_EQ(put.EncodedTarget(), "/test%24file.text");
  EXPECT_EQ(SignHeaders(put, kS3, kS3Scope, Hex(Sha256("Welcome to Amazon S3."))).signature,
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  Request lifecycle = {"GET", "/", {{"lifecycle", ""}}, {host}};
  EXPECT_EQ(SignHeaders(lifecycle, kS3, kS3Scope, nothing).signature,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
  Request list = {"GET", "/", {{"max-keys", "2"}, {"prefix", "J"}}, {host}};
  EXPECT_EQ(SignHeaders(list, kS3, kS3Scope, nothing).signature,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

TEST(Sigv4, ThePresignedExampleIsSignedAsPublished) {
  Request request = {"GET", "/test.txt", {}, {{"Host", "examplebucket.s3.amazonaws.com"}}};
  EXPECT_EQ(Presign(request, kS3, kS3Scope, 86400).signature,
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

Request StreamingRequest(Pairs more) {
  Pairs headers = {{"Host", "s3.amazonaws.com"},
                   {"x-amz-storage-class", "REDUCED_REDUNDANCY"},
                   {"Content-Encoding", "aws-chunked"},
                   {"x-amz-decoded-content-length", "66560"}};
  headers.insert(headers.end(), more.begin(), more.end());
  return {"PUT", "/examplebucket/chunkObject.txt", {}, std::move(headers)};
}

TEST(Sigv4, TheChunkedExampleIsSignedAsPublished) {
  Request request = StreamingRequest({{"Content-Length", "66824"}});
  const Signed seed = SignHeaders(request, kS3, kS3Scope, kStreamingPayload);
  EXPECT_EQ(seed.signature, "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9");
  ChunkSigner chunks(SigningKey(kS3.secret_access_key, kS3Scope), kS3Scope, seed.signature);
  EXPECT_EQ(chunks.SignChunk(BytesOf(std::string(65536, 'a'))),
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648");
  EXPECT_EQ(chunks.SignChunk(BytesOf(std::string(1024, 'a'))),
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497");
  EXPECT_EQ(chunks.SignChunk({}),
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9");
}

TEST(Sigv4, TheChunkedExampleWithATrailerIsSignedAsPublished) {
  Request request = StreamingRequest({{"x-amz-trailer", "x-amz-checksum-crc32c"}});
  const Signed seed = SignHeaders(request, kS3, kS3Scope, kStreamingPayloadTrailer);
  EXPECT_EQ(seed.signature, "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e");
  ChunkSigner chunks(SigningKey(kS3.secret_access_key, kS3Scope), kS3Scope, seed.signature);
  EXPECT_EQ(chunks.SignChunk(BytesOf(std::string(65536, 'a'))),
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2");
  EXPECT_EQ(chunks.SignChunk(BytesOf(std::string(1024, 'a'))),
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7");
  EXPECT_EQ(chunks.SignChunk({}),
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992");
  EXPECT_EQ(chunks.SignTrailers({{"x-amz-checksum-crc32c", "sOO8/Q=="}}),
            "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
}

TEST(Sigv4, WhatWasSignedIsVerified) {
  Credentials session = kS3;
  session.session_token = "a/session+token";
  for (const bool presigned : {false, true}) {
    Request request = {"GET", "/a//b/../\xc3\xa9 +%2F", {{"x", "1 2"}}, {{"Host", "h"}}};
    presigned ? Presign(request, session, kS3Scope, 60)
              : SignHeaders(request, session, kS3Scope, kUnsignedPayload);
    const Claim claim = ParseClaim(request).value();
    EXPECT_EQ(claim.access_key_id, kS3.access_key_id);
    EXPECT_EQ(claim.session_token, session.session_token);
    EXPECT_EQ(claim.scope.Text(), kS3Scope.Text());
    EXPECT_EQ(claim.presigned, presigned);
    EXPECT_TRUE(Verify(request, claim, session.secret_access_key));
    EXPECT_FALSE(Verify(request, claim, "another secret"));
    Request changed = request;
    changed.path += "x";
    EXPECT_FALSE(Verify(changed, claim, session.secret_access_key));
    changed = request;
    changed.query.emplace_back("more", "");
    EXPECT_FALSE(Verify(changed, claim, session.secret_access_key));
    changed = request;
    changed.headers[0].second = "another";
    EXPECT_FALSE(Verify(changed, claim, session.secret_access_key));
  }
}

TEST(Sigv4, MalformedClaimsAreRefused) {
  Request request = {"GET", "/", {}, {{"Host", "h"}}};
  EXPECT_EQ(ParseClaim(request).code(), Code::kPermission);
  SignHeaders(request, kS3, kS3Scope, kUnsignedPayload);
  const std::string good = request.headers.back().second;
  const std::string others[] = {"Basic eDp5",
                                "AWS4-HMAC-SHA256 ",
                                "AWS4-HMAC-SHA256 Credential=a/b",
                                good.substr(0, good.find("Signature")),
                                "AWS4-HMAC-SHA256 Credential=AK/20130525/r/s3/aws4_request, "
                                "SignedHeaders=host, Signature=00",
                                "AWS4-HMAC-SHA256 Credential=AK/20130524/r/s3/aws4_request, "
                                "SignedHeaders=x-amz-date, Signature=00"};
  for (const std::string& other : others) {
    request.headers.back().second = other;
    EXPECT_EQ(ParseClaim(request).code(), Code::kInvalid) << other;
  }
  Request url = {"GET", "/", {{"X-Amz-Algorithm", "AWS4-HMAC-SHA256"}}, {{"Host", "h"}}};
  EXPECT_EQ(ParseClaim(url).code(), Code::kInvalid);
}

TEST(Sigv4, AnAccessKeyIdMayHoldASlash) {
  Credentials odd = kS3;
  odd.access_key_id = "team/key";
  Request request = {"GET", "/", {}, {{"Host", "h"}}};
  SignHeaders(request, odd, kS3Scope, kUnsignedPayload);
  EXPECT_EQ(ParseClaim(request).value().access_key_id, "team/key");
}

TEST(Sigv4, TimesAreFormattedAndParsed) {
  EXPECT_EQ(FormatTime(1'369'353'600'999'999'999), "20130524T000000Z");
  EXPECT_EQ(ParseTime("20130524T000000Z").value(), 1'369'353'600);
  for (const char* text :
       {"", "20130524", "20130524T000000", "2013-05-24T00:00:00Z", "20130524T000000Z "}) {
    EXPECT_EQ(ParseTime(text).code(), Code::kInvalid) << text;
  }
}

TEST(Sigv4, EveryByteIsEncodedAndDecoded) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  EXPECT_EQ(UriDecode(UriEncode(all, Slash::kEncode)).value(), all);
  EXPECT_EQ(UriEncode("a/b ~+", Slash::kEncode), "a%2Fb%20~%2B");
  EXPECT_EQ(UriEncode("a/b ~+", Slash::kKeep), "a/b%20~%2B");
  for (const char* bad : {"%", "%4", "%4x", "a%"}) {
    EXPECT_EQ(UriDecode(bad).code(), Code::kInvalid) << bad;
  }
}

TEST(Digest, KnownAnswers) {
  EXPECT_EQ(Hex(Md5("abc")), "900150983cd24fb0d6963f7d28e17f72");
  EXPECT_EQ(Base64(Md5("abc")), "kAFQmDzST7DWlj99KOF/cg==");
  for (const char* text : {"", "a", "ab", "abc", "abcd"}) {
    EXPECT_EQ(DecodeBase64(Base64(BytesOf(text))).value(), text);
  }
  for (const char* bad : {"a", "ab=", "a$bc"}) EXPECT_FALSE(DecodeBase64(bad).has_value()) << bad;
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  Md5Stream stream;
  stream.Update(BytesOf("a"));
  stream.Update(BytesOf("bc"));
  EXPECT_EQ(stream.Finish(), Md5("abc"));
  EXPECT_EQ(FromHex("00fF").value(), std::string("\0\xff", 2));
  EXPECT_FALSE(FromHex("0").has_value());
  EXPECT_TRUE(EqualInConstantTime("ab", "ab"));
  EXPECT_FALSE(EqualInConstantTime("ab", "ac"));
  EXPECT_FALSE(EqualInConstantTime("ab", "abc"));
}

}  // namespace
}  // namespace tarn::sigv4
